"""What people have for an array: lists, tensors of torch, arrays of another kind of numbers."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from snnlab.errors import SnnlabError


def array(given: ArrayLike, what: str) -> np.ndarray:
    """An array-like as NumPy's own; a tensor without its gradient, from whatever device.

    Raises :class:`SnnlabError`, naming ``what``, if its rows have different lengths or hold
    anything but numbers or words.
    """
    tensor = given.detach().cpu() if hasattr(given, "detach") else given
    try:
        made = np.asarray(tensor)
        if made.dtype != object:
            return made
    except (ValueError, TypeError, RuntimeError):  # ragged, or of a kind that NumPy does not know
        pass
    raise SnnlabError(
        f"{what}: a {type(given).__name__} that is no array: give numbers, in rows of equal length"
    )


def each(given: Iterable[ArrayLike], what: str) -> list[np.ndarray]:
    """Array-likes of all layers; raises :class:`SnnlabError` unless they come in a list or such."""
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | dict):
        return [array(one, f"{what} of layer {layer}") for layer, one in enumerate(given)]
    raise SnnlabError(
        f"{what} are a {type(given).__name__}: give a list with an array for each layer"
    )


def pixels_of(given: ArrayLike, what: str) -> np.ndarray:
    """Pictures as 8-bit pixels if that changes none; else as they are, to be refused.

    True is bright, 255. Floats must be whole numbers and exceed 1 somewhere: up to 1 they may mean
    shares of full brightness.
    """
    made = array(given, what)
    if made.dtype == bool:
        return np.where(made, np.uint8(255), np.uint8(0))
    if made.dtype.kind == "f" and not (made > 1).any():
        return made
    return exact(made, np.uint8, what)


def exact(given: ArrayLike, dtype: DTypeLike, what: str) -> np.ndarray:
    """As :func:`array`, of ``dtype`` if that changes no value; else of its own, to be refused."""
    made = array(given, what)
    if made.dtype == dtype or made.dtype.kind not in "biuf":
        return made
    with np.errstate(invalid="ignore"):  # NaN
        cast = made.astype(dtype)
    return cast if (cast == made).all() else made
