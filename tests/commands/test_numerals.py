"""Suggestions for numbers in other notations and for misspelt names."""

import pytest
from refusal import refused, refused_command

from snnlab.config import Config
from snnlab.config.limits import Limits
from snnlab.sweeps.plan import Plan
from snnlab.text.numerals import group_digits, suggest
from snnlab.text.spelling import did_you_mean

# ── the function ──


@pytest.mark.parametrize(
    ("text", "kind", "meant"),
    [
        ("0,2", float, "0.2"),
        ("2,5", float, "2.5"),
        ("-0,2", float, "-0.2"),
        ("1,5e-3", float, "1.5e-3"),
        ("5,0", int, "5"),
        ("1.000,5", float, "1000.5"),
        ("1,000.5", float, "1000.5"),
        ("60,000", int, "60000"),
        ("60,000", float, "60.000 or 60000"),
        ("1.000.000", int, "1000000"),
        ("1_000", int, "1000"),
        ("60 000", int, "60000"),
        ("60\u2009000", int, "60000"),  # thin space
        ("60\u00a0000", int, "60000"),  # no-break space
        ("60\u202f000", int, "60000"),  # French
        ("1'000", int, "1000"),  # Swiss
        ("1’000", int, "1000"),
        ("−0.2", float, "-0.2"),  # U+2212, the typographic minus
        ("–3", int, "-3"),
        ("1e-3\u00a0", float, "1e-3"),
        ("０.２", float, "0.2"),  # full width
        ("٠٫٢", float, "0.2"),  # Arabic
        ("१२", int, "12"),  # Devanagari
        ("1e3", int, "1000"),
        ("2.0", int, "2"),
    ],
)
def test_a_number_in_another_notation_gets_a_suggestion(text, kind, meant):
    assert suggest(text, kind) == f"; write {meant}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("steep", float), ("", float), (",", float), ("1,2,3", float), ("2,5", int), ("2.5", int),
        ("½", float), ("inf", int), ("nan", int), ("0x10", int), ("1 or 2", float), ("20%", float),
        ("--5", float), ("1,,5", float), ("🙂", float),
    ],
)  # fmt: skip
def test_text_without_a_number_gets_no_suggestion(text, kind):
    assert suggest(text, kind) == ""


def test_a_percentage_becomes_a_fraction_or_a_number_of_percent():
    assert suggest("20%", float, percent=0.01) == "; write 0.2"
    assert suggest("12,5 %", float, percent=0.01) == "; write 0.125"
    assert suggest("20 %", float, percent=1.0) == "; write 20"


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0"), (999, "999"), (1438, "1 438"), (10**7, "10 000 000")]
)
def test_thousands_are_grouped_by_narrow_spaces(n, text):
    assert group_digits(n) == text.replace(" ", "\u202f")


def test_no_number_outside_the_range_is_suggested():
    assert suggest("2,5", float, (0.0, 0.5)) == ""
    assert suggest("60,000", float, (0.0, 100.0)) == "; write 60.000"


# ── everywhere numbers are read ──


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "train --mismatch=0,2",
            "mismatch = 0,2 is not allowed: a number from 0 to 0.5; write 0.2",
        ),
        ("train --mismatch=20%", "a number from 0 to 0.5; write 0.2"),
        ("train --beta=2,5", "beta = 2,5 is not allowed: a number from 0.1 to 200; write 2.5"),
        ("train --learning-rate=1e-3\u00a0", "; write 1e-3"),
        ("train --batch=1_000", "a whole number from 1 to 10000; write 1000"),
        ("train --seed=60\u2009000", "; write 60000"),
        ("train --threads=1_0", "invalid int value: '1_0'; write 10"),
        ("sweep --vary=mismatch=0,1:0,4", "choices a,b,c; write 0.1 for 0,1"),
        (
            "sweep --vary=mismatch=0,2",
            "mismatch = 2.0 is not allowed: a number from 0 to 0.5; write",
        ),
        ("sweep --vary=beta=1:200:log:5,0", "; write 5 for 5,0"),
        ("sweep --vary=beta=1:2 --limit=power=0,2", "limit power = 0,2 is not a number; write 0.2"),
        ("sweep --vary=beta=1:2 --trials=2,0", "invalid int value: '2,0'; write 2"),
        ("robustness r --sigmas=10%,20%", "give numbers such as 0,0.2,0.4; write 0.1"),
        ("app --max-minutes=2,5", "a number from 0.01 to 100000; write 2.5"),
    ],
)
def test_a_flag_suggests_what_to_write(capsys, tmp_path, monkeypatch, command, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused_command(capsys, *command.split(" "), folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2,5", "; write 2.5"), ("1\u2009000", ""), ("−3", ""), ("1,5e1", "; write 1.5e1"),
    ],
)  # fmt: skip
def test_a_field_of_a_sweep_suggests_what_to_write(text, said):
    from snnlab_app.sweeps.ranges import Given, planned

    line = refused(lambda: planned(Config(), {"beta": Given(text, "100")}), "is not allowed")
    assert line.endswith(f"a number from 0.1 to 200{said}")


