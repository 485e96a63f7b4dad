"""Readout: from the label traces of an image to a score per label; the highest score decides.

The rule is the same for training, for studies of decision time and for the dashboard. Every readout
has three forms: the final score, the score so far, which ends at it, and the gradient of the final
score.
"""

from collections.abc import Callable
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


def _above_rest(traces):
    """The part above rest, with gradient 0 at rest and below."""
    return traces * (traces > 0)


RULES = {
    "maximum": _Rule(_peak, lambda traces: np.maximum.accumulate(traces, axis=-2), _to_peak),
    "sum": _Rule(
        lambda traces: _above_rest(traces).mean(axis=-2),
        lambda traces: _above_rest(traces).cumsum(axis=-2) / traces.shape[-2],
        lambda traces, d_scores: (traces > 0) * (d_scores / traces.shape[-2]),
    ),
    "last": _Rule(lambda traces: traces[..., -1, :], lambda traces: traces, _to_last),
}
"""By name. "maximum" is the highest potential, as in the paper; "sum" the area under the potential
above rest, as mean over all samples of the converter, which depends on no single noisy sample;
"last" the potential at the last sample."""


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
    :func:`scores`; those of "sum" rise to it. Raises :class:`SnnlabError` for an unknown readout.
    """
    return _rule(readout).so_far(traces)


def _rule(readout):
    if readout not in RULES:
        raise SnnlabError(f"readout {readout!r} is unknown: use {', '.join(RULES)}")
    return RULES[readout]
