"""A guard against losing speed by accident.

CPU time on one thread, held to a fixed loop that runs in turn with it: neither another machine nor
a busy one moves the ratio far. The bounds are three times what was measured.
"""

from collections.abc import Callable

import numba
import numpy as np
import pytest
import torch

from snnlab.chip.threads import use_threads
from snnlab_bench.harness import interleaved, timed
from snnlab_bench.machine import reference_arrays, reference_loop
from snnlab_bench.network import Random

pytestmark = pytest.mark.slow

LOOP_STEPS = 50_000
"""About a millisecond."""


@pytest.fixture
def one_thread():
    threads, torch_threads = numba.get_num_threads(), torch.get_num_threads()
    use_threads(1)
    torch.set_num_threads(1)
    yield
    use_threads(threads)
    torch.set_num_threads(torch_threads)


def loops(work: Callable[[], object]) -> float:
    """What work costs, in runs of the fixed loop."""
    arrays = reference_arrays()
    times = interleaved(
        {"work": timed(work), "loop": timed(lambda: reference_loop(*arrays, LOOP_STEPS))},
        seconds=5.0, least=15, most=200,
    )  # fmt: skip
    return float(np.median(times["work"].cpu / times["loop"].cpu))


@pytest.mark.parametrize(("work", "measured"), [(Random.run, 2.8), (Random.step, 7.5)])
def test_cost_in_fixed_loops(work, measured, one_thread):
    network = Random()
    cost = loops(lambda: work(network))
    assert 0.0 < cost < 3.0 * measured