def test_a_field_in_percent_reads_percentages():
    from snnlab_app.sweeps.ranges import Given, planned

    refused(lambda: planned(Config(), {"mismatch": Given("5%", "20")}), "0 to 50 %; write 5")
    known = {"beta": Given("1", "100")}
    refused(lambda: planned(Config(), known, trials="1_000"), "a whole number from 1 to 500")
    refused(lambda: planned(Config(), known, trials="20,0"), "1 to 500; write 20")


def test_plans_limits_and_knobs_read_alike():
    refused(lambda: Plan.checked(vary={"beta": "1,5:2"}), "write 1.5 for 1,5")
    refused(lambda: Limits.read(visitors="1_0"), "from 1 to 10000; write 10")
    refused(lambda: Config.checked(mismatch="0,2"), "0 to 0.5; write 0.2")


# ── names ──


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("minst", ("mnist", "digits"), "mnist"),
        ("MNIST", ("mnist", "digits"), "mnist"),
        ("FashionMNIST", ("mnist", "fashion-mnist"), "fashion-mnist"),
        ("learning-rate", ("learning_rate", "seed"), "learning_rate"),
        ("16", (16, 28), "16"),
    ],
)
def test_a_similar_name_is_suggested(word, known, meant):
    assert did_you_mean(word, known) == f"; did you mean {meant!r}?"


def test_a_dissimilar_name_gets_no_suggestion():
    assert did_you_mean("cifar", ("mnist", "digits")) == ""
    assert did_you_mean("", ("mnist",)) == ""
    assert did_you_mean("x", ()) == ""
    assert did_you_mean("--wher", ("--help",)) == "", "the dashes do not count"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("trian", "did you mean 'train'? (see snnlab --help)"),
        ("runs lst", "did you mean 'list'? (see snnlab runs --help)"),
        ("train --betta 3", "--betta 3; did you mean '--beta'? (see snnlab train --help)"),
        ("train --epoch=3", "did you mean '--epochs'? (see snnlab train --help)"),
        ("runs list --wher x", "did you mean '--where'? (see snnlab runs list --help)"),
        ("sweep --vari x", "did you mean '--vary'? (see snnlab sweep --help)"),
        ("runs export r --out x.csv --what epoch", "did you mean 'epochs'?"),
        ("train --dataset minst", "spikes; did you mean 'mnist'?"),
        ("data fasion-mnist", "did you mean 'fashion-mnist'?"),
        ("train --recipe robst", "did you mean 'robust'?"),
        ("train --die calibrate", "did you mean 'calibrated'?"),
        ("sweep --vary=betta=1:2", "did you mean 'beta'?"),
        ("sweep --vary=beta=1:2 --objective acuracy", "did you mean 'accuracy'?"),
        ("sweep --vary=beta=1:2 --sampler gird", "did you mean 'grid'?"),
        ("reproduce tabel1", "did you mean 'table1'?"),
        ("runs list --where batta=1", "did you mean 'beta'?"),
        ("runs list --sort test-accuracy", "did you mean 'test_accuracy'?"),
        ("runs show frist", "did you mean 'first'?"),
        ("robustness frist", "did you mean 'first'?"),
    ],
)
def test_a_command_suggests_what_was_meant(capsys, tmp_path, monkeypatch, command, said):
    (tmp_path / "runs/first").mkdir(parents=True)
    (tmp_path / "runs/first/config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert said in refused_command(capsys, *command.split(), folder=tmp_path)


def test_settings_suggest_what_was_meant():
    refused(lambda: Config.checked(betta=3), "did you mean 'beta'?")
    refused(lambda: Plan.checked(vari={}), "did you mean 'vary'?")
