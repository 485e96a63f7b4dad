"""Fuzzing of every reader of user input: ``python -m snnlab_bench.fuzz.run --cases N``.

Prints how many cases were refused, accepted, accepted wrongly, or raised an error other than
snnlab's own. Hypothesis generates the cases; with ``--guided`` Atheris steers it to new code.
"""

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from inspect import isfunction
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter

from hypothesis import HealthCheck, Phase, given
from hypothesis import seed as seeded
from hypothesis import settings as how

from snnlab.errors import SnnlabError

KINDS = ("cases", "refused", "accepted", "accepted wrongly", "tracebacks")
CASES_PER_TEST = 400
"""Cases per Hypothesis test: it remembers them to avoid repetition, at megabytes each."""
CORPUS_SIZE, MAX_INPUTS_PER_CASE = 20, 20
"""Initial inputs of Atheris, and largest ratio of inputs to cases: not every input makes a case."""
WATCHED = (
    "snnlab.files", "snnlab.data.idx", "snnlab.chip.die", "snnlab.runs.frames",
    "snnlab.runs.schema", "snnlab.runs.run", "snnlab.runs.tables",
)  # fmt: skip
"""Modules whose coverage guides Atheris."""
FAULT_EXIT = 3
"""Exit code if a target has faults."""
MAX_SHOWN = 5
"""Faults shown per target."""


@dataclass
class Tally:
    """Outcomes of the cases of one target."""

    counts: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, read, case) -> None:
        """Read a case and count its outcome."""
        self.counts["cases"] += 1
        try:
            read(case)
            self.counts["accepted"] += 1
        except SnnlabError as error:
            self.counts["refused"] += 1
            if not str(error).isprintable() or not str(error):
                self._fault("tracebacks", error, case)
        except AssertionError as error:
            self._fault("accepted wrongly", error, case)
        except Exception as error:
            self._fault("tracebacks", error, case)

    def _fault(self, kind, error, case):
        self.counts[kind] += 1
        frames = traceback.extract_tb(error.__traceback__)[-2:]
        where = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))
        self.faults.append(f"{type(error).__name__}: {error} at {where}; case {case!r}"[:600])

    def add(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.counts += other.counts
        self.seconds += other.seconds

    def line(self, name: str) -> str:
        """A row of the table."""
        cells = "  ".join(f"{self.counts[kind]:>16,}" for kind in KINDS)
        return f"{name:14}{cells}  {self.seconds:7.1f} s"


def attempts(target, tally: Tally, cases: int, seed: int):
    """A Hypothesis test that only counts outcomes; deterministic for a seed."""

    @seeded(seed)
    @how(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.cases())
    def attempt(case):
        tally.take(target.read, case)

    return attempt


def hunt(target, cases: int, seed: int = 0) -> Tally:
    """Run ``cases`` cases of a target."""
    tally, start = Tally(), perf_counter()
    for done in range(0, cases, CASES_PER_TEST):
        attempt = attempts(target, tally, min(CASES_PER_TEST, cases - done), seed + done)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning is a fault
            attempt()
        gc.collect()
    tally.seconds = perf_counter() - start
    return tally


def guided(name: str, cases: int, seed: int) -> bool:
    """Fuzz a target in a subprocess with cases that Atheris steers to new code.

    Returns whether there were no faults.
    """
    command = [sys.executable, "-m", "snnlab_bench.fuzz.run", "--here", "--only", name]
    with tempfile.TemporaryDirectory(prefix="snnlab-fuzz-") as scratch:
        done = subprocess.run(
            [*command, "--cases", str(cases), "--seed", str(seed)], check=False,
            env={**os.environ, "TMPDIR": scratch}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    if done.returncode not in (0, FAULT_EXIT):
        print(f"{name}: Atheris ended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.returncode == 0


def guided_here(name: str, cases: int, seed: int) -> None:
    """Fuzz with Atheris in this process and exit, as Atheris requires."""
    import atheris

    from snnlab_bench.fuzz.targets import TARGETS

    for module in map(import_module, WATCHED):
        for found in vars(module).values():
            if isfunction(found) and found.__module__ == module.__name__:
                atheris.instrument_func(found)
    tally, start, runs = Tally(), perf_counter(), count(1)
    one = attempts(TARGETS[name], tally, cases, seed).hypothesis.fuzz_one_input

    def each(data):
        one(data)
        if tally.counts["cases"] >= cases or next(runs) >= MAX_INPUTS_PER_CASE * cases:
            tally.seconds = perf_counter() - start
            report(name, tally)
            sys.stdout.flush()
            os._exit(FAULT_EXIT if tally.faults else 0)

    corpus = Path(tempfile.mkdtemp())
    for k in range(CORPUS_SIZE):  # long enough for complete cases, unlike an empty input
        (corpus / str(k)).write_bytes(Random(seed + k).randbytes(1000))
    how_to = ("-verbosity=0", "-len_control=0", "-max_len=4096", "-rss_limit_mb=4096")
    atheris.Setup([sys.argv[0], str(corpus), f"-seed={seed + 1}", *how_to], each)
    atheris.Fuzz()


def report(name: str, tally: Tally) -> None:
    """Print a row and some of the faults."""
    print(tally.line(name), flush=True)
    for fault in list(dict.fromkeys(tally.faults))[:MAX_SHOWN]:
        print("   ", fault)


def main() -> int:
    options = _parse_options()
    if options.here:
        guided_here(options.only, options.cases, options.seed)
    from snnlab_bench.fuzz.targets import TARGETS

    names = options.only.split(",") if options.only else list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        print(f"no target {', '.join(sorted(unknown))}: there are {', '.join(TARGETS)}")
        return 2
    print(f"{'':14}" + "  ".join(f"{kind:>16}" for kind in KINDS))
    whole, total, sound = sum(TARGETS[name].share for name in names), Tally(), True
    for name in names:
        cases = max(1, round(options.cases * TARGETS[name].share / whole))
        if options.guided:
            sound &= guided(name, cases, options.seed)
            continue
        tally = hunt(TARGETS[name], cases, options.seed)
        report(name, tally)
        total.add(tally)
        sound &= not tally.faults
    if not options.guided:
        print(total.line("all"))
    return 0 if sound else FAULT_EXIT


def _parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=10_000, help="in total (default: 10000)")
    parser.add_argument("--only", metavar="A,B", help="targets (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by coverage, with Atheris (Linux)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
