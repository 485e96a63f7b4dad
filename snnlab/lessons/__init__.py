"""Lessons: a prediction, a training that tests it, an explanation; each a TOML file.

The format is described in docs/lessons.md. Imports settings, recipes and quantities.
"""

from snnlab.lessons.lesson import Choice, Lesson, Scale, Until
from snnlab.lessons.reading import bundled, read, read_folder

__all__ = ["Choice", "Lesson", "Scale", "Until", "bundled", "read", "read_folder"]
