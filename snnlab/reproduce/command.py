"""``snnlab reproduce``: run the missing jobs of a study, then write the results."""

import shlex
from pathlib import Path

from snnlab.errors import SnnlabError
from snnlab.reproduce import report
from snnlab.reproduce.cache import Cache
from snnlab.reproduce.plan import QUICK, all_jobs, plan
from snnlab.reproduce.records import Records
from snnlab.reproduce.rows import table
from snnlab.reproduce.study import complete
from snnlab.sweeps.cluster import settle_workers
from snnlab.text.progress import say

RESULTS, CACHE = Path("runs/results"), Path("runs/reproduce")


def default_out(quick: bool) -> Path:
    """Default folder of the results; the quick version has its own."""
    return RESULTS.with_name(f"{RESULTS.name}-quick") if quick else RESULTS


def reproduce(
    study: str,
    out: Path | None = None,
    cache: Path = CACHE,
    *,
    quick: bool = False,
    seeds: int | None = None,
    data_dir: str | None = None,
    workers: int | None = None,
    report_only: bool = False,
    scheduler: str | None = None,
) -> bool:
    """Run the jobs missing in the cache and write page, figures and Parquet below ``out``, by
    default ``runs/results``, or ``runs/results-quick`` for the small version.

    Returns False if Ctrl-C ended it. scheduler : address of a Dask scheduler instead of local
    processes. Raises :class:`~snnlab.errors.SnnlabError` for an unknown study, missing libraries,
    folders that cannot be written or a scheduler that cannot be reached, and in the end if
    trainings failed; available results are written in any case.
    """
    report.check()
    workers = 0 if report_only else settle_workers(workers, scheduler)
    out = default_out(quick) if out is None else Path(out)
    trainings, store = plan(study, quick, seeds), Cache(cache)
    page = report.check_out(out)
    mark = f"{QUICK}, two epochs, whatever the rows are called; " if quick else ""
    say(f"{mark}results go to {page} and {out / report.FOLDER}, trainings to {store.folder}")
    jobs = list(all_jobs(trainings))
    finished = report_only or complete(jobs, store, data_dir, workers, scheduler)
    records = Records(trainings, store)
    page = report.write(records, out, _command(study, quick, seeds))
    say(table(records))
    if quick:
        say(f"{QUICK}: these numbers say nothing about MNIST and Fashion-MNIST")
    for label, why in records.failures.items():
        say(f"failed: {label}: {why}")
    say(f"written to {page}")
    if (failed := len(records.failures)) and not report_only:
        raise SnnlabError(f"{failed} of {len(jobs)} trainings failed: {page} says why")
    return finished


def _command(study, quick, seeds):
    """The command line that reproduces the results."""
    flags = ["--quick"] * quick + (["--seeds", str(seeds)] if seeds else [])
    return shlex.join(["snnlab", "reproduce", study, *flags])
