"""Names and hashes of passwords in a file, as ``snnlab password`` writes it."""

import re
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from snnlab.errors import SnnlabError
from snnlab.files import write_named

NAME = re.compile(r"[\w.@+-]{1,64}")
MIN_LENGTH, MAX_LENGTH = 8, 1000
"""Allowed lengths of a password in characters."""
MAX_BYTES = 1_000_000

_hasher = PasswordHasher()


def read(path: Path) -> dict[str, str]:
    """Hashes by name, a line ``name:hash`` each.

    Raises :class:`SnnlabError` for a file that cannot be read, has another format or is empty.
    """
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a text"
        raise SnnlabError(
            f"password file {path} cannot be read ({why}): write it with snnlab password {path}"
            " NAME"
        ) from None
    entries = {}
    for number, line in enumerate(lines, start=1):
        name, _, hashed = line.partition(":")
        if not (NAME.fullmatch(name) and hashed.startswith("$argon2")):
            raise SnnlabError(
                f"password file {path}: line {number} is not a name and Argon2 hash; write it with"
                f" snnlab password {path} NAME"
            )
        entries[name] = hashed
    if not entries:
        raise SnnlabError(f"password file {path} has no names: snnlab password {path} NAME")
    return entries


def admits(path: Path, name: str, password: str) -> bool:
    """Whether name and password match the file; the check takes as long for an unknown name."""
    hashed = read(path).get(name)
    try:
        return _hasher.verify(hashed or _nobody(), password[:MAX_LENGTH]) and hashed is not None
    except (Argon2Error, InvalidHashError):
        return False


def keep(path: Path, name: str, password: str) -> None:
    """Set the password of a name in a file that only its owner can read.

    Raises :class:`SnnlabError` for a name or password that is not allowed, or a file that cannot
    be read or written.
    """
    if not NAME.fullmatch(name):
        raise SnnlabError(f"name {name!r} is not allowed: up to 64 letters, digits, . _ - + @")
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise SnnlabError(
            f"the password has {len(password)} characters: {MIN_LENGTH} to {MAX_LENGTH}"
        )
    entries = read(path) if path.exists() else {}
    entries[name] = _hasher.hash(password)
    text = "".join(f"{name}:{hashed}\n" for name, hashed in entries.items())
    try:
        write_named(path, lambda file: file.write(text.encode()), private=True)
    except OSError as error:
        raise SnnlabError(f"password file {path} cannot be written: {error.strerror}") from None


@cache
def _nobody():
    """A random hash that the password of an unknown name is checked against, for equal timing."""
    return _hasher.hash("nobody")
