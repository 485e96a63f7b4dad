"""Standard streams that fail at nothing: what cannot be shown must not end what is computed.

A terminal or a log may know few letters (code pages such as cp1252 or gbk), be closed, be full, or
end before the program does.
"""

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress

TO_ASCII = "snnlab.spell"
"""Error handler of codecs under which a stream writes what it lacks in ASCII."""
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
    """A sign in ASCII, None if there is nothing for it."""
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
    """``text`` as far as the stream's letters go."""
    letters = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(letters, TO_ASCII).decode(letters)


def make_tolerant() -> None:
    """From now on standard output and error write what they can and fail at nothing.

    Streams that are closed lead nowhere. Harmless when called twice.
    :func:`is_output_lost` says whether something could not be written.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nowhere(number))
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _tolerant(stream, name))


def is_output_lost() -> bool:
    """Whether standard output took not all that was printed, as on a full disk.

    A reader that has gone, as in ``| head``, has what it wanted: that is no loss.
    """
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(outlet, _Outlet) and outlet.is_lost


def _nowhere(number):
    """A stream to nowhere in place of a closed one.

    Where its number is free it takes that: else the next file that is opened would get it, and with
    it whatever native code prints.
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
    # Line by line: through a pipe, too, a line is seen when it is said.
    outlet = io.BufferedWriter(_Outlet(raw, name))
    return io.TextIOWrapper(outlet, stream.encoding, TO_ASCII, line_buffering=True)


class _Outlet(io.RawIOBase):
    """Where the bytes of a stream go; those that it does not take are lost."""

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
        except (OSError, ValueError) as error:  # ValueError: somebody has closed it
            self._tell(error)
            return len(data)
        return len(data) if written is None else written  # None: a pipe that would have to wait

    def _tell(self, error):
        """Once, that output is lost; nobody needs to hear of a reader that has gone."""
        if isinstance(error, BrokenPipeError):
            return
        first, self.is_lost = not self.is_lost, True
        if first and not self._is_error:
            why = getattr(error, "strerror", None) or error
            sys.stderr.write(f"snnlab: what is printed cannot be written ({why}): going on\n")
