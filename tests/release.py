"""What must hold before a release: ``make release-check``.

The wheel holds every file of the packages and nothing else, also by way of the sdist; installed
outside the checkout it runs; and nothing else answers to its name on the package index.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

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
PATIENCE = 600  # s


class Unfit(Exception):
    """Why this cannot be released."""


def run(*command: str | Path, at: Path, **environment: str) -> str:
    """What a command prints; raises :class:`Unfit` with its last words if it fails."""
    done = subprocess.run(
        [*map(str, command)], cwd=at, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE,
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


def installed(wheel: Path, folder: Path) -> Path:
    """An environment that holds the wheel and sees the libraries of this one; its ``snnlab``."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    bin_ = folder / ("Scripts" if os.name == "nt" else "bin")
    (site,) = folder.glob("[Ll]ib/**/site-packages")
    run(sys.executable, "-m", "pip", f"--python={bin_ / 'python'}", "install", "--no-deps",
        "--no-index", "--disable-pip-version-check", wheel, at=folder)  # fmt: skip
    libraries = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "libraries.pth").write_text("\n".join(libraries), "utf-8")
    return bin_ / "snnlab"


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


def main() -> int:
    """Every check; prints what was found."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            _, wheel = build(folder)
            if content(wheel) != sources():
                wrong = sorted(content(wheel).keys() ^ sources().keys()) or ["contents differ"]
                raise Unfit(f"{wheel.name} is not the source tree: {', '.join(wrong)}")
            print(f"{wheel.name}: {len(content(wheel))} files, those of the source tree")
            snnlab = installed(wheel, folder / "environment")
            print(run(snnlab, "--version", at=folder).strip())
            print(run(snnlab, "doctor", at=folder))
            print(run(snnlab, "train", "--dataset", "digits", "--epochs", "1", at=folder))
            download = folder / "download"
            download.mkdir()
            print(check_name(download))
        except Unfit as why:
            print(f"not fit for release: {why}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
