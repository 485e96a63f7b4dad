"""Every knob is declared once, documented, bounded, and refuses what it cannot do."""

import math
from string import ascii_letters

import numpy as np
import param
import pytest
import torch

from snnlab.chip.operating_point import OperatingPoint
from snnlab.config import Config, PhysicalNumber
from snnlab.config.parameters import number
from snnlab.errors import SnnlabError

KNOBS = Config.knobs()
NUMBERS = [name for name in KNOBS if isinstance(Config.param[name], param.Number)]


def test_every_parameter_is_in_one_group_exactly_once():
    declared = set(Config.param) - {"name"}
    assert sorted(KNOBS) == sorted(declared)
    assert len(KNOBS) == len(set(KNOBS))


def test_a_new_knob_is_one_declaration():
    class More(Config):
        extra = number(1.0, 0.0, 2.0, "Extra", "A sentence.", live=True, ideal=0.0, of="images")
        fixed = number(1.0, 0.0, 2.0, "Fixed", "A sentence.")

    assert More.GROUPS == {"More": ("extra", "fixed"), **Config.GROUPS}
    assert More.LIVE - Config.LIVE == More.OF_IMAGES - Config.OF_IMAGES == {"extra"}
    assert More.IDEAL == {"extra": 0.0, **Config.IDEAL}
    assert More.checked(extra=1.5).values()["extra"] == 1.5
    with pytest.raises(SnnlabError, match=r"extra = 3\.0 is not allowed: a number from 0 to 2"):
        More.checked(extra=3.0)
    assert "extra" not in Config.knobs()


def test_live_knobs_are_knobs():
    assert set(KNOBS) > Config.LIVE
    # What the network, its events or its batches were built from cannot turn under way.
    assert not Config.LIVE & {"dataset", "side", "hidden", "chips", "theta_in", "batch", "seed"}


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_has_a_sentence_and_a_default_it_allows(name):
    knob = Config.param[name]
    assert knob.doc.endswith(".")
    assert knob.doc[0] in ascii_letters
    assert "\n" not in knob.doc
    config = Config.checked(**{name: knob.default})
    assert getattr(config, name) == knob.default
    assert Config.allowed(name)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_has_limits_and_its_error_names_them(name):
    low, high = Config.param[name].bounds
    assert low <= Config.param[name].default <= high
    for allowed in (low, high):
        assert getattr(Config.checked(**{name: allowed}), name) == allowed
    for outside in (low - 1, high + 1):
        with pytest.raises(SnnlabError) as error:
            Config.checked(**{name: outside})
        text = str(error.value)
        assert text.startswith(f"{name} = {outside} is not allowed")
        assert f"{low:.10g}" in text
        assert f"{high:.10g}" in text


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, "many", None])
def test_what_is_no_number_is_refused(name, value):
    with pytest.raises(SnnlabError, match=f"{name} = {value} is not allowed"):
        Config.checked(**{name: value})


@pytest.mark.parametrize("name", ["dataset", "side", "die", "schedule"])
def test_a_choice_names_what_there_is(name):
    with pytest.raises(SnnlabError) as error:
        Config.checked(**{name: "unheard-of"})
    assert str(error.value).startswith(f"{name} = unheard-of is not allowed: one of ")
    assert all(str(choice) in str(error.value) for choice in Config.param[name].objects)


@pytest.mark.parametrize("hidden", [[], [1.5], ["246"], 0, [10] * 9])
def test_hidden_layers_are_a_list_of_whole_numbers(hidden):
    with pytest.raises(SnnlabError, match=r"hidden = .* is not allowed: a list of whole numbers"):
        Config.checked(hidden=hidden)


def test_whole_numbers_stay_whole():
    with pytest.raises(SnnlabError, match=r"batch = 1\.5 is not allowed: a whole number from 1"):
        Config.checked(batch=1.5)


def test_an_unknown_knob_is_told_which_there_are():
    with pytest.raises(SnnlabError, match=r"'tau_membrane' is not a knob: there are .*tau_mem"):
        Config.checked(tau_membrane=1e-6)


def test_a_misspelt_knob_is_not_set_in_silence():
    config = Config()
    with pytest.raises(SnnlabError, match=r"'betta' is not a knob: .*beta"):
        config.betta = 50.0
    with pytest.raises(SnnlabError, match="'betta' is not a knob"):
        Config(betta=50.0)
    assert "betta" not in vars(config)


def test_a_refused_value_leaves_the_old_one():
    config = Config(beta=7.0)
    with pytest.raises(SnnlabError):
        config.set("beta", 1e9)
    assert config.beta == 7.0


def test_units_are_shown_in_what_people_read():
    for name in ("tau_in", "tau_mem", "tau_syn", "tau_ref"):
        knob = Config.param[name]
        assert isinstance(knob, PhysicalNumber)
        assert (knob.unit, knob.shown, knob.factor) == ("s", "µs", 1e6)
    assert Config.allowed("tau_mem") == "a number from 1e-06 to 2e-05 s"


def test_the_chip_and_its_knobs_start_from_the_same_operating_point():
    config, point = Config(), OperatingPoint()
    for name in ("tau_mem", "tau_syn", "tau_ref", "cadc_noise", "substeps"):
        assert getattr(config, name) == getattr(point, name)
    assert (config.tau_mem, config.tau_syn, config.tau_ref) == (6e-6, 6e-6, 2e-6)


def test_values_make_the_same_configuration_again():
    config = Config.checked(hidden=[30, 20], beta=3.0, seed=5)
    again = Config.checked(**config.values())
    assert again.values() == config.values()
    assert tuple(config.values()) == KNOBS


def test_two_configurations_share_nothing():
    a, b = Config(), Config()
    a.hidden.append(5)
    assert b.hidden == [246]


@pytest.mark.parametrize("text", ["100,50", "100 50", "(100, 50)", "[100, 50]", "100x50", "100×50"])
def test_a_list_written_otherwise_is_answered_with_how_to_write_it(text):
    with pytest.raises(SnnlabError, match=r"such as 246 or 120-120; write 100-50$"):
        Config.read("hidden", text)


def test_values_that_are_not_python_numbers_but_mean_one_are_taken():
    config = Config(beta=np.array(20.0), mismatch=torch.tensor(0.25))
    assert (config.beta, config.mismatch) == (20.0, 0.25)
    assert {type(config.beta), type(config.mismatch)} == {float}
    with pytest.raises(SnnlabError, match="is not allowed: a whole number from 1 to 10000"):
        config.epochs = torch.tensor(True)


@pytest.mark.parametrize(
    ("name", "text", "meant"), [("hidden", "120-120", [120, 120]), ("mismatch", "0.2", 0.2)]
)
def test_a_text_where_numbers_belong_is_said_to_be_one(name, text, meant):
    with pytest.raises(SnnlabError) as error:
        Config(**{name: text})
    assert str(error.value).endswith(f"; give {meant}, not text")
