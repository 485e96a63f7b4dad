"""Rules for the tests themselves."""

import re
from pathlib import Path

import pytest
from conftest import leave_out

from snnlab.errors import DataUnavailable

HERE = Path(__file__)
TESTS = sorted(path for path in HERE.parents[1].rglob("test_*.py") if path != HERE)


def test_no_test_measures_time():
    """A busy machine must not fail a test: test the order of events; benchmarks measure time."""
    clocks = re.compile(
        r"(?<![\"'.])(perf_counter|process_time)\b|performance\.now"
        r"|(time|monotonic)\(\) - (start|begin)\b"
    )
    assert [path.name for path in TESTS if clocks.search(path.read_text("utf-8"))] == []


def test_tests_in_a_browser_lie_where_make_looks_for_them():
    for kind, rooms in {"browser": {"app", "notebooks"}, "notebook": {"notebooks"}}.items():
        marked = {path for path in TESTS if f"mark.{kind}" in path.read_text("utf-8")}
        assert {path.relative_to(HERE.parents[1]).parts[0] for path in marked} == rooms


def test_real_data_are_loaded_only_by_the_fixture_that_skips():
    loads = re.compile(r'\bload\("(fashion-)?mnist"\)')
    asking = {path.name for path in TESTS if loads.search(path.read_text("utf-8"))}
    assert asking <= {"test_data_sources.py", "test_data_wheel.py"}  # those bring their own source


def test_tests_without_data_are_skipped_but_not_in_ci(monkeypatch):
    error = DataUnavailable("data set mnist is not available")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="left out: data set mnist is not available"):
        leave_out(error)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(DataUnavailable):
        leave_out(error)
