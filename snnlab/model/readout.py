"""Readout: from the label traces of an image to a score per label; the highest score decides.

The rule is the same for training, for studies of decision time and for the dashboard. Every readout
has three forms: the final score, the score so far, which ends at it, and the gradient of the final
score.
"""

from collections.abc import Callable
from math import exp, fsum
from typing import NamedTuple

import numpy as np

from snnlab.errors import SnnlabError


class _Rule(NamedTuple):
    """final : traces [..., step, label] to scores [..., label]; so_far : scores at every step;
    back : traces and the gradient of scores [..., 1, label] to that of traces."""

    final: Callable
    so_far: Callable
    back: Callable


def _peak(traces):
    """torch's ``amax`` shares the gradient evenly among equal samples, its ``max`` does not."""
    return traces.amax(axis=-2) if hasattr(traces, "amax") else _steps_first(traces).max(axis=0)


def _to_peak(traces, d_scores):
    traces = _steps_first(traces)
    highest = (traces == traces.max(axis=0)).astype(np.float32)
    return np.moveaxis(highest * (d_scores[..., 0, :] / highest.sum(axis=0)), 0, -2)


def _steps_first(traces):
    """A copy with the steps first, the axis that numpy reduces fastest."""
    return np.ascontiguousarray(np.moveaxis(traces, -2, 0))


def _to_last(traces, d_scores):
    d_traces = np.zeros(traces.shape)
    d_traces[..., -1:, :] = d_scores
    return d_traces


BELOW_REST = 0.1
"""Share for which a potential below rest counts in an area. Where only the part above rest counts,
a label that the first steps drive below rest receives no gradient from any image and is lost for
good: up to half of the software networks lost one."""


def _above_rest(traces):
    """The part above rest, and a small share of that below; the slope at rest is that above."""
    below = traces < 0
    return traces * ~below + BELOW_REST * (traces * below)


def _slope(traces):
    return np.where(traces < 0, BELOW_REST, 1.0)


FADING_SAMPLES = 5
"""Samples after which the weight of the fading readout has fallen by a factor e: 8.5 µs."""


def _fading(traces):
    """Weight of each sample, which add to 1 : [step, 1], in the kind of the traces."""
    of_step = [exp(-step / FADING_SAMPLES) for step in range(traces.shape[-2])]
    of_step = [[weight / fsum(of_step)] for weight in of_step]
    if hasattr(traces, "new_tensor"):
        return traces.new_tensor(of_step)
    return np.array(of_step, traces.dtype if traces.dtype.kind == "f" else float)


def _faded(traces):
    """The part above rest by the weight of each sample."""
    return _above_rest(traces) * _fading(traces)


RULES = {
    "maximum": _Rule(_peak, lambda traces: np.maximum.accumulate(traces, axis=-2), _to_peak),
    "sum": _Rule(
        lambda traces: _above_rest(traces).mean(axis=-2),
        lambda traces: _above_rest(traces).cumsum(axis=-2) / traces.shape[-2],
        lambda traces, d_scores: _slope(traces) * (d_scores / traces.shape[-2]),
    ),
    "fading": _Rule(
        lambda traces: _faded(traces).sum(axis=-2),
        lambda traces: _faded(traces).cumsum(axis=-2),
        lambda traces, d_scores: _slope(traces) * (d_scores * _fading(traces)),
    ),
    "last": _Rule(lambda traces: traces[..., -1, :], lambda traces: traces, _to_last),
}
"""By name. "maximum" is the highest potential, as in the paper; "sum" the area under the potential
above rest, less a tenth of that below, as mean over all samples of the converter, which depends on
no single noisy sample; "fading" the same with weights that fall exponentially, so that early spikes
count for more (loss shaping of Nowotny, Turner and Knight, 2025): the area alone does not depend on
when a spike comes, and a gradient of spike times has nothing to go by; "last" the potential at the
last sample."""


def scores(traces, readout: str = "maximum"):
    """Score of each label at the end of the image : [..., label], in the unit of the traces.

    traces : [..., step, label], relative to rest; a numpy array or a torch tensor, through which
    the gradient flows. readout : a name of RULES. Raises :class:`SnnlabError` for another name.
    """
    return _rule(readout).final(traces)


def differentiate(traces: np.ndarray, d_scores: np.ndarray, readout: str = "maximum") -> np.ndarray:
    """Gradient of the label traces from that of their scores : float32[..., step, label].

    traces : as for :func:`scores`, an array; d_scores : [..., label]. Equal peaks share the
    gradient of "maximum" evenly. Raises :class:`SnnlabError` for an unknown readout.
    """
    d_traces = _rule(readout).back(traces, d_scores[..., None, :])
    return np.ascontiguousarray(d_traces, np.float32)


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
