"""Pictures for the views of the page, each taken only while somebody looks at it."""

import numpy as np

from snnlab.chip.constants import DT_CADC
from snnlab.encoding import latency_encode
from snnlab.learn.network import decode
from snnlab.learn.trainer import Progress, Trainer
from snnlab.seeding import key
from snnlab_app.snapshot import Frame


class Studio:
    """Takes pictures of one training. ``progress`` is what its newest step told."""

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        self.progress: Progress | None = None

    def take(self, view: str, wishes: dict, hurry: bool = False) -> object:
        """What ``view`` shows; in a ``hurry`` little of the training's time is taken."""
        maker = {}.get(view)
        return maker(wishes, hurry) if maker else None

    def frame(self, image: np.ndarray, label: str | None, noise: str, number: int) -> Frame:
        """One image on the chip, with the noise that goes by a name and a number."""
        trainer, network, c = self._trainer, self._trainer.network, self._trainer.settings
        ids = np.array([number], np.uint64)
        events = latency_encode(image[None], c.tau_in, c.theta_in, trainer.point.window, ids)
        if c.grid == "cadc":
            events = events.on_grid(DT_CADC)
        trial = key(c.seed, noise, number)
        recording = trainer.chip.run(events, network.weights_lsb(), trial=trial)
        traces = decode(recording, network.scales()[-1])[0]
        classes = trainer.dataset.classes
        return Frame(
            image=image,
            label=label,
            recording=recording,
            label_traces=traces,
            decision=classes[int(traces.max(axis=0).argmax())],
        )
