"""Running the missing jobs of a plan, with a progress bar; may be interrupted at any time."""

from collections.abc import Callable
from time import monotonic

from snnlab.reproduce.cache import Cache
from snnlab.reproduce.job import Job, run
from snnlab.sweeps.cluster import Failed, cores, run_all
from snnlab.text.progress import bar, passed, reported, say

SECONDS_PER_EPOCH = 4.0
"""Estimate for 60 000 images on one core, used until the cache holds measured times."""
SECONDS_PER_EPOCH_DIGITS = 0.6
START = 8.0
"""Seconds until a worker's libraries and data are loaded (estimate)."""


def complete(
    jobs: list[Job],
    cache: Cache,
    data_dir: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    pool: Callable = run_all,
) -> bool:
    """Run every job missing in the cache; each record is stored as soon as it is done.

    Returns False after Ctrl-C; another call continues with the missing jobs. A failed job is
    noted and tried again next time. workers, scheduler : as in ``pool``. Raises
    :class:`~snnlab.errors.SnnlabError` if the cache cannot be written or the cluster not reached.
    """
    missing = [job for job in jobs if cache.get(job) is None]
    say(announce(jobs, missing, cache, cores() if workers is None else max(1, workers)))
    if not missing:
        return True
    start, ended = monotonic(), 0
    shown = bar(
        total=round(sum(job.work for job in missing)), unit=" epochs", smoothing=0.0,
        bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} epochs, {elapsed} so far, {remaining} left",
    )  # fmt: skip

    def line():
        return f"{ended} of {len(missing)} trainings, {passed(monotonic() - start)}"

    done = pool(run, missing, workers, scheduler=scheduler, data=data_dir)
    try:
        with shown, reported(line):
            for ended, (job, outcome) in enumerate(done, start=1):  # noqa: B007
                _keep(job, outcome, cache)
                shown.update(job.work)
    except KeyboardInterrupt:
        say("stopped; call again to continue")
        return False
    finally:
        done.close()
    return True


def announce(jobs: list[Job], missing: list[Job], cache: Cache, workers: int) -> str:
    """Message on the number of missing jobs and their estimated duration."""
    text = f"{len(jobs)} trainings, {len(jobs) - len(missing)} of them done before"
    if not missing:
        return text
    seconds = estimate(jobs, missing, cache) / min(workers, len(missing)) + START
    many = f"{workers} workers" if workers > 1 else "one worker"
    return f"{text}; about {_duration(seconds)} on {many} (estimate)"


def estimate(jobs: list[Job], missing: list[Job], cache: Cache) -> float:
    """Estimated seconds of one worker for the missing jobs, from finished ones if possible."""
    datasets = {job.settings["dataset"] for job in missing}
    paces = {name: _pace(name, jobs, cache) for name in datasets}
    return sum(job.work * paces[job.settings["dataset"]] for job in missing)


def _pace(dataset, jobs, cache):
    """Seconds per epoch of work."""
    alike = [job for job in jobs if job.settings["dataset"] == dataset and job.kind == "snn"]
    known = [(job.work, record["seconds"]) for job in alike if (record := cache.get(job))]
    if known:
        return sum(seconds for _, seconds in known) / sum(work for work, _ in known)
    return SECONDS_PER_EPOCH_DIGITS if dataset == "digits" else SECONDS_PER_EPOCH


def _keep(job, outcome, cache):
    if isinstance(outcome, Failed):
        cache.fail(job, outcome.why)
        say(f"{job.label}: failed: {outcome.why}")
        return
    result = cache.put(job, outcome)["result"]
    spikes = f" at {result['spikes']:.1f} spikes" if "spikes" in result else ""
    say(f"{job.label}: {result['accuracy']:.2%}{spikes}, {_duration(outcome['seconds'])}")


def _duration(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
