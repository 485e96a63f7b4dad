"""The one root of every error a user can cause."""

MOST_CHARACTERS = 1000


def plain(text: str) -> str:
    """``text`` without what could steer a terminal or break the line: such characters in words."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class SnnlabError(ValueError):
    """A mistake in what was asked: names object, value, limit and cure in one line.

    Front ends (command line, dashboard) print it as it is, without a traceback. Whatever it quotes,
    it stays one line without control characters; in the middle of a very long one something is
    left out.
    """

    def __init__(self, text: object = ""):
        line = plain(str(text))
        if len(line) > MOST_CHARACTERS:
            half = MOST_CHARACTERS // 2
            line = f"{line[:half]} … {line[-half:]}"
        super().__init__(line)


class DataUnavailable(SnnlabError):
    """A data set could not be had from any source."""
