"""The one root of every error a user can cause."""


class SnnlabError(ValueError):
    """A mistake in what was asked: names object, value, limit and cure in one line.

    Front ends (command line, dashboard) print it as it is, without a traceback.
    """


class DataUnavailable(SnnlabError):
    """A data set could not be had from any source."""
