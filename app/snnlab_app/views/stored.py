"""Table of the runs stored on this computer."""

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from snnlab.errors import SnnlabError, plain
from snnlab.quantities import RUN_LIST, quantities
from snnlab.runs.query import format_cell, select_rows
from snnlab.runs.run import RUNS, Run, list_runs, run_in
from snnlab.text.numerals import group_digits
from snnlab_app.plots.cards import Markup, Text, card
from snnlab_app.plots.grid import grid

CHOOSE = "choose one …"
PAGE = 8
"""Runs per page."""
NAME, NEWEST = "name", "newest"
TEXT_COLUMNS = {"run", "state", "data", "tags", "note"}


def columns() -> dict[str, str]:
    """Headings by column."""
    results = {name: q.heading for name, q in quantities(RUN_LIST).items()}
    return {"run": "run", "state": "state", "dataset": "data", **results, "tags": "tags",
            "note": "note"}  # fmt: skip


def orders() -> dict[str, str | None]:
    """Sort options: columns by heading."""
    results = {q.heading: name for name, q in quantities(RUN_LIST).items()}
    return {NAME: None, NEWEST: "created", **results}


def best_first(column: str | None) -> bool:
    """Whether the newest or the best comes first, and not last as in :func:`select_rows`."""
    known = quantities(RUN_LIST)
    return column == "created" or (column in known and known[column].better is not None)


class StoredRuns:
    """A filtered, sorted and paged table; ``take`` is called with the chosen run."""

    def __init__(self, take: Callable[[Run], None]):
        self._take, self._rows = take, []
        self._only = pmui.TextInput(
            label="Filter, e.g. beta>=20", placeholder="beta>=20 dataset=mnist tags=good",
            size="small", width=290, margin=(10, 5),
        )  # fmt: skip
        self._order = pmui.Select(
            label="Order by", options=list(orders()), value=NAME, size="small", width=170,
            margin=(10, 5),
        )  # fmt: skip
        self.choice = pmui.Select(
            label="Add a stored run", options=[CHOOSE], value=CHOOSE, width=240, size="small",
            margin=(10, 5),
        )  # fmt: skip
        self._pages = pmui.Pagination(count=1, value=0, sizing_mode="stretch_width")
        self._found, self._table = Text(polite=True), Markup("", margin=12)
        self._only.param.watch(lambda _: self._again(), "value")
        self._order.param.watch(lambda _: self._again(), "value")
        self._pages.param.watch(lambda _: self._show(), "value")
        self.choice.param.watch(lambda event: self._choose(event.new), "value")

    def panel(self) -> pn.Column:
        """The table below its controls."""
        return card(
            "Stored runs", {"flex": "1 1 100%"},
            pn.FlexBox(self._only, self._order, self.choice, align_items="center"),
            self._found, self._table, self._pages,
        )  # fmt: skip

    def read(self) -> None:
        """Read the stored runs."""
        runs, _ = list_runs(RUNS)
        rows = []
        for run in runs:
            if not run.folder.is_symlink():
                try:
                    rows.append(run.row())
                except SnnlabError:  # its notes are damaged
                    continue
        self._rows = rows
        self._show()

    def _again(self):
        if self._pages.value:
            self._pages.value = 0  # which shows it
        else:
            self._show()

    def _show(self):
        try:
            rows = self._wanted()
        except SnnlabError as error:
            self._found.say(plain(str(error)))
            return
        first = PAGE * (self._pages.value or 0)
        shown = rows[first : first + PAGE]
        every, some = (group_digits(len(found)) for found in (self._rows, rows))
        of, runs = f"{some} of " * (some != every), "run" if every == "1" else "runs"
        self._found.say(
            f"{of}{every} {runs} in {RUNS}/." if self._rows
            else f"No runs in {RUNS}/: “snnlab train” keeps one there."
        )  # fmt: skip
        self._pages.param.update(count=max(1, -(-len(rows) // PAGE)), visible=len(rows) > PAGE)
        cells = [[format_cell(name, row) or "–" for name in columns()] for row in shown]
        heads = list(columns().values())
        self._table.object = grid("Stored runs", heads, cells, TEXT_COLUMNS) if shown else ""
        options = [CHOOSE, *(row["run"] for row in shown)]
        if self.choice.options != options:
            self.choice.param.update(options=options, value=CHOOSE)

    def _wanted(self):
        order = orders()[self._order.value]
        rows = select_rows(self._rows, self._only.value.split(), order)
        if best_first(order):
            rows.reverse()
        return sorted(rows, key=lambda row: order is not None and row.get(order) is None)

    def _choose(self, name):
        """Pass on the chosen run, if it is one of those shown."""
        if name in self.choice.options and name != CHOOSE:
            try:
                self._take(run_in(RUNS, name))
            except SnnlabError as error:
                pn.state.notifications.error(str(error), duration=6000)
            self.choice.value = CHOOSE
