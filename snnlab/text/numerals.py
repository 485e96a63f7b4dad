"""Numbers as users type them."""

import re
import unicodedata
from math import inf, nan

_GROUPS = re.compile(r"[+-]?\d{1,3}([,.]\d{3})+")
_SEPARATORS = {"’": "'", "ʼ": "'", "٫": ".", "٬": "'"}
_SHARE = re.compile(r"(.*\d)%")


def number(text: str, kind: type) -> int | float:
    """A number from ASCII text; raises ValueError for anything else.

    Unlike ``int`` and ``float`` it refuses 1_000 and the digits of other scripts.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return kind(text)


def suggest(
    text: str,
    kind: type,
    within: tuple[float, float] = (-inf, inf),
    percent: float | None = None,
) -> str:
    """Suffix of the error on a text that :func:`number` refuses: "; write 0.2", or "".

    Recognises decimal commas, grouped digits, non-ASCII digits and minus signs, whole numbers
    written as 1e3 and, if ``percent`` is the value of 1 %, percentages.
    within : the allowed range; no number outside it is suggested.
    """
    low, high = within
    written = _plain(text)
    share = _SHARE.fullmatch(written) if percent else None
    forms = _forms(share[1] if share else written, kind)
    values = {form: _read(form) * (percent if share else 1.0) for form in forms}
    meant = {
        f"{value:.12g}" if share or (kind is int and not form.isdecimal()) else form: None
        for form, value in values.items()
        if low <= value <= high and (kind is float or value.is_integer())
    }
    return f"; write {' or '.join(meant)}" if meant and text not in meant else ""


def group_digits(number: int) -> str:
    """A whole number with a narrow no-break space between thousands, as ISO 80000-1 asks for."""
    return f"{number:,}".replace(",", "\u202f")


def _plain(text):
    """Digits, signs and points in ASCII, without separators between digits."""
    text = "".join(map(_ascii, text))
    return re.sub(r"(?<=\d)[\s_'](?=\d)|^\s+|\s+$|\s+(?=%)", "", text)


def _ascii(sign):
    if sign in "−–﹣－":
        return "-"
    if sign in _SEPARATORS:
        return _SEPARATORS[sign]
    digit = unicodedata.decimal(sign, None)
    return unicodedata.normalize("NFKC", sign) if digit is None else str(digit)


def _forms(text, kind):
    """Possible readings: a comma either groups the digits of whole numbers or is the point."""
    if "," not in text:
        return [text] + [text.replace(".", "")] * (kind is int and bool(_GROUPS.fullmatch(text)))
    if "." in text:  # the last one is the point
        point, other = sorted(",.", key=text.rfind, reverse=True)
        return [text.replace(other, "").replace(point, ".")]
    in_groups = bool(_GROUPS.fullmatch(text))
    at_point = text.count(",") == 1 and (kind is float or not in_groups)
    return [text.replace(",", ".")] * at_point + [text.replace(",", "")] * in_groups


def _read(text):
    try:
        return number(text, float)
    except ValueError:
        return nan
