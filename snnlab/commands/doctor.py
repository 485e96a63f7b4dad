"""``snnlab doctor``: what is installed, where it keeps things, and what is wrong with it."""

import csv
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import file_digest
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from snnlab import install
from snnlab.errors import SnnlabError
from snnlab.text.tables import aligned

PARTS = {
    "app": "dashboard",
    "nir": "exchange as NIR",
    "spikes": "HDF5 recordings",
    "sweep": "sweeps",
    "tensorboard": "TensorBoard",
    "reproduce": "figures of reproduce",
    "torch": "networks as functions of torch",
    "notebooks": "notebooks",
    "bench": "benchmarks",
}
"""Optional parts that a user may want, by the name of their extra."""
NATIVE = ("numpy", "scipy", "numba", "pyarrow")
"""Native libraries, which may be installed but incompatible."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


@dataclass
class Report:
    """The report: facts by section and name, and problems, one line each with its remedy."""

    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = []
        for section, facts in self.sections.items():
            lines += [section, aligned(("", name, fact) for name, fact in facts.items()), ""]
        if not self.problems:
            return "\n".join([*lines, "no problems found"])
        return "\n".join([*lines, *(f"problem: {problem}" for problem in self.problems)])

    def as_json(self) -> str:
        """The report as JSON: sections as objects, and a list of ``problems``."""
        return json.dumps({**self.sections, "problems": self.problems}, indent=2)


def examine() -> Report:
    """Examine the installation without downloading or changing anything."""
    report = Report()
    for section, look in (
        ("snnlab", _itself),
        ("libraries", _libraries),
        ("kernels", _kernels),
        ("data", _data),
        ("optional parts", _parts),
    ):
        facts = report.sections[section] = {}
        try:
            facts.update(look(report.problems))
        except Exception as error:  # report the other sections in any case
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            report.problems.append(f"{section}: {said}")
    return report


def _itself(problems):
    if problem := install.find_conflict():
        problems.append(problem)
    if install.version() == install.UNKNOWN_VERSION:
        problems.append(
            f"{install.DISTRIBUTION} is not installed, only its sources are found:"
            f" {install.reinstall_command()}"
        )
    elif changed := _changed_files():
        problems.append(
            f"files of {install.DISTRIBUTION} are missing or not as installed ({len(changed)},"
            f" among them {changed[0]}): {install.reinstall_command()}"
        )
    return {
        "version": install.version(),
        "place": f"{install.FOLDER} ({'checkout' if install.is_checkout() else 'installed'})",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "platform": f"{platform.platform()}, {os.cpu_count()} cores",
        "browser": _browser(),
    }


def _changed_files() -> list[str]:
    """Installed files that differ from the installer's record."""
    distribution = metadata.distribution(install.DISTRIBUTION)
    changed = []
    for name, recorded, _ in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        algorithm, _, expected = recorded.partition("=")
        if algorithm != "sha256":  # RECORD has no hash of itself
            continue
        try:
            with open(distribution.locate_file(name), "rb") as stream:
                found = urlsafe_b64encode(file_digest(stream, "sha256").digest())
        except OSError:
            found = b""
        if found.decode().rstrip("=") != expected:
            changed.append(name)
    return changed


def _browser():
    """The browser that ``snnlab app`` opens, or one to be opened by hand."""
    try:
        opened = webbrowser.get()
    except webbrowser.Error:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        by_hand = "snnlab app prints the address to open"
        return f"{found}, not opened by itself: {by_hand}" if found else f"not found: {by_hand}"
    return getattr(opened, "name", "") or type(opened).__name__


def _libraries(problems):
    facts = {}
    for name in sorted({*_required(""), *install.NUMERIC_LIBRARIES}):
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            facts[name] = "missing"
            problems.append(f"{name} is missing: pip install {name}")
    importlib.import_module("snnlab.chip")  # before torch, see there
    optional = ["torch"] if importlib.util.find_spec("torch") else []
    for name in (*NATIVE, *optional):
        try:
            importlib.import_module(name)
        except ImportError as error:
            said = (str(error).splitlines() or ["no reason given"])[0]
            problems.append(f"{name} cannot be imported ({said}): install another version of it")
    if optional and "torch" in sys.modules and (problem := _torch(facts)):
        problems.append(problem)
    return facts


