"""Kernels that are kept compiled on disk, where there is a place for them and it is sound."""

import logging
from contextlib import suppress
from functools import cache

from numba import njit
from numba.core.caching import FunctionCache

_log = logging.getLogger(__name__)


def compiled(**options):
    """As ``numba.njit(cache=True, …)``; without a folder to keep it in, or with a damaged or full
    one, the kernel is compiled anew instead of an error. It is told once."""

    def decorate(function):
        kernel = njit(**options)(function)
        if hasattr(kernel, "enable_caching"):  # not where compiling is switched off
            try:
                kernel._cache = _Cache(function)
            except RuntimeError:  # numba: no locator available
                _tell("no folder for them can be written")
        return kernel

    return decorate


class _Cache(FunctionCache):
    """Numba's, for which a damaged file is as good as none."""

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a damaged pickle may raise what it likes
            _tell(f"{self.cache_path} is damaged ({type(error).__name__})")
            with suppress(OSError):
                self.flush()  # what comes next is written anew
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _tell(f"{self.cache_path} cannot be written ({error.strerror})")


@cache
def _tell(why):
    _log.warning(
        "kernels are compiled anew, which takes half a minute: %s; NUMBA_CACHE_DIR names another"
        " folder",
        why,
    )
