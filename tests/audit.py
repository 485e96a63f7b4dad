"""What is installed, held against ``constraints.txt`` and known vulnerabilities: ``make audit``.

Pins and licences come from the installed packages; vulnerabilities from pip-audit, which asks the
Python Packaging Advisory Database and needs a network. What it could not ask about is counted.
"""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from sysconfig import get_path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
OURS = {"snnlab-analog"}
FOR_GPUS = ("cuda-", "nvidia-", "triton")
"""Libraries that torch's default build for Linux brings; torch pins them by itself."""
TOOLS = {"pip", "setuptools", "wheel"}
"""Come with the interpreter."""
RESTRICTIVE = ("AGPL", "Affero", "SSPL", "Commons Clause", "Proprietary")
"""Licences that would bind whoever serves the dashboard."""


def pins(text: str) -> dict[str, str]:
    """Versions by name that hold for this Python."""
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate():
                (only,) = wanted.specifier
                assert only.operator == "==", f"{line} is no pin"
                found[canonicalize_name(wanted.name)] = only.version
    return found


def distributions() -> list[metadata.Distribution]:
    """All that pip installed, without what imported packages, as setuptools, put on the path."""
    return list(metadata.distributions(path=sorted({get_path("purelib"), get_path("platlib")})))


def installed() -> dict[str, str]:
    """Versions by name, without snnlab and the installer."""
    every = {canonicalize_name(d.metadata["Name"]): d.version for d in distributions()}
    return {name: v for name, v in sorted(every.items()) if name not in OURS | TOOLS}


def unpinned(found: dict[str, str], pinned: dict[str, str]) -> list[str]:
    """What is installed otherwise than it is tested, in words."""
    return [
        f"{name} {version}: " + (f"pinned to {pinned[name]}" if name in pinned else "not pinned")
        for name, version in found.items()
        if pinned.get(name) != version.split("+")[0] and not name.startswith(FOR_GPUS)
    ]


def restrictive() -> list[str]:
    """Packages whose licence says so."""
    found = []
    for one in distributions():
        said = [one.metadata.get("License-Expression"), *one.metadata.get_all("Classifier", [])]
        said.append((one.metadata.get("License") or "")[:200])
        text = " ".join(filter(None, said))
        found += [f"{one.metadata['Name']}: {word}" for word in RESTRICTIVE if word in text]
    return sorted(set(found))


def vulnerabilities() -> tuple[list[str], int, str]:
    """Known ones in words, how many packages were asked about, and what went wrong."""
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], 0, (done.stderr.strip().splitlines() or ["no answer"])[-1]
    asked = [package for package in packages if "skip_reason" not in package]
    known = [
        f"{p['name']} {p['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or '–'}"
        for p in asked
        for v in p["vulns"]
    ]
    return known, len(asked), ""


def main() -> int:
    """Print all of it; 1 if there is a problem."""
    found, pinned = installed(), pins(CONSTRAINTS.read_text())
    known, asked, trouble = vulnerabilities()
    wrong = [*unpinned(found, pinned), *restrictive(), *known]
    print(f"{len(found)} packages installed, {len(unpinned(found, pinned))} not as pinned")
    print(f"{len(restrictive())} with a licence that binds whoever serves it")
    print(
        f"{asked} looked up in the advisory database, {len(found) - asked} not known to it or not"
        f" reached{': ' * bool(trouble)}{trouble}; {len(known)} vulnerabilities"
    )
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