def _torch(facts):
    """Adds torch's build to the facts; returns its problem, if any."""
    import torch

    cuda = torch.version.cuda or torch.version.hip
    facts["torch"] = metadata.version("torch")
    facts["torch"] += f" (built for GPUs, {cuda}, which snnlab never uses)" if cuda else " (CPU)"
    try:
        torch.zeros(1).numpy()
    except RuntimeError:
        return (
            f"torch {torch.__version__} does not work with NumPy {facts['numpy']}:"
            ' pip install "numpy<2"'
        )
    return None


def _kernels(problems):
    from snnlab.chip import threads
    from snnlab.chip.kernels import layer

    stats = getattr(layer.run_layer, "stats", None)
    if stats is None:
        kept = "nowhere: NUMBA_DISABLE_JIT is set, nothing is compiled"
    elif (folder := stats.cache_path) is None:
        kept = "nowhere: they are compiled at every start"
        problems.append(
            "no folder for compiled kernels is writable: set NUMBA_CACHE_DIR to one that is"
        )
    else:
        kept = _place(folder, "compiled kernels", "NUMBA_CACHE_DIR", problems)
    if threads.LAYER_PROBLEM:
        problems.append(threads.LAYER_PROBLEM)
    return {
        "threading layer": threads.LAYER,
        "threads": str(threads.most_threads()),
        "kept in": kept,
    }


def _place(folder, what, variable, problems):
    """Description of a folder; adds a problem if it cannot be written."""
    first = next(filter(os.path.exists, (Path(folder), *Path(folder).parents)))
    try:  # permissions do not suffice: /proc and a full disk refuse new folders
        TemporaryDirectory(dir=first).cleanup()
    except OSError:
        problems.append(
            f"folder {folder} for {what} cannot be written: set {variable} to one that can"
        )
        return f"{folder} (cannot be written)"
    return f"{folder} ({'writable' if first == Path(folder) else 'is made when needed'})"


def _data(problems):
    from snnlab.data.catalogue import CATALOGUE
    from snnlab.files import cache_folder

    facts = {"cache": _place(cache_folder(), "data", "SNNLAB_CACHE", problems)}
    chosen = os.environ.get("SNNLAB_DATA")
    if chosen:
        facts["SNNLAB_DATA"] = chosen
        if not Path(chosen).expanduser().is_dir():
            problems.append(f"SNNLAB_DATA names {chosen}, not a folder: correct or unset it")
    return facts | {name: _locate(entry, chosen) for name, entry in CATALOGUE.items()}


def _locate(entry, chosen):
    """Where the files of a data set are, without reading them."""
    from snnlab.data.published import files
    from snnlab.files import cache_folder

    if entry.own:
        return "yours: --data-dir"
    if entry.fetched:
        return _locate_recordings(entry, chosen)
    if not entry.files:
        return "comes with snnlab and its libraries"
    folders = [chosen] if chosen else filter(None, (entry.system_folder, cache_folder()))
    for folder in folders:
        try:
            paths = files.find(entry, Path(folder).expanduser())
        except SnnlabError:
            continue
        return f"folder {next(iter(paths.values())).parent}"
    return "not in SNNLAB_DATA" if chosen else "not here: fetched on first use"


def _locate_recordings(entry, chosen):
    from snnlab.data.published import shd, spoken_digits
    from snnlab.files import cache_folder

    where = Path(chosen).expanduser() if chosen else cache_folder() / entry.name
    if entry.name == shd.NAME:
        found = any((home / name).is_file() for home in (where, where / shd.NAME)
                    for name in shd.FILES)  # fmt: skip
        found = where if found else None
    else:
        found = spoken_digits.find(where)
    if found:
        return f"{'folder' if found.is_dir() else 'archive'} {found}"
    return "not in SNNLAB_DATA" if chosen else "not here: fetched on first use"


def _parts(problems):
    facts = {}
    for extra, part in PARTS.items():
        lacking = sorted({name for name in _required(extra) if not _is_installed(name)})
        facts[part] = "present"
        if lacking:
            facts[part] = f"missing ({', '.join(lacking)}): {install.install_command(extra)}"
    return facts


def _required(extra: str) -> Iterator[str]:
    """Names of the distributions that an extra requires, or snnlab itself for an empty one."""
    try:
        every = metadata.requires(install.DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return
    for line in every:
        wanted, _, marker = line.partition(";")
        name, _, extras = re.match(r"\s*([\w.-]+)(\[([\w,-]+)\])?", wanted).groups()
        asked = re.search(r"""extra == ['"]([\w-]+)['"]""", marker)
        if (asked[1] if asked else "") != extra:
            continue
        if name == install.DISTRIBUTION:
            for other in extras.split(","):
                yield from _required(other)
        else:
            yield name


def _is_installed(name):
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
