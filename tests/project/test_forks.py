"""Processes forked from one that computes: they work, or say in one line why they cannot."""

import os
import pickle
import subprocess
import sys

import pytest

from snnlab.chip.threads import LAYER
from snnlab.errors import DataUnavailable, SnnlabError
from snnlab.runs.recorder import NotKept

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

SCRIPT = """
import json, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
import torch
from torch.utils.data import DataLoader
from snnlab import Config, SnnlabError, Trainer, load

fork = multiprocessing.get_context("fork")

def new(seed):
    return Trainer(Config.checked(dataset="digits", hidden=[200], seed=seed), load("digits"))

def train(seed):
    return next(iter(new(seed))).loss

class Losses:
    def __len__(self):
        return 2

    def __getitem__(self, k):
        return train(k + 1)

def by_pool():
    with fork.Pool(2) as pool:
        return pool.map(train, [1, 2])

def by_executor():
    with ProcessPoolExecutor(2, mp_context=fork) as pool:
        return list(pool.map(train, [1, 2]))

def by_loader():
    loader = DataLoader(Losses(), 2, num_workers=1, multiprocessing_context=fork)
    return next(iter(loader)).tolist()

def by_hand():
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.write(writer, json.dumps(attempt(lambda: [train(1), train(2)])).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return json.loads(os.read(reader, 9999))

def attempt(work):
    try:
        return work()
    except SnnlabError as error:
        return str(error)

trainer = new(1)  # torch begins its threads
torch.ones(300, 1000).exp().sum()
ways = [by_hand, by_pool, by_executor, by_loader]
early = [way() for way in ways]
losses = [next(iter(trainer)).loss, train(2)]
print(all(found == losses for found in early), *early)
for way in ways:
    said = attempt(way)
    print(isinstance(said, str) and sys.argv[1] in said, said)
print(train(1) == losses[0])
"""
LAYERS = sorted({LAYER, "workqueue"} - {"tbb"})
"""TBB begins its threads again in a forked process."""
SAID = "as mp_context of a ProcessPoolExecutor or multiprocessing_context of a DataLoader"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "threads"),
    [*((layer, "2") for layer in LAYERS), (LAYERS[0], "1")],
)
def test_a_forked_process_works_or_says_how_to_start_one(layer, threads):
    environment = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, SAID],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["True"] * 6, done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("kind", [SnnlabError, DataUnavailable, NotKept])
def test_an_error_reaches_the_process_that_asked(kind):
    error = kind("tabs\tand 2000 of " + "x" * 2000)
    sent = pickle.loads(pickle.dumps(error))
    assert (type(sent), str(sent)) == (kind, str(error))
