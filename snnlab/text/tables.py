"""Tables as text: aligned for a terminal, and as Markdown."""

from collections.abc import Collection, Iterable, Sequence

from snnlab.errors import plain

GAP = "  "
"""Between two columns."""


def aligned(rows: Iterable[Sequence], right: Collection[int] = ()) -> str:
    """Rows as lines, each column as wide as its widest cell.

    rows : cells of any type, as many in each row; right : indices of right-aligned columns.
    """
    rows = [[plain(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths, right).rstrip() for row in rows)


def _line(row, widths, right):
    columns = enumerate(zip(row, widths, strict=True))
    return GAP.join(c.rjust(w) if k in right else c.ljust(w) for k, (c, w) in columns)


def markdown(head: Sequence[str], rows: Iterable[Sequence], right: Collection[int] = ()) -> str:
    """A Markdown table; right : indices of right-aligned columns."""
    ruler = ["---:" if k in right else "---" for k in range(len(head))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (head, ruler, *rows))
