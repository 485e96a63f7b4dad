"""Numbers as people write them."""


def number(text: str, kind: type) -> int | float:
    """A number from text; raises ValueError for anything else.

    Python's own readers take 1_000 too, and the digits of other scripts.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return kind(text)
