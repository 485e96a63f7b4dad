"""The one root of every error a user can cause."""


class SnnlabError(ValueError):
    """A mistake in what was asked: names object, value, limit and cure in one line.

    Front ends (command line, dashboard) print it as it is, without a traceback.
    """


class DataUnavailable(SnnlabError):
    """A data set could not be had from any source."""


def plain(text: str) -> str:
    """``text`` without what could steer a terminal or break the line: such characters in words."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
