"""Text tables: aligned for a terminal, and as Markdown."""

import pytest

from snnlab.text.tables import aligned, markdown


def test_columns_are_as_wide_as_their_widest_cell():
    rows = [("name", "value", "unit"), ("a", 1.5, ""), ("longer", 20, "µJ")]
    assert aligned(rows, right=(1,)).splitlines() == [
        "name    value  unit",
        "a         1.5",
        "longer     20  µJ",
    ]


def test_cells_cannot_move_the_cursor_or_break_a_line():
    assert aligned([("a\nb", "\x1b[2J")]).count("\n") == 0
    assert "\x1b" not in aligned([("a\nb", "\x1b[2J")])


def test_nothing_gives_nothing_and_uneven_rows_are_a_mistake():
    assert aligned([]) == ""
    with pytest.raises(ValueError, match=r"shorter|longer"):
        aligned([("a", "b"), ("c",)])


def test_markdown_has_a_ruler():
    assert markdown(("what", "ours"), [("x", 1)], right=(1,)).splitlines() == [
        "| what | ours |",
        "| --- | ---: |",
        "| x | 1 |",
    ]
