"""Checks that invalid input is refused in one clear line, with nothing left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from snnlab.commands.main import main
from snnlab.errors import SnnlabError


def tree(folder: Path) -> dict[str, bytes | None]:
    """Content of every file in a folder, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def check_line(text: str, *said: str) -> None:
    """A single printable line that contains the given parts and no traceback."""
    assert [part for part in said if part not in text] == [], text
    assert text.isprintable(), "no line breaks or control characters"
    assert 10 < len(text) <= 1100
    assert "Traceback" not in text


def refused(attempt: Callable[[], object], *said: str, folder: Path | None = None) -> str:
    """An attempt raises :class:`SnnlabError` and leaves the folder unchanged; returns the text."""
    before = tree(folder) if folder else None
    with pytest.raises(SnnlabError) as error:
        attempt()
    check_line(str(error.value), *said)
    assert (tree(folder) if folder else None) == before
    return str(error.value)


def refused_command(capsys, *arguments: object, said: tuple[str, ...] = (), folder=None) -> str:
    """A command ends with exit code 2 and one line on standard error; returns that line."""
    before = tree(folder) if folder else None
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as exit_:  # argparse leaves this way
        code = exit_.code
    out, error = capsys.readouterr()
    assert code == 2, out
    assert out == ""
    assert error.startswith("snnlab: ")
    assert error.endswith("\n")
    check_line(error[:-1], *said)
    assert (tree(folder) if folder else None) == before
    return error
