"""The server status page: processes and visitors, for the administrator."""

from html import escape
from secrets import compare_digest, token_urlsafe
from time import monotonic

import panel as pn
import psutil

from snnlab_app.compute.pool import Compute

REFRESH_EVERY_MS = 1000
"""Milliseconds between two updates."""
_CELL = ' style="padding: 4px 14px 4px 0; text-align: left; font-variant-numeric: tabular-nums"'


class Admin:
    """The status page; its address must contain ``key``, as it shows all visitors."""

    def __init__(self, compute: Compute):
        self.key = token_urlsafe(16)
        self._compute, self._start = compute, monotonic()

    def page(self) -> pn.viewable.Viewable:
        """The page of a request, or a refusal if the key is wrong."""
        given = (pn.state.session_args.get("key") or [b""])[0]
        if not compare_digest(given, self.key.encode()):
            return pn.pane.HTML("The key in this address is not that of the running server.")
        shown = pn.pane.HTML(self.html(), sizing_mode="stretch_width")
        pn.state.add_periodic_callback(
            lambda: shown.param.update(object=self.html()), REFRESH_EVERY_MS
        )
        return shown

    def html(self) -> str:
        """Processes and sessions as tables."""
        compute = self._compute
        visits = compute.state()
        speed = sum(_speed(visit["session"]) for visit in visits)
        minutes = (monotonic() - self._start) / 60
        processes = [("server", psutil.Process().pid, _megabytes(psutil.Process()), "")]
        for pid, size in compute.memory().items():
            count = sum(visit["process"] == pid for visit in visits)
            processes.append(("computing", pid, f"{size / 1e6:,.0f} MB", count))
        if pid := compute.sweeps.pid:
            processes.append(("sweep", pid, f"{compute.sweeps.memory / 1e6:,.0f} MB", ""))
        return (
            f"<h2>snnlab</h2><p>{len(visits)} visitors, {speed:,.0f} images/s,"
            f" up for {minutes:,.0f} minutes.</p>"
            + _table(("process", "pid", "memory", "visitors"), processes)
            + "<br>"
            + _table(("visitor", "pid", "state", "data", "step", "images/s"), map(_row, visits))
        )


def _row(visit):
    session = visit["session"]
    snapshot, state = session.snapshot, session.state
    return (
        visit["number"], visit["process"] or "in line",
        f"{state}: {session.message}" if state in ("failed", "loading") else state,
        session.config.dataset, snapshot.step if snapshot else "", f"{_speed(session):,.0f}",
    )  # fmt: skip


def _speed(session):
    running = session.state == "running" and session.snapshot
    return session.snapshot.images_per_second if running else 0.0


def _megabytes(process):
    return f"{process.memory_info().rss / 1e6:,.0f} MB"


def _table(header, rows):
    head = "".join(f"<th{_CELL}>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td{_CELL}>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
