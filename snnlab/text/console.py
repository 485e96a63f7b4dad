"""Standard streams that never raise: failed output must not end a computation.

A terminal or log may use a narrow code page (such as cp1252 or gbk), be closed or full, or end
before the program does.
"""

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress

TO_ASCII = "snnlab.spell"
"""Codec error handler that replaces characters missing in the code page by ASCII."""
_SIGNS = {
    "μ": "u", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "×": "x", "·": "*", "±": "+-",
    "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≈": "~", "°": " deg", "⁄": "/", "√": "sqrt",
    "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "ß": "ss", "æ": "ae", "ø": "o",
}  # fmt: skip


def to_ascii(text: str) -> str:
    """``text`` in ASCII: µ as u, – as -, é as e, Greek letters by name, others as ``\\uXXXX``."""
    return "".join(c if c.isascii() else _to_ascii(c) for c in text)


def _to_ascii(sign):
    parts = [_part(c) for c in unicodedata.normalize("NFKD", sign)]
    return ascii(sign)[1:-1] if None in parts else "".join(parts)


def _part(sign):
    """A character in ASCII, None if it has no equivalent."""
    if sign.isascii():
        return sign
    if unicodedata.combining(sign):
        return ""
    if sign in _SIGNS:
        return _SIGNS[sign]
    script, size, kind, letter, *more = (*unicodedata.name(sign, "").split(), *[""] * 4)
    if (script, kind) == ("GREEK", "LETTER"):
        letter = more[0] if letter == "FINAL" else letter
        return letter.capitalize() if size == "CAPITAL" else letter.lower()
    return None


def _handle(error):
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return to_ascii(error.object[error.start : error.end]), error.end


codecs.register_error(TO_ASCII, _handle)


def make_encodable(text: str, stream: io.TextIOBase) -> str:
    """``text`` with characters that the stream cannot encode replaced by ASCII."""
    letters = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(letters, TO_ASCII).decode(letters)


def make_tolerant() -> None:
    """Replace standard output and error by streams that never raise.

    Closed streams are replaced by the null device. May be called repeatedly.
    :func:`is_output_lost` reports whether something could not be written.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nowhere(number))
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _tolerant(stream, name))


def is_output_lost() -> bool:
    """Whether some output could not be written, e.g. on a full disk.

    A closed pipe, as after ``| head``, does not count.
    """
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(outlet, _Outlet) and outlet.is_lost


def _nowhere(number):
    """A stream to the null device in place of a closed one.

    It occupies the closed file descriptor if that is free; otherwise the next file to be opened
    would get it, and native code would print into that file.
    """
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.fstat(number)
    except OSError:
        os.dup2(null, number)
    if null == number:
        os.set_inheritable(null, True)
    else:
        os.close(null)
    return open(os.devnull, "w" if number else "r", encoding="utf-8")


def _tolerant(stream, name):
    buffer = stream.buffer
    raw = getattr(buffer, "raw", buffer)
    if isinstance(raw, _Outlet) or not isinstance(raw, io.RawIOBase):
        stream.reconfigure(errors=TO_ASCII, line_buffering=True)
        return stream
    with suppress(OSError, ValueError):
        stream.flush()
    # Line buffering, also through a pipe.
    outlet = io.BufferedWriter(_Outlet(raw, name))
    return io.TextIOWrapper(outlet, stream.encoding, TO_ASCII, line_buffering=True)


class _Outlet(io.RawIOBase):
    """A raw stream that drops bytes which cannot be written, with one warning."""

    def __init__(self, raw, name):
        self._raw, self.name, self._is_error = raw, f"<{name}>", name == "stderr"
        self.is_lost = False

    def writable(self):
        return True

    def fileno(self):
        return self._raw.fileno()

    def isatty(self):
        with suppress(OSError, ValueError):
            return self._raw.isatty()
        return False

    def write(self, data):
        try:
            written = self._raw.write(data)
        except (OSError, ValueError) as error:  # ValueError: closed elsewhere
            self._warn(error)
            return len(data)
        return len(data) if written is None else written  # None: a non-blocking pipe is full

    def _warn(self, error):
        """Warn once that output is lost, but not about a closed pipe."""
        if isinstance(error, BrokenPipeError):
            return
        first, self.is_lost = not self.is_lost, True
        if first and not self._is_error:
            why = getattr(error, "strerror", None) or error
            sys.stderr.write(f"snnlab: output cannot be written ({why}): continuing without it\n")
