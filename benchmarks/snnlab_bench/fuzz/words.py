"""Invalid settings, flags, links and tables, as Hypothesis strategies."""

import json
from urllib.parse import quote

from hypothesis import strategies as st

from snnlab.config import Config
from snnlab.quantities import objectives

KNOBS = Config.knobs()
NUMBERS = (
    "0", "1", "-1", "0.5", "1e-6", "8e-06", "1e400", "nan", "inf", "-inf", "1_0", "0x10", "१", " 3",
    "", "1.5", "99999999999999999999", "2-", "-2", "3-17", "120-60", "1:5", "true", "None", "[]",
)  # fmt: skip
WORDS = ("mnist", "digits", "calibrated", "cosine", "measured", "sum", "clock", "16", "28", "x")

texts = st.one_of(st.sampled_from(NUMBERS + WORDS), st.text(max_size=12))
names = st.one_of(st.sampled_from(KNOBS), st.sampled_from(KNOBS), st.text(max_size=8))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=4)
    | st.complex_numbers() | st.decimals() | st.fractions(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2)
    | st.tuples(inner),
    max_leaves=4,
)  # fmt: skip


def near(name):
    """Values at, just within and just beyond the limits of a knob."""
    bounds = getattr(Config.param[name], "bounds", None) or (0, 1)
    return st.sampled_from([e * f for e in bounds for f in (1, 1.0, 0.999, 1.001, -1)])


settings = st.dictionaries(names, values, max_size=4) | st.sampled_from(KNOBS).flatmap(
    lambda name: st.dictionaries(st.just(name), near(name), min_size=1)
)
"""For ``Config.checked``."""

_fields = st.tuples(
    names | st.sampled_from(("v", "view", "lesson", "hide", "lr")),
    texts | st.sampled_from(("live", "chip", "too-steep", "beta,lr", "<img src=x onerror=y>")),
)
queries = st.one_of(
    st.text(max_size=60),
    st.lists(_fields, max_size=6).map(
        lambda pairs: "?" + "&".join(f"{quote(n)}={quote(v)}" for n, v in pairs)
    ),
    st.lists(_fields, max_size=6).map(lambda pairs: "&".join(f"{n}={v}" for n, v in pairs)),
)
"""Query strings of links."""

flags = st.lists(
    st.tuples(st.sampled_from(KNOBS), texts).map(
        lambda pair: f"--{pair[0].replace('_', '-')}={pair[1]}"
    )
    | st.sampled_from(("--recipe=best", "--recipe=", "--out=", "--threads=x", "--beta", "--"))
    | texts,
    max_size=4,
)
"""Arguments of ``snnlab train``."""

RANGES = (
    "1:5", "5:1", "1:20:log", "1:9:3", "1:9:log:4", "1:1e12:99", "a,b", "", "1,2", "1,1", "::",
    "nan:1", "1:inf", "0:1:log", "1:9:1e9",
)  # fmt: skip
_ranges = st.sampled_from(RANGES) | texts


def _toml(value):
    """A value as TOML, which has no null."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value).replace("e+", "e")
    return json.dumps(value)


_plain = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
_tables = st.dictionaries(names, _plain, max_size=3)
_vary = st.dictionaries(names, _ranges | st.lists(texts | st.integers(), max_size=3), max_size=2)
_sound = st.fixed_dictionaries(
    {"vary": st.sampled_from(({"beta": "1:20:log:3"}, {"hidden": ["20", "30-5"], "batch": "5:9"}))},
    optional={
        "sampler": st.sampled_from(("random", "tpe")), "trials": st.integers(1, 9),
        "settings": st.just({"dataset": "digits", "epochs": 1}), "repeats": st.integers(1, 3),
        "objectives": st.just(["accuracy", "energy"]), "limits": st.just({"power": 0.2}),
    },
)  # fmt: skip
_odd = st.fixed_dictionaries(
    {},
    optional={
        "vary": _vary, "settings": _tables,
        "sampler": st.sampled_from(("grid", "random", "tpe")) | _plain,
        "trials": st.integers(-1, 30) | _plain, "repeats": st.integers(-1, 3) | _plain,
        "objectives": st.lists(st.sampled_from((*objectives(), "x")), max_size=3) | _plain,
        "limits": _plain | st.dictionaries(
            st.sampled_from((*objectives(), "x")), _plain, max_size=2
        ),
        "seed": _plain, "prune": _plain, "name": texts | _plain, "colour": _plain,
    },
)  # fmt: skip
plans = (
    st.tuples(_sound, st.none() | _odd).map(
        lambda p: "\n".join(f"{k} = {_toml(v)}" for k, v in {**p[0], **(p[1] or {})}.items())
    )
    | st.text()
)
"""Plans of sweeps, as TOML."""


def _mostly(value):
    return st.one_of(st.just(value), st.just(value), st.just(value), _plain)


_recipe = st.fixed_dictionaries(
    {"version": _mostly(1), "about": _mostly("One.")},
    optional={
        "base": _mostly("a"),
        "set": _mostly({"beta": 3.0}) | _tables,
        "view": _mostly("live"),
        "look_for": _mostly("Two."),
    },
)
recipes = (
    st.lists(st.tuples(st.sampled_from("abc"), _recipe | _plain), max_size=3).map(
        lambda pairs: "\n".join(f"{name} = {_toml(value)}" for name, value in pairs)
    )
    | st.text()
)
"""Content of ``recipes.toml``."""

_conditions = st.sampled_from(
    (
        "measured < before - 5",
        "guess > 3 and low < 1",
        "measured",
        "x < 1",
        "1 < 2 < 3",
        "-low > -1",
    )
)
_durations = _mostly({"steps": 3}) | st.dictionaries(
    st.sampled_from(("steps", "epochs", "seconds", "accuracy", "x")), _plain, max_size=2
)
_explanation = st.fixed_dictionaries(
    {"text": _mostly("From {before} to {measured}.") | texts},
    optional={"when": _conditions | _plain},
)
_lesson = st.fixed_dictionaries(
    {
        "title": _mostly("One"), "about": _mostly("Two."), "question": _mostly("How many?"),
        "measure": _mostly("spikes"),
        "change": st.fixed_dictionaries(
            {"set": _mostly({"beta": 3.0}) | _tables, "run": _durations},
            optional={"restart": _mostly(True)},
        ),
        "explain": st.lists(_explanation, max_size=2).map(lambda some: [*some, {"text": "Else."}]),
    },
    optional={
        "scale": _mostly({"from": 0, "to": 80, "step": 1}), "place": _mostly(3),
        "choices": _plain, "set": _tables, "warm_up": _durations, "next": _mostly("burst"),
        "recipe": _mostly("paper"), "colour": _plain,
    },
)  # fmt: skip
lessons = (
    _lesson.map(lambda table: "\n".join(f"{name} = {_toml(v)}" for name, v in table.items()))
    | st.text()
)
"""Content of the file of a lesson."""
