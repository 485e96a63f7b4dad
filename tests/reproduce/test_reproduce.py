"""The reproduction: what is kept, what is run again, and what the table says."""

import json
import re
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from pyarrow import parquet
from refusal import refused_command

from snnlab import Config, SnnlabError
from snnlab.commands.main import main
from snnlab.reproduce import command as command_
from snnlab.reproduce import report
from snnlab.reproduce.cache import Cache
from snnlab.reproduce.figures import figures
from snnlab.reproduce.job import Job
from snnlab.reproduce.plan import PLAN, STUDIES, all_jobs, plan
from snnlab.reproduce.records import Records, Sample, error_increase
from snnlab.reproduce.rows import ROWS, Row, table
from snnlab.reproduce.study import announce, complete
from snnlab.studies.stress import SHARES
from snnlab.sweeps.cluster import Failed
from snnlab.text import progress as terminal

RESULT = {
    "accuracy": 0.98, "spikes": 18.0, "within_8us": 0.97, "energy": 2.4e-6, "power": 0.2,
    "rate": 85e3, "energy_range": [2.3e-6, 2.5e-6], "times": [0.0, 1.7e-6],
    "accuracy_over_time": [0.1, 0.98],
    "silenced": {str(share): 0.98 - 0.01 * share for share in SHARES},
}  # fmt: skip


def outcome(**changes):
    return {"result": {**RESULT, **changes}, "seconds": 5.0}


def job(**settings):
    values = Config.checked(dataset="digits", **settings).values()
    return Job("snn", values, (), f"job {settings}")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


# Plan


def test_every_row_is_planned_and_every_training_possible():
    assert {row.training for row in ROWS} <= {training.name for training in PLAN}
    assert len({training.name for training in PLAN}) == len(PLAN)
    for training in PLAN:
        assert set(training.studies) <= set(STUDIES)
        for one in training.jobs():
            assert one.settings["seed"] in training.seeds
            assert one.settings["epochs"] == training.epochs


def test_every_seed_has_a_die_of_its_own_and_the_fresh_one_no_other():
    dies = {t.name: [j.settings["die_seed"] for j in t.jobs()] for t in PLAN if t.ann is None}
    assert dies["best"] == [1, 2, 3, 4, 5]
    used = {die for name, own in dies.items() if name != "fresh die" for die in own}
    assert not set(dies["fresh die"]) & used


def test_all_is_every_study_and_seeds_can_be_fewer():
    assert plan("all") == PLAN
    assert {t.name for s in STUDIES for t in plan(s)} == {t.name for t in PLAN}
    assert max(len(t.seeds) for t in plan("all", seeds=2)) == 2
    small = list(all_jobs(plan("all", quick=True)))
    assert {one.settings["dataset"] for one in small} == {"digits"}
    assert len({one.key for one in small}) == len(small)


@pytest.mark.parametrize(("study", "seeds"), [("table9", None), ("table1", 0), ("all", 6)])
def test_an_unknown_study_or_number_of_seeds_is_refused(study, seeds):
    with pytest.raises(SnnlabError, match=r"study 'table9' is unknown|seeds = \d is not allowed"):
        plan(study, seeds=seeds)


# Cache


def test_a_key_is_of_what_decides_the_outcome():
    one = job(beta=20.0)
    same = replace(one, settings=dict(reversed(one.settings.items())), label="other words")
    assert same.key == one.key
    assert replace(one, measures=("silenced",)).key != one.key
    assert len({one.key, job(beta=20.1).key, job(beta=20.0, seed=2).key}) == 3


def test_a_record_comes_back_and_a_damaged_one_is_missing(cache):
    one = job()
    assert cache.get(one) is None
    cache.put(one, outcome())
    record = cache.get(one)
    assert record["result"] == RESULT
    assert set(record["versions"]) == {"python", "snnlab", "numpy", "numba"}
    (path,) = cache.folder.iterdir()
    path.write_text(path.read_text()[:-20])
    assert cache.get(one) is None
    path.write_text("[1]")
    assert cache.get(one) is None


def test_a_new_knob_at_its_default_and_a_changed_default_keep_records_right(cache):
    one = job(beta=20.0)
    cache.put(one, outcome())
    (path,) = cache.folder.iterdir()
    record = json.loads(path.read_text())
    del record["settings"]["dropout"]  # as if it was written before the knob was there
    path.write_text(json.dumps(record))
    assert cache.get(one)
    record["settings"]["tau_in"] *= 2  # as if the default had been another one
    path.write_text(json.dumps(record))
    assert cache.get(one) is None


# Running


