"""Readout: from the label traces of an image to a score per label; the highest score decides.

The rule is the same for training (torch tensors) and for studies of decision time and the
dashboard (numpy arrays). Every readout has two forms: the final score, and the score so far, which
ends at it.
"""

from collections.abc import Callable
from math import exp, fsum
from typing import NamedTuple

import numpy as np

from snnlab.errors import SnnlabError


class _Rule(NamedTuple):
    """final : traces [..., step, label] to scores [..., label]; so_far : scores at every step."""

    final: Callable
    so_far: Callable


def _peak(traces):
    """torch's ``amax`` shares the gradient evenly among equal samples, its ``max`` does not."""
    return (traces.amax if hasattr(traces, "amax") else traces.max)(axis=-2)


BELOW_REST = 0.1
"""Share for which a potential below rest counts in an area. Where only the part above rest counts,
a label that the first steps drive below rest receives no gradient from any image and is lost for
good: up to half of the software networks lost one."""


def _above_rest(traces):
    """The part above rest, and a small share of that below; the slope at rest is that above."""
    below = traces < 0
    return traces * ~below + BELOW_REST * (traces * below)


FADING_SAMPLES = 5
"""Samples after which the weight of the fading readout has fallen by a factor e: 8.5 µs."""


def _faded(traces):
    """The part above rest by the weight of each sample; the weights of all samples add to 1."""
    of_step = [exp(-step / FADING_SAMPLES) for step in range(traces.shape[-2])]
    of_step = [[weight / fsum(of_step)] for weight in of_step]  # [step, 1]
    if hasattr(traces, "new_tensor"):
        return _above_rest(traces) * traces.new_tensor(of_step)
    kind = traces.dtype if traces.dtype.kind == "f" else float
    return _above_rest(traces) * np.array(of_step, kind)


RULES = {
    "maximum": _Rule(_peak, lambda traces: np.maximum.accumulate(traces, axis=-2)),
    "sum": _Rule(
        lambda traces: _above_rest(traces).mean(axis=-2),
        lambda traces: _above_rest(traces).cumsum(axis=-2) / traces.shape[-2],
    ),
    "fading": _Rule(
        lambda traces: _faded(traces).sum(axis=-2),
        lambda traces: _faded(traces).cumsum(axis=-2),
    ),
    "last": _Rule(lambda traces: traces[..., -1, :], lambda traces: traces),
}
"""By name. "maximum" is the highest potential, as in the paper; "sum" the area under the potential
above rest, less a tenth of that below, as mean over all samples of the converter, which depends on
no single noisy sample;
"fading" the same with weights that fall exponentially, so that early spikes count for more (loss
shaping of Nowotny, Turner and Knight, 2025): the area alone does not depend on when a spike comes,
and a gradient of spike times has nothing to go by; "last" the potential at the last sample."""


def scores(traces, readout: str = "maximum"):
    """Score of each label at the end of the image : [..., label], in the unit of the traces.

    traces : [..., step, label], relative to rest; a numpy array or a torch tensor, through which
    the gradient flows. readout : a name of RULES. Raises :class:`SnnlabError` for another name.
    """
    return _rule(readout).final(traces)


def scores_so_far(traces: np.ndarray, readout: str = "maximum") -> np.ndarray:
    """Score of each label if the image ended at each CADC sample : [..., step, label].

    traces : as for :func:`scores`, an array. The scores at the last step are those of
    :func:`scores`; those of "sum" and "fading" add up to it. Raises :class:`SnnlabError` for an
    unknown readout.
    """
    return _rule(readout).so_far(traces)


def _rule(readout):
    if readout not in RULES:
        raise SnnlabError(f"readout {readout!r} is unknown: use {', '.join(RULES)}")
    return RULES[readout]
