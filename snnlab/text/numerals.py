"""Numbers as people write them."""

import re
import unicodedata
from math import inf, nan

_GROUPS = re.compile(r"[+-]?\d{1,3}([,.]\d{3})+")
_SEPARATORS = {"’": "'", "ʼ": "'", "٫": ".", "٬": "'"}
_SHARE = re.compile(r"(.*\d)%")


def number(text: str, kind: type) -> int | float:
    """A number from text; raises ValueError for anything else.

    Python's own readers take 1_000 too, and the digits of other scripts.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return kind(text)


def cure(
    text: str,
    kind: type,
    within: tuple[float, float] = (-inf, inf),
    percent: float | None = None,
) -> str:
    """The end of a message on a text that :func:`number` does not take: "; write 0.2", or nothing.

    It knows decimal commas, digits in groups, minus signs and digits other than ASCII's, whole
    numbers written as 1e3 and, where ``percent`` says what 1 % is as a number, percentages.
    within : the numbers that are allowed, else what it says would be refused next.
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


def _plain(text):
    """In ASCII as far as it is a number, without what only parts its digits."""
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
    """What the text may mean: a comma parts whole numbers in groups, and others at the point."""
    if "," not in text:
        return [text] + [text.replace(".", "")] * (kind is int and bool(_GROUPS.fullmatch(text)))
    if "." in text:  # the one that comes last is the point
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
