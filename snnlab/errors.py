"""Base class of every error that a user can cause."""

MAX_CHARACTERS = 1000


def plain(text: str) -> str:
    """``text`` with unprintable characters (line breaks, terminal controls) as escape sequences."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class SnnlabError(ValueError):
    """Invalid input: one line that names object, value, limit and cure.

    Command line and dashboard print it without a traceback. Control characters in quoted text are
    escaped, and the middle of a message of more than 1000 characters is left out.
    """

    def __init__(self, text: object = ""):
        line = plain(str(text))
        if len(line) > MAX_CHARACTERS:
            half = MAX_CHARACTERS // 2
            line = f"{line[:half]} … {line[-half:]}"
        super().__init__(line)


class DataUnavailable(SnnlabError):
    """No source provides the data set."""
