"""HTML tables."""

from html import escape

_CELL = '<td style="padding: 6px 12px; {wrap}text-align: {align}">{text}</td>'
_HEAD = (
    '<th scope="col" style="padding: 6px 12px; white-space: nowrap; text-align: {align}">{text}'
    "</th>"
)
_TABLE = (
    '<div role="region" tabindex="0" aria-label="{name}" style="overflow-x: auto">'
    '<table style="border-collapse: collapse; font: 14px/1.4 system-ui; min-width: 100%">'
    "<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
)


def grid(name: str, head: list[str], rows: list[list[str]], words: set[str]) -> str:
    """HTML table of plain texts; columns named in ``words`` hold text, others numbers.

    The last text column may wrap. A table that is too wide scrolls, also by keyboard.
    """
    left = [name in words for name in head]
    lines = "".join(f"<tr>{_line(row, left)}</tr>" for row in rows)
    names = "".join(
        _HEAD.format(text=escape(name), align=_align(is_left))
        for name, is_left in zip(head, left, strict=True)
    )
    return _TABLE.format(name=escape(name, quote=True), head=names, lines=lines)


def _line(row, left):
    last = len(row) - 1
    return "".join(
        _CELL.format(
            text=escape(text), align=_align(is_left),
            wrap="min-width: 180px; " if is_left and k == last else "white-space: nowrap; ",
        )
        for k, (text, is_left) in enumerate(zip(row, left, strict=True))
    )  # fmt: skip


def _align(is_left):
    return "left" if is_left else "right"
