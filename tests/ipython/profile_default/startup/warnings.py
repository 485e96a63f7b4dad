"""Notebooks under test: a warning out of snnlab, or out of a cell, is an error."""

import warnings

warnings.filterwarnings("error", module=r"snnlab|__main__|.*ipykernel_\d+")
