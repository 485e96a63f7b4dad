"""Kernels whose compiled code is cached on disk, if a folder can be written."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from numba import njit
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.dispatcher import Dispatcher

NOT_PARALLEL = (
    "comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion",
)  # fmt: skip
"""What stays as it is in a parallel kernel: all but loops over ``prange``. By itself numba makes a
parallel loop of each array that is filled too, which takes a second to compile and gains nothing.
"""
KERNELS: list[Callable] = []
"""All such kernels of the imported modules."""
_log = logging.getLogger(__name__)


def compiled(**options):
    """As ``numba.njit(cache=True, …)``; without a folder to keep it in, or with a damaged or full
    one, the kernel is compiled again instead of an error, with a warning once."""

    if options.get("parallel"):
        options["parallel"] = dict.fromkeys(NOT_PARALLEL, False)

    def decorate(function):
        kernel = njit(**options)(function)
        if hasattr(kernel, "enable_caching"):  # not where compiling is switched off
            try:
                kernel._cache = _Cache(kernel)
            except RuntimeError:  # numba: no locator available
                _tell("no folder for them can be written")
        KERNELS.append(kernel)
        return kernel

    return decorate


@contextmanager
def compiling(
    kernels: Iterable[Callable], stage: str, tell: Callable[[str, float | None], None]
) -> Iterator[None]:
    """Report a stage by ``tell(message, fraction)``, with progress in compiling ``kernels``."""
    tell(stage, None)
    with event.install_listener("numba:compile", _Count(kernels, stage, tell)):
        yield


class _Count(event.Listener):
    """Counts the compiled functions of some kernels, by numba's events."""

    def __init__(self, kernels, stage, tell):
        self._parts = [(k, _parts(k)) for k in kernels if isinstance(k, Dispatcher)]
        self._all = set().union(*(parts for _, parts in self._parts))
        self._stage, self._tell = stage, tell
        self._depth, self._done = 0, set()

    def on_start(self, event):
        self._depth += 1
        self._say(event)

    def on_end(self, event):
        self._depth = max(self._depth - 1, 0)  # another thread may have begun before us
        self._done.add(event.data["dispatcher"].py_func)
        if self._depth:
            self._say(event)
        else:
            self._tell(self._stage, None)

    def _say(self, event):
        if event.data["dispatcher"].py_func not in self._all:
            return
        ready = [parts for kernel, parts in self._parts if kernel.signatures]  # or loaded
        done, n = len(self._all.intersection(self._done.union(*ready))), len(self._all)
        what = f"compiling kernel {min(done + 1, n)} of {n} (once, then kept on disk)"
        self._tell(what, done / n)


def _parts(kernel):
    """The functions compiled for a kernel: itself and those it calls, except inlined ones."""
    return {
        each.py_func for each in _called(kernel) if each.targetoptions.get("inline") != "always"
    }


def _called(kernel):
    """A kernel and all compiled functions that it calls, at any depth."""
    found, left = set(), [kernel]
    while left:
        each = left.pop()
        if isinstance(each, Dispatcher) and each not in found:
            found.add(each)
            function = each.py_func
            left += [function.__globals__.get(name) for name in function.__code__.co_names]
    return found


class _Cache(FunctionCache):
    """Numba's cache, where a damaged file counts as missing, and a change in the file of a function
    that is called as a change of the kernel."""

    def __init__(self, kernel):
        super().__init__(kernel.py_func)
        files = sorted({each.py_func.__code__.co_filename for each in _called(kernel)})
        with suppress(OSError):  # not a file of its own, as in a zip: numba's stamp has to do
            stats = [os.stat(file) for file in files]
            self._cache_file = IndexDataCacheFile(
                cache_path=self._cache_path,
                filename_base=self._impl.filename_base,
                source_stamp=tuple((each.st_mtime, each.st_size) for each in stats),
            )

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a damaged pickle may raise anything
            _tell(f"{self.cache_path} is damaged ({type(error).__name__})")
            with suppress(OSError):
                self.flush()  # so that it is written again
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _tell(f"{self.cache_path} cannot be written ({error.strerror})")


@cache
def _tell(why):
    _log.warning(
        "kernels are compiled again, which takes half a minute: %s; NUMBA_CACHE_DIR names another"
        " folder",
        why,
    )
