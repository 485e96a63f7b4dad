"""Conversion of array-likes (lists, torch tensors, arrays of other dtypes) without loss."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from snnlab.errors import SnnlabError


def as_array(given: ArrayLike, what: str) -> np.ndarray:
    """An array-like as a NumPy array; tensors are detached and copied to the CPU.

    Raises :class:`SnnlabError`, naming ``what``, if rows differ in length or elements are neither
    numbers nor strings.
    """
    tensor = given.detach().cpu() if hasattr(given, "detach") else given
    try:
        made = np.asarray(tensor)
        if made.dtype != object:
            return made
    except (ValueError, TypeError, RuntimeError):  # ragged, or of a type unknown to NumPy
        pass
    raise SnnlabError(
        f"{what}: this {type(given).__name__} is not an array: give numbers in rows of equal length"
    )


def as_arrays(given: Iterable[ArrayLike], what: str) -> list[np.ndarray]:
    """One array per layer; raises :class:`SnnlabError` if ``given`` is not a sequence of arrays."""
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | dict):
        return [as_array(one, f"{what} of layer {layer}") for layer, one in enumerate(given)]
    raise SnnlabError(f"{what} are a {type(given).__name__}: give a list with one array per layer")


def as_pixels(given: ArrayLike, what: str) -> np.ndarray:
    """Images as uint8 if that changes no value; otherwise unchanged, for the caller to refuse.

    True becomes 255. Floats are converted only if they are whole numbers and exceed 1 somewhere:
    values up to 1 may be fractions of full brightness.
    """
    made = as_array(given, what)
    if made.dtype == bool:
        return np.where(made, np.uint8(255), np.uint8(0))
    if made.dtype.kind == "f" and not (made > 1).any():
        return made
    return cast_exact(made, np.uint8, what)


def cast_exact(given: ArrayLike, dtype: DTypeLike, what: str) -> np.ndarray:
    """An array of ``dtype`` if that changes no value, else unchanged, for the caller to refuse.

    Raises as :func:`as_array`.
    """
    made = as_array(given, what)
    if made.dtype == dtype or made.dtype.kind not in "biuf":
        return made
    with np.errstate(invalid="ignore"):  # NaN
        cast = made.astype(dtype)
    return cast if (cast == made).all() else made
