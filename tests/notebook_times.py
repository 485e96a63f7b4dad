"""A pytest plugin for ``make notebooks``: each notebook computes no longer than it says.

Its first cell states how long it computes in the fast and in the full version, on two cores. A
notebook fails when it takes MARGIN times as long, and the summary shows both.
"""

import json
import os
import re

import pytest

MARGIN = 5.0
"""A busy machine is no fault of the notebook's."""
STATED = re.compile(
    r"computes for about (\d+) (s|min)"
    r"(?:\.| with `SNNLAB_FAST=1`, and for about (\d+) (s|min) without)"
)
SECONDS = {"s": 1, "min": 60}
FAST = os.environ.get("SNNLAB_FAST") == "1"
TIMES = "notebook times"
"""Property of a report: seconds that the notebook states, and those it took."""


def stated(opening: str) -> tuple[int, int]:
    """Seconds that a notebook's first cell states, fast and full; raises ValueError for none."""
    match = STATED.search(opening)
    if match is None:
        raise ValueError("the first cell does not say how long the notebook computes")
    fast, fast_unit, full, full_unit = match.groups()
    seconds = int(fast) * SECONDS[fast_unit]
    return seconds, int(full) * SECONDS[full_unit] if full else seconds


def opening(path) -> str:
    """Text of a notebook's first cell."""
    return "".join(json.loads(path.read_text("utf-8"))["cells"][0]["source"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and item.path.suffix == ".ipynb":
        promised = stated(opening(item.path))[not FAST]
        report.user_properties.append((TIMES, (promised, call.duration)))  # to the main process
        if report.passed and call.duration > MARGIN * promised:
            report.outcome = "failed"
            report.longrepr = (
                f"{item.path.name} computed for {call.duration:.0f} s; its first cell says"
                f" {promised} s: correct it"
            )
    return report


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("computing time: stated and measured")
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for report in sorted(reports, key=lambda report: report.nodeid):
        if times := dict(report.user_properties).get(TIMES):
            promised, took = times
            name = report.nodeid.partition("::")[0]
            terminalreporter.write_line(f"{name:32s} {promised:5d} s {took:7.1f} s")
