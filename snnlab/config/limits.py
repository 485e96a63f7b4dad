"""Limits of a dashboard server per visitor and in total."""

import param

from snnlab.errors import SnnlabError
from snnlab.text.numerals import number, suggest


class Limits(param.Parameterized):
    """Each is a flag of ``snnlab app``: ``--max-visitors`` and so on."""

    visitors = param.Integer(
        40, bounds=(1, 10_000),
        doc="Visitors at once; later ones wait in line until one leaves.",
    )  # fmt: skip
    minutes = param.Number(
        120.0, bounds=(0.01, 1e5),
        doc="Minutes that a training runs before it pauses and waits for a click.",
    )  # fmt: skip
    memory = param.Integer(
        6000, bounds=(500, 10**7),
        doc="Memory of a computing process, in MB, above which visitors wait in line.",
    )  # fmt: skip
    stored = param.Integer(
        1000, bounds=(10, 10**7),
        doc="Disk space, in MB, for abandoned trainings; the oldest are removed first.",
    )  # fmt: skip
    upload = param.Integer(
        100, bounds=(1, 2000),
        doc="Size of a visitor's own data set, in MB.",
    )  # fmt: skip

    @classmethod
    def names(cls) -> list[str]:
        """Names in the order of declaration."""
        return [name for name in cls.param if name != "name"]

    @classmethod
    def read(cls, **texts: str) -> "Limits":
        """Limits from texts; raises :class:`SnnlabError` for a value that is not allowed."""
        return cls(**{name: cls._number(name, text) for name, text in texts.items()})

    @classmethod
    def _number(cls, name, text):
        declared = cls.param[name]
        kind = int if isinstance(declared, param.Integer) else float
        low, high = declared.bounds
        try:
            value = number(text, kind)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise SnnlabError(
                f"--max-{name} {text} is not allowed: {what} from {low:g} to {high:g}"
                f"{suggest(text, kind, declared.bounds)}"
            )
        return value
