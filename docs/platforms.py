"""Which platforms have a wheel of every dependency: ``make platforms`` writes ``platforms.md``.

uv resolves the pinned versions for each platform and Python, from wheels only. Nothing is
installed, so one machine answers for all; whether a combination works is another question.
"""

import os
import re
import subprocess
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLATFORMS = {
    "Linux, x86-64": "x86_64-manylinux_2_28",
    "Linux, ARM": "aarch64-manylinux_2_28",
    "macOS 14, Apple silicon": "aarch64-apple-darwin",
    "macOS, Intel": "x86_64-apple-darwin",
    "Windows, x86-64": "x86_64-pc-windows-msvc",
    "Windows, ARM": "aarch64-pc-windows-msvc",
}
"""Platforms as the table and as uv names them."""
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("app", "reproduce", "nir", "notebooks")
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
"""The oldest macOS that torch for Apple silicon runs on; uv assumes 13 otherwise."""
LACKING = re.compile(r"Because ([\w-]+)==([\w.]+) has no (?:usable )?wheels")
PAGE = Path(__file__).with_name("platforms.md")
DAY = re.compile(r"as resolved on \S+ by")
TABLE = re.compile(r"(^\|.*\n)+", re.MULTILINE)


def lacking(platform: str, python: str) -> str:
    """The first package without a wheel, with its version; empty if all have one.

    Raises SystemExit if uv fails for another reason, e.g. without a network.
    """
    extras = [f"--extra={name}" for name in EXTRAS]
    done = subprocess.run(
        ["uv", "pip", "compile", "--quiet", "pyproject.toml", *extras, "-c", "constraints.txt",
         "--python-platform", platform, "--python-version", f"{python}.9", "--only-binary=:all:"],
        cwd=ROOT, env={**os.environ, **MACOS}, capture_output=True, text=True,
    )  # fmt: skip
    if not done.returncode:
        return ""
    if not (found := LACKING.search(" ".join(done.stderr.split()))):
        raise SystemExit(f"uv for {platform}, Python {python}: {done.stderr.strip()}")
    return f"{found[1]} {found[2]}"


def table() -> str:
    """A row for each platform, a column for each Python."""
    rows = [["", *(f"Python {python}" for python in PYTHONS)], ["---"] * (1 + len(PYTHONS))]
    for name, platform in PLATFORMS.items():
        cells = [lacking(platform, python) for python in PYTHONS]
        rows.append([name, *(f"no: {cell}" if cell else "yes" for cell in cells)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    text = TABLE.sub(table() + "\n", PAGE.read_text("utf-8"), count=1)
    PAGE.write_text(DAY.sub(f"as resolved on {date.today().isoformat()} by", text), "utf-8")
