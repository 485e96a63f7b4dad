"""Carries out a Dockerfile's steps in folders, where no container engine is to be had."""

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = re.compile(r"(?<![\w.])/(src|opt|data)\b")
"""Absolute paths of the image that lie in its folder here."""


def steps(dockerfile: Path) -> list[tuple[str, str]]:
    """Instructions and their arguments."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text("utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


class Image:
    """An image as a folder for each stage; ``left_out`` are steps that only a container can do.

    given : values of the Dockerfile's ARGs that replace its own, as ``docker build --build-arg``.
    """

    def __init__(self, folder: Path, **given: str):
        self._folder, self._stages, self._given = folder, [], given
        self.left_out: list[str] = []
        (folder / "programs").mkdir(parents=True)
        (folder / "programs" / "python").symlink_to(sys._base_executable)

    def build(self, dockerfile: Path, context: Path) -> "Image":
        for instruction, arguments in steps(dockerfile):
            if instruction == "COPY":
                self._copy(arguments, context)
            else:
                getattr(self, f"_{instruction.lower()}")(arguments)
        return self

    def here(self, text: str) -> str:
        """A text with the image's absolute paths in its folder."""
        return PLACES.sub(rf"{self.root}/\1", text)

    def run(self, command: list[str], **options) -> subprocess.CompletedProcess:
        """A program of the image, in its working folder."""
        return subprocess.run(command, cwd=self.workdir, env=self.environment, **options)

    def _from(self, arguments):
        self._stages.append(self._folder / f"stage-{len(self._stages)}")
        self.root = self._stages[-1]
        self.root.mkdir()
        self.workdir = self.root
        path = f"{self._folder}/programs:/usr/bin:/bin"
        passed = ("HOME", "LANG", "PIP_CACHE_DIR", "SSL_CERT_FILE", "SNNLAB_DATA")
        self.environment = {n: os.environ[n] for n in passed if n in os.environ} | {"PATH": path}

    def _copy(self, arguments, context):
        *sources, target = arguments.split()
        target = Path(self.here(target)) if target.startswith("/") else self.workdir / target
        if sources[0].startswith("--from="):  # the first stage is the only one with a name
            source = self._stages[0] / sources[1].lstrip("/")
            shutil.copytree(source, target, symlinks=True)
            _move_scripts(target, source)
            return
        for name in sources:
            assert admitted(context, name), f"{name} is not in the context: .dockerignore"
            if (context / name).is_dir():
                unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(context / name, target, ignore=unwanted)
            else:
                shutil.copy(context / name, target)

    def _run(self, arguments):
        if arguments.startswith("useradd "):
            self.left_out.append(arguments)
            return
        done = self.run(
            ["bash", "-euc", self.here(arguments)], capture_output=True, text=True, timeout=1500
        )
        assert done.returncode == 0, f"RUN {arguments}\n{done.stdout}\n{done.stderr}"

    def _arg(self, arguments):
        name, default = arguments.split("=", 1)
        self.environment[name] = self._given.get(name, default)

    def _env(self, arguments):
        for assignment in arguments.split():
            name, value = assignment.split("=", 1)
            value = value.replace("$PATH", self.environment["PATH"])
            self.environment[name] = self.here(value)

    def _workdir(self, arguments):
        self.workdir = Path(self.here(arguments))
        self.workdir.mkdir(parents=True, exist_ok=True)

    def _healthcheck(self, arguments):
        self.healthcheck = json.loads(arguments.partition("CMD ")[2])

    def _entrypoint(self, arguments):
        self.entrypoint = json.loads(arguments)

    def _cmd(self, arguments):
        self.cmd = json.loads(arguments)

    def _user(self, arguments):
        self.left_out.append(f"USER {arguments}")

    def _volume(self, arguments):
        assert Path(self.here(arguments)) == self.workdir, "the working folder is what is kept"

    def _expose(self, arguments):
        self.port = int(arguments)


def admitted(context: Path, name: str) -> bool:
    """Whether ``.dockerignore`` lets a name of the top folder into the context."""
    decided = True
    for line in (context / ".dockerignore").read_text("utf-8").splitlines():
        if line and not line.startswith("#") and fnmatch(name, line.removeprefix("!")):
            decided = line.startswith("!")
    return decided


def _move_scripts(environment, source):
    """In an image the path is the same in every stage; here scripts name the other folder."""
    for script in (environment / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            script.write_bytes(script.read_bytes().replace(bytes(source), bytes(environment)))
