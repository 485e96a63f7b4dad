"""A few thousand fuzzed inputs, the same in each run: all are refused or accepted correctly.

More of them: ``python -m snnlab_bench.fuzz.run --cases 100000``, or ``make fuzz``.
"""

import pytest

from snnlab_bench.fuzz.run import hunt
from snnlab_bench.fuzz.targets import TARGETS

CASES = 40
"""Cases of a target with a share of 1."""


@pytest.mark.parametrize("name", TARGETS)
def test_fuzzed_input_is_refused_or_accepted_correctly(name):
    target = TARGETS[name]
    tally = hunt(target, max(2, round(CASES * target.share)))
    assert tally.faults == []
    counts = tally.counts
    assert counts["refused"] + counts["accepted"] == counts["cases"] > 0
    assert counts["refused"] > 0 or name == "NIR files"


def test_faults_are_counted_by_kind():
    def read(number):
        assert number % 2, "even"
        return 1 // (number % 3)

    from hypothesis import strategies as st

    from snnlab_bench.fuzz.targets import Target

    tally = hunt(Target(lambda: st.integers(0, 99), read), 100)
    assert min(tally.counts[kind] for kind in ("accepted", "accepted wrongly", "tracebacks")) > 5
    assert sum(tally.counts.values()) == 2 * tally.counts["cases"]
    assert any("ZeroDivisionError" in fault and "case 3" in fault for fault in tally.faults)
