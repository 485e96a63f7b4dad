"""The dashboard shows images: a data set of recordings is one line, and nothing is loaded."""

import pytest
from refusal import refused

from snnlab_app.session.data import shared_dataset


@pytest.mark.parametrize("name", ["spoken-digits", "shd", "spikes"])
def test_recordings_are_refused_in_one_line(name):
    told = []
    refused(
        lambda: shared_dataset(name, 16, None, lambda *step: told.append(step)),
        f"data set {name} holds recorded spikes", "train it from the command line",
    )  # fmt: skip
    assert told == []
