"""Dockerfile, compose file and Binder: their steps work, and they agree with each other."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import free_port, until
from dockerfile import Image, admitted, steps

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
NGINX = (DEPLOY / "nginx.conf").read_text("utf-8")


@pytest.mark.slow
def test_the_image_is_built_serves_and_is_healthy(tmp_path):
    image = Image(tmp_path / "image").build(DEPLOY / "Dockerfile", ROOT)
    assert [step.split()[0] for step in image.left_out] == ["useradd", "USER"]
    programs = {path.name for path in (image.root / "opt/snnlab/bin").iterdir()}
    assert "snnlab" in programs
    assert not {"pip", "pip3", "gcc"} & programs
    version = image.run(["snnlab", "--version"], capture_output=True, text=True).stdout
    assert f" from {image.root}/opt/snnlab/" in version
    assert not [*image.root.glob("opt/snnlab/lib/python*/site-packages/torch")], (
        "900 MB for nothing"
    )

    port = str(free_port())
    command = [part.replace(str(image.port), port) for part in image.entrypoint + image.cmd]
    command[command.index("--address") + 1] = "127.0.0.1"
    command[0] = str(image.root / "opt/snnlab/bin" / command[0])
    healthcheck = [part.replace(str(image.port), port) for part in image.healthcheck]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=image.workdir, env=image.environment, stdout=log, stderr=log
        )
        try:
            until(
                lambda: (
                    server.poll() is not None
                    or image.run(healthcheck, capture_output=True).returncode == 0
                )
            )
            assert server.poll() is None, (tmp_path / "log").read_text()
        finally:
            server.terminate()
            server.wait(60)
    assert image.run(healthcheck, capture_output=True).returncode == 1, "nobody is there now"
    assert {path.name for path in image.workdir.iterdir()} == {"cache", "kernels"}


def test_names_and_ports_agree():
    service = COMPOSE["services"]["snnlab"]
    (port,) = [arguments for name, arguments in steps(DEPLOY / "Dockerfile") if name == "EXPOSE"]
    assert service["expose"] == [port]
    assert f"--port {port}" in service["command"]
    targets = re.findall(r"proxy_pass http://([\w:]+)/", NGINX)
    assert set(targets) == {f"snnlab:{port}"}
    assert COMPOSE["services"]["proxy"]["volumes"][0].startswith("./nginx.conf:")


def test_the_flags_of_the_compose_file_exist(tmp_path):
    from snnlab.commands.main import _parser

    command = COMPOSE["services"]["snnlab"]["command"].replace("${SNNLAB_HOST:-localhost}", "a.b")
    arguments = _parser().parse_args(command.split())
    assert arguments.origin == ["a.b"]
    assert arguments.basic_auth == "/data/class.txt"


def test_what_the_image_does_not_need_stays_outside():
    assert admitted(ROOT, "snnlab")
    assert not any(admitted(ROOT, name) for name in (".git", "runs", "tests", "docs", ".venv"))


def test_binder_installs_what_the_notebooks_need():
    lines = (ROOT / ".binder/requirements.txt").read_text("utf-8").splitlines()
    assert (ROOT / ".binder" / lines[1].removeprefix("-c ")).samefile(ROOT / "constraints.txt")
    assert lines[-1] == ".[notebooks]"
    script = ROOT / ".binder" / "start"
    done = subprocess.run(
        [script, "sh", "-c", "echo $SNNLAB_FAST"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