def pool(outcomes, seen):
    """Stands for the processes: gives these outcomes in order, Ctrl-C for None."""

    def run_all(function, jobs, workers, *, scheduler, data):
        for one, result in zip(jobs, outcomes, strict=False):
            if result is None:
                raise KeyboardInterrupt
            seen.append(one)
            yield one, result

    return run_all


def test_after_an_interruption_only_what_is_missing_runs(cache):
    jobs, first, second = [job(seed=k) for k in range(4)], [], []
    assert not complete(jobs, cache, pool=pool([outcome(), outcome(), None], first))
    assert first == jobs[:2]
    assert complete(jobs, cache, pool=pool([outcome(), outcome()], second))
    assert second == jobs[2:]
    assert complete(jobs, cache, pool=pool([], []))


def test_a_reproduction_in_a_log_says_how_far_it_is(cache, monkeypatch):
    said, enough = [], Event()

    def note(text):
        said.append(text)
        enough.set()

    def waiting(function, jobs, workers, *, scheduler, data):
        assert enough.wait(60), "while it waits for a training"
        yield jobs[0], outcome()

    monkeypatch.setattr(terminal, "LINE_EVERY", 0.001)
    monkeypatch.setattr(terminal, "say", note)
    assert complete([job(seed=1)], cache, pool=waiting)
    assert re.fullmatch(r"0 of 1 trainings, \d+ s so far", said[0])


def test_a_failing_training_is_noted_and_tried_again(cache):
    jobs, again = [job(seed=1), job(seed=2)], []
    assert complete(jobs, cache, pool=pool([Failed("loss became nan"), outcome()], []))
    assert cache.get(jobs[0]) is None
    assert cache.failure(jobs[0]) == "loss became nan"
    assert cache.failure(jobs[1]) is None
    assert complete(jobs, cache, pool=pool([outcome()], again))
    assert again == jobs[:1]
    assert cache.failure(jobs[0]) is None


def test_time_is_estimated_from_what_was_done(cache):
    done, missing = job(epochs=10, seed=1), job(epochs=100, seed=2)
    cache.put(done, {**outcome(), "seconds": 60.0})
    text = announce([done, missing], [missing], cache, workers=2)
    assert text == "2 trainings, 1 of them done before; about 10 min on 2 workers (estimate)"


# Table


@pytest.fixture
def records(cache):
    """Of three of four trainings, one of them with a failed seed."""
    trainings = tuple(t for t in PLAN if t.name in ("best", "sparse", "robust", "ANN"))
    best, sparse, robust, _ = (t.jobs() for t in trainings)
    for k, one in enumerate(best[:3]):
        cache.put(one, outcome(accuracy=0.985 + 0.001 * k))
    for one in sparse:
        cache.put(one, outcome(accuracy=0.981, spikes=21.0))
    for k, one in enumerate(robust[:2]):
        cache.put(one, outcome(silenced={**RESULT["silenced"], "0.15": 0.978 - 0.0001 * k}))
    cache.fail(best[3], "loss became nan at step 7")
    return Records(trainings, cache)


def test_the_table_has_mean_spread_seeds_and_verdict(records):
    rows = {line.split(" | ")[0].strip("| "): line for line in table(records).splitlines()}
    assert "| ≥ 98.5 | **98.60 ± 0.10** | 18.0 ± 0.0 | 3 of 5 | met so far |" in rows["MNIST"]
    assert rows["MNIST at few spikes"].endswith(
        "| ≥ 98 at ≤ 20 spikes | **98.10 ± 0.00** | 21.0 ± 0.0 | 5 | not met |"
    )
    assert rows["MNIST, ReLU ANN, same size"].endswith("|  | – |  | 0 of 5 |  |")
    assert not any(name.startswith("Fashion") for name in rows)


def test_error_increase_is_relative(records):
    """An error of 2 % that becomes 2.15 % has grown by 7.5 %."""
    assert error_increase(RESULT) == pytest.approx(0.075)
    row = next(line for line in table(records).splitlines() if "silenced" in line)
    assert "| ≤ 10 | **10 ± 0** |" in row


def test_a_fresh_die_is_held_against_the_spread_of_the_others(records):
    best = Row("again", "best", like="best")
    assert best.verdict(records) == "met"
    assert Row("far", "sparse", like="best").verdict(records) == "not met"


def test_spread_is_that_of_a_sample():
    sample = Sample(np.array([1.0, 2.0, 3.0]))
    assert (sample.mean, sample.sd) == (2.0, 1.0)
    assert sample.text(1) == "2.0 ± 1.0"
    assert Sample(np.array([2.0])).text(1) == "2.0"


# Report


