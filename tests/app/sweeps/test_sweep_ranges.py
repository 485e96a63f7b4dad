"""The form of a sweep: which ranges it offers, and what it refuses."""

import pytest
from refusal import refused
from sweep_plans import TINY, offered

from snnlab.config import Config
from snnlab.sweeps.plan import Plan
from snnlab_app.sweeps.ranges import VARIED, Given, around, is_choice, planned, vary


@pytest.mark.parametrize("name", VARIED)
def test_the_range_that_is_offered_holds_the_setting_and_can_be_searched(name):
    config = Config()
    given = around(name, value := getattr(config, name))
    (knob,) = Plan.checked(vary={name: vary(name, given)}).space
    if is_choice(name):
        written = "-".join(map(str, value)) if isinstance(value, list) else str(value)
        assert written in knob.texts
        return
    least, most = Config.param[name].bounds
    assert least <= knob.low < knob.high <= most
    off = knob.log and value == 0.0
    assert off or knob.low * (1 - 1e-6) <= value <= knob.high * (1 + 1e-6)
    assert knob.log == given.log == bool(getattr(Config.param[name], "log", False))


@pytest.mark.parametrize("name", [n for n in VARIED if not is_choice(n)])
@pytest.mark.parametrize("end", [0, 1])
def test_at_its_ends_too(name, end):
    value = Config.param[name].bounds[end]
    (knob,) = Plan.checked(vary={name: vary(name, around(name, value))}).space
    assert knob.low < knob.high


def test_only_what_a_sweep_takes_is_offered():
    left_out = {"dataset", "side", "split", "held_out", "killed", "epochs"}
    assert set(Config.knobs()) - set(VARIED) == left_out


def test_texts_are_in_the_unit_people_read():
    assert around("tau_mem", 6e-6) == Given("3", "12", False)
    assert around("mismatch", 0.1)[:2] == ("5", "20")
    assert around("beta", 10.0)[:3] == ("1", "100", True)
    assert around("beta", 100.0)[1] == "200", "no more than is allowed"
    assert around("weight_bits", 6) == Given("3", "6", False)
    assert around("cadc_bits", 8) == Given("4", "8", False)
    assert vary("cadc_bits", Given("4", "8", points="5"), grid=True) == "4:8:linear:5"
    assert around("hidden", [100, 60]).choices == "25-60, 50-60, 100-60"
    assert vary("tau_mem", Given("2", "5")) == "2e-06:5e-06:linear"
    assert vary("tau_mem", Given("2", "5", True, "3"), grid=True) == "2e-06:5e-06:log:3"
    assert vary("batch", Given("10", "20")) == "10:20:linear"
    assert vary("die", Given(choices="ideal , calibrated")) == "ideal,calibrated"


def test_the_rest_of_the_settings_are_those_of_the_page():
    config = Config.checked(dataset="digits", mismatch=0.3, epochs=9, beta=4.0)
    plan = planned(config, offered("beta", config=config), epochs="2", repeats="3")
    assert (plan.trials, plan.repeats, plan.objectives) == (20, 3, ["accuracy"])
    trial = plan.config({"beta": 7.0})
    assert (trial.mismatch, trial.epochs, trial.beta) == (0.3, 2, 7.0)
    assert planned(config, offered(), sampler="grid", trials="x").trials == 16


@pytest.mark.parametrize(
    ("knobs", "given", "said"),
    [
        ({"beta": Given("x", "5")}, {}, "steepness: x is not allowed: a number from 0.1 to 200"),
        ({"beta": Given("", "5")}, {}, "nothing is not allowed"),
        ({"beta": Given("nan", "5")}, {}, "nan is not allowed"),
        ({"beta": Given("5", "1")}, {}, "from 5 to 1 is empty"),
        ({"tau_mem": Given("3", "300")}, {}, "Membrane time constant (µs): 300 is not allowed"),
        ({"rho_burst": Given("0", "1", True)}, {}, "a logarithmic range must begin above 0"),
        ({"batch": Given("1.5", "9")}, {}, "Batch size: 1.5 is not allowed: a whole number from"),
        ({"die": Given(choices="shiny")}, {}, "die = shiny is not allowed: one of ideal"),
        ({"die": Given(choices="")}, {}, "die = '' holds no values"),
        ({}, {}, "Settings to vary: choose 1 to 3"),
        (offered("beta", "batch", "dead", "tau_mem"), {}, "Settings to vary: choose 1 to 3"),
        ({"dataset": Given(choices="mnist")}, {}, "dataset is not varied here"),
        (offered(), {"trials": "0"}, "Trials: 0 is not allowed: a whole number from 1 to 500"),
        (offered(), {"trials": "many"}, "Trials: many is not allowed"),
        (offered(), {"trials": "9" * 5000}, "Trials: 999"),
        (offered(), {"epochs": "1.5"}, "Epochs of each trial: 1.5 is not allowed"),
        (offered(), {"repeats": "-1"}, "Dies for each trial: -1 is not allowed"),
        (offered("die_seed"), {"repeats": "2"}, "die_seed is varied, and repeats vary it too"),
        (offered(), {"objectives": []}, "Optimise for: choose 1 or 2"),
        (offered(), {"objectives": ["speed"]}, "objective 'speed' is unknown"),
        (offered(), {"sampler": "luck"}, "sampler 'luck' is unknown"),
        (
            {name: Given("1", "10", False, "99") for name in ("beta", "logit_gain")},
            {"sampler": "grid"}, "the grid has 9801 points, at most 500",
        ),
        ({"beta": Given("1", "9", False, "1")}, {"sampler": "grid"}, "points: 1 is not allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_one_line(knobs, given, said):
    refused(lambda: planned(TINY, knobs, **given), said)
