"""A lesson: what to train, what to ask, what to change, how to explain what was measured."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from snnlab.lessons.condition import Condition
from snnlab.lessons.measures import MEASURES
from snnlab.quantities import Quantity

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
"""A name in braces in a text, replaced by the value with its unit."""
NOT_MEASURED = "(not measured)"


@dataclass(frozen=True)
class Until:
    """When a training pauses: at the first of these limits that is reached.

    steps : weight updates; epochs : passes through the training images; seconds : of training;
    accuracy : test accuracy in percent. None is no limit.
    """

    steps: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    accuracy: float | None = None

    def share(self, *, steps: int, epochs: float, seconds: float, accuracy: float) -> float:
        """The share that is done, 1 or more at the end."""
        done = {"steps": steps, "epochs": epochs, "seconds": seconds, "accuracy": accuracy}
        limits = {name: limit for name in done if (limit := getattr(self, name)) is not None}
        return max(done[name] / limit for name, limit in limits.items())


@dataclass(frozen=True)
class Scale:
    """A prediction is a number from ``low`` to ``high``, in the unit shown, in steps."""

    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Choice:
    """A prediction in words, right if ``when`` holds for what was measured."""

    text: str
    when: Condition


@dataclass(frozen=True)
class Explanation:
    """A text for the case that ``when`` holds; None holds always."""

    text: str
    when: Condition | None


@dataclass(frozen=True)
class Lesson:
    """One question about a training.

    about : one sentence for lists; settings : knobs to begin with by name, all others at their
    defaults; warm_up : training before the question; measure : key of
    :data:`~snnlab.lessons.measures.MEASURES`; answers : a scale, or choices; change : knobs to set
    after the prediction; restart : whether the training then starts again; run : training after the
    change; following : lesson or recipe to offer next, or None.
    """

    name: str
    place: int
    title: str
    about: str
    settings: dict
    warm_up: Until
    question: str
    measure: str
    answers: Scale | tuple[Choice, ...]
    change: dict
    restart: bool
    run: Until
    explanations: tuple[Explanation, ...]
    following: str | None = None

    @property
    def quantity(self) -> Quantity:
        """What is measured."""
        return MEASURES[self.measure]

    def explain(self, values: Mapping[str, float]) -> str:
        """The first explanation whose condition holds.

        values : by the names of :data:`~snnlab.lessons.measures.NAMES`, and measured, before, low,
        high and guess, in shown units.
        """
        for explanation in self.explanations:
            if explanation.when is None or explanation.when.holds(values):
                return self.fill(explanation.text, values)
        raise AssertionError("the last explanation has no condition")

    def fill(self, text: str, values: Mapping[str, float]) -> str:
        """The text with values in place of names in braces."""
        return PLACEHOLDER.sub(lambda found: self.format(found[1], values[found[1]]), text)

    def format(self, name: str, value: float) -> str:
        """A value in the shown unit, with its unit."""
        quantity = MEASURES.get(name.removesuffix("_before"), self.quantity)
        return quantity.format(value / quantity.factor) or NOT_MEASURED

    def right(self, values: Mapping[str, float]) -> list[Choice]:
        """The choices that hold for these values."""
        return [choice for choice in self.answers if choice.when.holds(values)]
