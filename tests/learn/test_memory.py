"""Memory of a batch is bounded, and how test inputs are batched changes no bit."""

import gc
import tracemalloc

import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys
from recordings import recordings
from refusal import refused

from snnlab import Config, Trainer
from snnlab.chip.operating_point import OperatingPoint
from snnlab.learn import memory
from snnlab.model.topology import Topology

LONG = OperatingPoint(samples=294)
SHD = Topology.chain((70, 186, 20))


def trainer(**knobs):
    settings = {"hidden": [12], "batch": 8, "epochs": 1, "duration": 0.3, **knobs}
    return Trainer(Config.checked(**settings), recordings(n=60))


def test_the_count_covers_what_a_batch_leaves_behind():
    made = trainer()
    recording = made.advance().recording
    per_input = memory.count_bytes(made.network.topology, made.point)
    left = sum(cadc.nbytes for cadc in recording.cadc)
    left += sum(e.tick.nbytes + e.channel.nbytes for e in recording.spikes)
    gradients = 4 * sum(cadc.size for cadc in recording.cadc)  # of all membranes
    assert left + gradients <= len(recording.inputs) * per_input


def test_a_batch_of_the_longest_runs_takes_less_than_100_megabytes():
    assert 100 * memory.count_bytes(SHD, LONG) < 100e6
    memory.check_batch(SHD, LONG, 1_000)


def test_a_batch_beyond_the_memory_is_one_line():
    said = refused(
        lambda: memory.check_batch(SHD, LONG, 10_000), "batch = 10000 inputs of 294 CADC samples",
        "network 70-186-20", "at most 4 GB are used: lower batch to",
    )  # fmt: skip
    most = int(said.split("lower batch to ")[1].split(",")[0])
    memory.check_batch(SHD, LONG, most)
    refused(lambda: memory.check_batch(SHD, LONG, most + 1), "batch =")


def test_a_trainer_is_refused_only_for_inputs_it_has(monkeypatch):
    monkeypatch.setattr(memory, "MAX_BATCH_BYTES", 500_000)
    refused(lambda: trainer(batch=40), "lower batch to")
    assert trainer(batch=4).advance().samples == 4
    monkeypatch.setattr(memory, "MAX_BATCH_BYTES", 10**7)
    assert trainer(batch=10_000).advance().samples == 40


@pytest.mark.parametrize("limit", [1, 60_000])
def test_smaller_batches_of_test_inputs_give_the_same_bits(monkeypatch, limit):
    made = trainer()
    whole = [made.scores(r) for _, r in made.recordings()]
    assert len(whole) == 1
    monkeypatch.setattr(memory, "EVALUATION_BYTES", limit)
    parts = [made.scores(r) for _, r in made.recordings()]
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate(parts), whole[0])


@pytest.mark.slow
def test_no_batch_leaves_memory_behind():
    """Neither arrays of NumPy nor of the kernels: twenty batches leave less than one recording."""
    made = trainer(
        recurrent="trained", hidden=[100], batch=20, epochs=100, stretch=0.1, shift=1.0,
        readout="sum",
    )  # fmt: skip
    one = sum(cadc.nbytes for cadc in made.advance().recording.cadc)
    kernels, arrays = [], []
    _nrt_python.memsys_enable_stats()
    tracemalloc.start()
    try:
        for _ in range(30):
            made.advance()
            gc.collect()
            counted = rtsys.get_allocation_stats()
            kernels.append(counted.mi_alloc - counted.mi_free)
            arrays.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        _nrt_python.memsys_disable_stats()
    assert made.epoch > 10
    assert counted.mi_alloc > 30, "they are counted"
    assert kernels[-1] <= kernels[9]
    assert arrays[-1] - arrays[9] < one
