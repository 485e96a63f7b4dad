"""What must hold before a release: ``make wheel-check`` and ``make release-check``.

The wheel holds every file of the packages and nothing else, also by way of the sdist; installed
alone in an empty environment, the README's first commands run; and nothing else answers to its name
on the package index.
"""

import argparse
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from snnlab.install import DISTRIBUTION, version

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "snnlab": "snnlab",
    "app/snnlab_app": "snnlab_app",
    "benchmarks/snnlab_bench": "snnlab_bench",
}
"""Folders of the checkout, and the packages they become."""
CALL = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('dist'))"
CONTROL = "pooch"
"""A project that the package index has: that it is found shows that the index answers."""
PATIENCE = 1200  # s


class Unfit(Exception):
    """Why this cannot be released."""


def run(*command: str | Path, at: Path, **environment: str) -> str:
    """What a command prints; raises :class:`Unfit` with its last words if it fails.

    No other snnlab is on the path: pip would take it for an installed one.
    """
    done = subprocess.run(
        [*map(str, command)], cwd=at, env={**os.environ, "PYTHONPATH": "", **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise Unfit(f"{' '.join(map(str, command[1:4]))}: {said[-1]}")
    return done.stdout


def sources() -> dict[str, bytes]:
    """Every file of the packages, by its place in the wheel."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found[f"{package}/{path.relative_to(ROOT / folder).as_posix()}"] = path.read_bytes()
    return found


def content(wheel: Path) -> dict[str, bytes]:
    """Every file of a wheel but those that describe it."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        return {name: archive.read(name) for name in names}


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it, with the setuptools of this environment."""
    checkout = folder / "checkout"
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    results = {str(ROOT), str(ROOT / "notebooks")}  # where trainings may lie in runs/
    shutil.copytree(
        ROOT, checkout,
        ignore=lambda at, names: unwanted(at, names) | ({"runs"} if at in results else set()),
    )  # fmt: skip
    sdist = (
        checkout / "dist" / run(sys.executable, "-c", CALL, "build_sdist", at=checkout).split()[-1]
    )
    shutil.unpack_archive(sdist, folder, filter="data")
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    wheel = run(sys.executable, "-c", CALL, "build_wheel", at=unpacked).split()[-1]
    return sdist, unpacked / "dist" / wheel


def program(environment: Path, name: str) -> Path:
    """A program of an environment."""
    return environment / ("Scripts" if os.name == "nt" else "bin") / name


def install(wheel: Path, python: str, folder: Path) -> Path:
    """An empty environment of a Python, with the wheel and what its metadata asks for; it sees no
    other library. Torch comes from ``TORCH_INDEX`` if that is set and answers, as in the Makefile.

    By uv if it is there, which takes seconds; else by pip.
    """
    if uv := shutil.which("uv"):
        run(uv, "venv", "--python", python, folder, at=folder.parent)
        installer = (uv, "pip", "install", "--python", folder)
    else:
        run(python, "-m", "venv", folder, at=folder.parent)
        installer = (program(folder, "python"), "-m", "pip", "install")
    installer += ("--constraint", ROOT / "constraints.txt")
    if index := os.environ.get("TORCH_INDEX"):
        patience = {"RETRIES": "1", "TIMEOUT": "10"}
        given = {
            f"{of}_{name}": value for of in ("PIP", "UV_HTTP") for name, value in patience.items()
        }
        with suppress(Unfit):
            run(*installer, "--no-deps", "--index-url", index, "torch", at=folder, **given)
    run(*installer, f"{wheel}[app,reproduce]", at=folder)
    return folder


def first_commands() -> list[str]:
    """The commands of the README to try first; the last one is for a notebook's cell."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = text.partition("Five things to try")[2].split("```")[1]
    return [line.partition("#")[0].strip() for line in block.strip().splitlines()]


NOTEBOOK = """
import time
import snnlab
live = {cell}
while live.state == "loading":
    time.sleep(0.1)
live.session.play()
while live.session.snapshot is None or live.session.snapshot.step < 3:
    assert live.state != "failed", live.session.message
    time.sleep(0.1)
live.close()
print("the notebook trained")
"""
"""A notebook's cell outside a notebook: what it shows has to train."""


def try_first(environment: Path, folder: Path) -> Iterator[str]:
    """Run the README's first commands in an empty folder; yields a line on each."""
    folder.mkdir()
    clean = {"PYTHONPATH": "", "SNNLAB_CACHE": str(folder / "cache")}
    snnlab, python = program(environment, "snnlab"), program(environment, "python")
    at_home = run(snnlab, "--version", at=folder, **clean)
    if f" from {environment}" not in at_home:
        raise Unfit(f"not the wheel runs but another snnlab: {at_home}")
    doctor = run(snnlab, "doctor", at=folder, **clean)
    if not doctor.endswith("no problems found\n"):
        raise Unfit(f"snnlab doctor: {doctor.splitlines()[-1]}")
    yield at_home.strip()
    for line in first_commands():
        started = time.monotonic()
        name, *arguments = shlex.split(line)
        if name != "snnlab":
            run(python, "-c", NOTEBOOK.format(cell=line), at=folder, **clean)
        elif arguments[0] == "app":
            open_page([snnlab, *arguments], folder, clean)
        else:
            run(snnlab, *arguments, at=folder, **clean)
        yield f"  {time.monotonic() - started:4.0f} s  {line}"


def open_page(command: list, folder: Path, variables: dict[str, str]) -> None:
    """Start the dashboard, and fetch its page; raises :class:`Unfit` if it does not come."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "app.log").open("w") as log:
        server = subprocess.Popen(
            [*map(str, command), "--no-browser", f"--port={port}"],
            cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                if b"<title>snnlab" not in page.read():
                    raise Unfit("the dashboard serves another page")
                return
            time.sleep(0.2)
        said = (folder / "app.log").read_text().splitlines() or ["no message"]
        raise Unfit(f"the dashboard does not answer: {said[-1]}")
    finally:
        server.terminate()
        server.wait(60)


def check_name(download: Path) -> str:
    """Ask the package index who has the name; raises :class:`Unfit` if it is somebody else.

    The index is asked through pip, as whoever installs would; of what it has, nothing is run.
    """
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    listed = {}
    for name in (CONTROL, DISTRIBUTION):
        try:
            listed[name] = run(*pip, "index", "versions", "--pre", name, at=download)
        except Unfit as why:
            if "No matching distribution" not in str(why):
                raise
    if CONTROL not in listed:
        raise Unfit(f"the package index does not answer: it has no {CONTROL}")
    if DISTRIBUTION not in listed:
        return f"{DISTRIBUTION}: nobody has the name"
    numbers = listed[DISTRIBUTION].partition("Available versions: ")[2].split("\n")[0]
    try:
        run(*pip, "download", "--no-deps", "--pre", "--only-binary=:all:", f"--dest={download}",
            DISTRIBUTION, at=download)  # fmt: skip
        (wheel,) = download.glob("*.whl")
    except (Unfit, ValueError):
        raise Unfit(f"{DISTRIBUTION} on the index has no wheel: it is not ours") from None
    ours = {name.split("/")[0] for name in content(wheel)}
    if ours != set(PACKAGES.values()):
        raise Unfit(f"{DISTRIBUTION} on the index is another project: it holds {', '.join(ours)}")
    if version() in numbers.split(", "):
        raise Unfit(f"{DISTRIBUTION} {version()} is already on the index: raise the version")
    return f"{DISTRIBUTION}: ours on the index, {version()} is not yet there"


def check_wheel(folder: Path, pythons: list[str]) -> None:
    """Build, compare with the source tree, and try on each Python; prints what was found."""
    sdist, wheel = build(folder)
    if content(wheel) != sources():
        wrong = sorted(content(wheel).keys() ^ sources().keys()) or ["contents differ"]
        raise Unfit(f"{wheel.name} is not the source tree: {', '.join(wrong)}")
    print(f"{wheel.name}: {len(content(wheel))} files, those of the source tree")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel, at=folder)
    print("twine check: passed")
    for number, python in enumerate(pythons):
        started = time.monotonic()
        environment = install(wheel, python, folder / f"environment-{number}")
        print(f"{python}: installed in {time.monotonic() - started:.0f} s", flush=True)
        for line in try_first(environment, folder / f"elsewhere-{number}"):
            print(line, flush=True)
        shutil.rmtree(environment)  # up to 6 GB


def main() -> int:
    """Every check; prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", default=[sys.executable])
    parser.add_argument("--name", action="store_true", help="also ask the package index")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        try:
            check_wheel(folder, arguments.pythons)
            if arguments.name:
                download = folder / "download"
                download.mkdir()
                print(check_name(download))
        except Unfit as why:
            print(f"not fit for release: {why}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
