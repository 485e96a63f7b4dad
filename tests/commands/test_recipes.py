"""Recipes: named settings, checked when read, and what the paper published."""

import math

import pytest

from snnlab.commands.flags import config
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.recipes import read, recipe, recipes

PAPER = {
    "tau_mem": 6e-6, "tau_syn": 6e-6, "tau_ref": 2e-6, "tau_in": 8e-6, "theta_in": 0.2,
    "grid": "cadc", "hidden": [246], "beta": 50.0, "rho_burst": 5e-4, "rho_weight": 0.1,
    "rho_readout": 0.0, "learning_rate": 1.5e-3, "schedule": "exponential", "batch": 100,
    "epochs": 100, "die": "calibrated", "mismatch": 0.0, "side": 16, "dataset": "mnist",
}  # fmt: skip
"""Tables of Cramer et al. 2022 and defaults of the released code."""


def test_the_papers_recipe_is_the_papers():
    values = recipe("paper").config().values()
    assert {name: values[name] for name in PAPER} == PAPER


def test_augmented_as_published():
    """Rotation by up to 15°, 40 % of the hidden neurons dropped, nothing else changed."""
    ours, paper = (recipe(n).config().values() for n in ("paper-augmented", "paper"))
    changed = {name for name, value in paper.items() if ours[name] != value}
    assert changed == {"rotation", "dropout"}
    assert (round(math.degrees(ours["rotation"]), 2), ours["dropout"]) == (15.0, 0.4)


def test_every_recipe_is_a_configuration_with_a_sentence():
    assert {"paper", "best", "sparse", "sparser", "robust", "fashion-best"} <= set(recipes())
    for one in recipes().values():
        assert set(one.config().values()) == set(Config.knobs())
        assert one.about.endswith(".")


def test_a_recipe_builds_on_its_base_and_changes_go_on_top():
    text = """
    [first]
    version = 1
    about = "One."
    set = {beta = 20.0, epochs = 3}
    [second]
    version = 4
    about = "Two."
    base = "first"
    set = {epochs = 7}
    """
    second = read(text)["second"]
    assert (second.version, second.settings) == (4, {"beta": 20.0, "epochs": 7})
    assert (second.view, second.look_for, second.title) == (None, "", "Second")
    changed = second.config(beta=30.0, seed=2)
    assert (changed.beta, changed.epochs, changed.seed) == (30.0, 7, 2)
    assert second.config().beta == 20.0
    assert (second.own, read(text)["first"].own) == ({"epochs": 7}, {"beta": 20.0, "epochs": 3})


def test_a_title_is_the_name_unless_one_is_given():
    text = "[too-flat]\nversion = 1\nabout = 'One.'\n"
    assert read(text)["too-flat"].title == "Too flat"
    assert read(text + "title = 'Flat'\n")["too-flat"].title == "Flat"
    assert len({one.title for one in recipes().values()}) == len(recipes())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a", "recipes: no TOML"),
        ("a = 1", "recipe a: give a table"),
        ("[a]\nversion = 1\nabout = 'x.'\nlearning = 2", "recipe a: give a table with no other"),
        ("[a]\nabout = 'x.'", "recipe a: give version"),
        ("[a]\nversion = true\nabout = 'x.'", "recipe a: give version"),
        ("[a]\nversion = 1\nabout = 'x.'\nbase = 'b'", "recipe a: its base 'b' does not stand"),
        ("[a]\nversion = 1\nabout = 'x.'\nview = 3", "recipe a: give view, the name of a view"),
        ("[a]\nversion = 1\nabout = 'x.'\nlook_for = ['x']", "recipe a: give view, the name"),
        ("[a]\nversion = 1\nabout = 'x.'\ntitle = ''", "recipe a: give title, a text of 1 to 40"),
        ("[a]\nversion = 1\nabout = 'x.'\nset = 3", "recipe a: set is not a table"),
        ("[a]\nversion = 1\nabout = 'x.'\nset = {bate = 2}", "recipe a: 'bate' is not a knob"),
        (
            "[a]\nversion = 1\nabout = 'x.'\nset = {beta = 0}",
            "recipe a: beta = 0 is not allowed: a number from 0.1 to 200",
        ),
    ],
)
def test_what_is_no_recipe_is_named(text, said):
    with pytest.raises(SnnlabError, match=said):
        read(text)


def parsed(*flags):
    from snnlab.commands.main import _parser

    return config(_parser().parse_args(["train", *flags]))


def test_flags_go_over_the_recipe():
    mixed = parsed("--recipe", "paper", "--beta", "20", "--hidden", "100")
    assert (mixed.beta, mixed.hidden, mixed.grid) == (20.0, [100], "cadc")
    assert parsed().values() == Config().values()


def test_an_unknown_recipe_gets_one_line(capsys):
    assert main(["train", "--recipe", "papre"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("snnlab: recipe 'papre' is unknown: choose one of paper")
    assert error.count("\n") == 1


def test_recipes_are_listed(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(recipes())
    assert all(recipe(line.split()[0]).about in line for line in lines)