def test_the_page_lists_failures_and_keeps_what_people_wrote(records, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(report, "_draw", lambda figure, folder: drawn.append(figure.name))
    page = report.write(records, tmp_path / "out", "snnlab reproduce all")
    first = page.read_text()
    assert "- best, seed 4: loss became nan at step 7" in first
    assert "snnlab reproduce all" in first
    page.write_text("# Mine\n" + first + "\nWhat did not help.\n")
    assert report.write(records, tmp_path / "out", "snnlab reproduce all").read_text() == (
        "# Mine\n" + first + "\nWhat did not help.\n"
    )
    page.write_text("# Mine\n")
    assert len(drawn) > 2
    drawn.clear()
    with pytest.raises(SnnlabError, match="has no lines <!-- snnlab reproduce: begin -->"):
        report.write(records, tmp_path / "out", "snnlab reproduce all")
    assert drawn == []


@pytest.mark.slow
def test_figures_and_parquet_are_written_alike_every_time(records, tmp_path):
    for out in ("one", "two"):
        report.write(records, tmp_path / out, "x")
    names = {p.name for p in (tmp_path / "one/results").iterdir()}
    assert {"sparsity.svg", "sparsity.png", "latency.svg", "trainings.parquet"} <= names
    assert "mismatch.svg" not in names
    one, two = ((tmp_path / out / "results/sparsity.svg").read_bytes() for out in ("one", "two"))
    assert one == two
    rows = parquet.read_table(tmp_path / "one/results/trainings.parquet").to_pylist()
    assert [row["training"] for row in rows] == ["best"] * 3 + ["sparse"] * 5 + ["robust"] * 2
    assert rows[0]["set_seed"] == 1
    assert rows[0]["accuracy"] == 0.985


def test_without_the_libraries_the_cure_is_named(monkeypatch):
    monkeypatch.setattr(report, "NEEDED", ("no_such_library",))
    with pytest.raises(SnnlabError, match=r'pip install -e "\.\[reproduce\]"'):
        report.check()


# The small version


@pytest.fixture
def at_once(monkeypatch, tmp_path):
    """Commands in a folder of their own, in which every training is done at once."""

    def complete(jobs, cache, *_):
        done.append(len([cache.put(job, outcome()) for job in jobs]))
        return True

    done = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_, "complete", complete)
    return done


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_small_version_says_so_first_last_and_in_every_row(capsys, tmp_path, quick):
    assert main(["reproduce", "table1", *["--quick"] * quick]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("| ")][2:]
    assert len(rows) > 10
    folder = "runs/results-quick" if quick else "runs/results"
    place = f"{folder}/results.md"
    assert first.endswith(
        f"results go to {place} and {folder}/results, trainings to runs/reproduce"
    )
    assert lines[-1] == f"written to {place}"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"], "below runs unless told"
    page = (tmp_path / place).read_text("utf-8")
    assert all(row in page for row in rows)
    marked = [row.startswith("| quick: bundled digits (") for row in rows]
    assert set(marked) == {quick}
    assert first.startswith("quick: bundled digits, ") == quick
    assert ("quick: bundled digits: these numbers say nothing" in lines[-2]) == quick
    assert any(row.startswith(("| MNIST", "| Fashion-MNIST")) for row in rows) != quick


def test_figures_of_the_small_version_say_so_too(cache):
    for quick in (True, False):
        trainings = plan("latency", quick=quick)
        for training in trainings:
            for one in training.jobs():
                cache.put(one, outcome())
        for figure in figures(Records(trainings, cache)):
            assert figure.caption.startswith("quick: bundled digits. ") == quick
            assert figure.xlabel.endswith("; quick: bundled digits") == quick


def test_a_place_for_results_that_cannot_be_used_is_said_before_any_training(
    capsys, tmp_path, at_once
):
    (tmp_path / "file").write_text("")
    for name, content in (("foreign", b"# Mine\n"), ("binary", b"\xff")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.md").write_bytes(content)
    for out, said in [
        ("file", "results file cannot be written: Not a directory"),
        ("file/deeper", "results file/deeper cannot be written: Not a directory"),
        ("foreign", "has no lines <!-- snnlab reproduce: begin -->"),
        ("binary", "page binary/results.md cannot be read: not a text in UTF-8"),
    ]:
        refused_command(capsys, "reproduce", "latency", "--out", out, said=(said,), folder=tmp_path)
    assert at_once == []


def test_no_workers_at_all_means_this_process(cache, capsys):
    heard = []

    def run_all(function, jobs, workers, **_):
        heard.append(workers)
        yield from ((one, outcome()) for one in jobs)

    assert complete([job()], cache, workers=0, pool=run_all)
    assert heard == [0]
    assert "on one worker (estimate)" in capsys.readouterr().out
