"""Nonsense by the thousand for everything that reads: ``python -m snnlab_bench.fuzz --cases N``.

Prints what was refused, taken, taken wrongly, and what ended in an error that is none of snnlab's.
Hypothesis makes the cases; with ``--guided`` Atheris has it make those that reach new code.
"""

import argparse
import os
import subprocess
import sys
import traceback
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter

from hypothesis import HealthCheck, Phase, given
from hypothesis import seed as seeded
from hypothesis import settings as how

from snnlab.errors import SnnlabError

KINDS = ("cases", "refused", "accepted", "accepted wrongly", "tracebacks")
AT_ONCE = 5000
"""Cases that Hypothesis keeps in mind, so as not to repeat them."""
SHOWN = 5
"""Faults of one target that are shown."""


@dataclass
class Tally:
    """What became of the cases of one target."""

    counts: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, read, case) -> None:
        """Have a case read, and count what comes of it."""
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

    def line(self, name: str) -> str:
        """A row of the table."""
        cells = "  ".join(f"{self.counts[kind]:>16,}" for kind in KINDS)
        return f"{name:14}{cells}  {self.seconds:7.1f} s"


def attempts(target, tally: Tally, cases: int, seed: int):
    """A Hypothesis test that only counts; the same for a seed."""

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
    """Give a target so many cases."""
    tally, start = Tally(), perf_counter()
    for done in range(0, cases, AT_ONCE):
        attempts(target, tally, min(AT_ONCE, cases - done), seed + done)()
    tally.seconds = perf_counter() - start
    return tally


def guided(name: str, cases: int, seed: int) -> None:
    """The same with cases that Atheris steers to new code, in a process that ends with it."""
    import atheris

    with atheris.instrument_imports(include=["snnlab", "zipfile", "numpy.lib"]):
        from snnlab_bench.fuzz_targets import TARGETS
    tally, start = Tally(), perf_counter()
    one = attempts(TARGETS[name], tally, cases, seed).hypothesis.fuzz_one_input
    tried = Counter()

    def each(data):
        one(data)
        tried["runs"] += 1
        if tally.counts["cases"] >= cases or tried["runs"] >= 20 * cases:
            tally.seconds = perf_counter() - start
            report(name, tally)
            sys.stdout.flush()
            os._exit(bool(tally.faults))

    quiet = ("-verbosity=0", "-print_final_stats=0", "-len_control=0", "-rss_limit_mb=4096")
    atheris.Setup([sys.argv[0], f"-seed={seed + 1}", "-max_len=4096", *quiet], each)
    atheris.Fuzz()


def report(name: str, tally: Tally) -> None:
    """Print a row, and some faults below it."""
    print(tally.line(name), flush=True)
    for fault in list(dict.fromkeys(tally.faults))[:SHOWN]:
        print("   ", fault)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=10_000, help="in all (default: 10000)")
    parser.add_argument("--only", help="targets, by comma (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by coverage, with Atheris (Linux)")
    asked = parser.parse_args()
    if asked.guided and asked.only and "," not in asked.only:
        guided(asked.only, asked.cases, asked.seed)
    from snnlab_bench.fuzz_targets import TARGETS

    names = asked.only.split(",") if asked.only else list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}: there are {', '.join(TARGETS)}")
    print(f"{'':14}" + "  ".join(f"{kind:>16}" for kind in KINDS))
    whole, all_of_them = sum(TARGETS[name].share for name in names), Tally()
    for name in names:
        cases = max(1, round(asked.cases * TARGETS[name].share / whole))
        if asked.guided:
            command = [sys.executable, "-m", "snnlab_bench.fuzz", "--guided", "--only", name]
            done = subprocess.run([*command, "--cases", str(cases), "--seed", str(asked.seed)],
                                  check=False)  # fmt: skip
            all_of_them.faults += [name] * bool(done.returncode)
            continue
        tally = hunt(TARGETS[name], cases, asked.seed)
        report(name, tally)
        all_of_them.counts += tally.counts
        all_of_them.faults += tally.faults
        all_of_them.seconds += tally.seconds
    if not asked.guided:
        print(all_of_them.line("all"))
    return int(bool(all_of_them.faults))


if __name__ == "__main__":
    sys.exit(main())
