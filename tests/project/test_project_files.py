"""Files that other programs read: valid by their schemas, and in agreement with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [
    line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line
]  # fmt: skip
SCHEMAS = {
    "CITATION.cff": ["vendor.citation-file-format"],
    ".readthedocs.yaml": ["vendor.readthedocs"],
    ".github/dependabot.yml": ["vendor.dependabot"],
    ".github/workflows/*.yml": [
        "vendor.github-workflows", "custom.github-workflows-require-timeout",
    ],
    ".github/ISSUE_TEMPLATE/config.yml": ["vendor.github-issue-config"],
    ".github/ISSUE_TEMPLATE/[!c]*.yml": ["vendor.github-issue-forms"],
    "deploy/compose.yaml": ["vendor.compose-spec"],
}  # fmt: skip
"""Patterns of files, and the schemas that check-jsonschema brings: no network is asked."""


def validate(schema: str, *files: Path) -> Result:
    from check_jsonschema import main  # compiles grammars for seconds

    return CliRunner().invoke(main, ["--builtin-schema", schema, *map(str, files)])


@pytest.mark.parametrize(
    ("pattern", "schema"), [(pattern, s) for pattern, every in SCHEMAS.items() for s in every]
)
def test_a_file_is_valid(pattern, schema):
    files = sorted(ROOT.glob(pattern))
    assert files
    done = validate(schema, *files)
    assert done.exit_code == 0, done.output


def test_a_wrong_workflow_is_found(tmp_path):
    (tmp_path / "wrong.yml").write_text("on: push\njobs: {test: {runs-on: here, stepps: []}}\n")
    done = validate("vendor.github-workflows", tmp_path / "wrong.yml")
    assert done.exit_code == 1
    assert "stepps" in done.output


def test_every_workflow_limits_its_rights():
    for path in ROOT.glob(".github/workflows/*.yml"):
        workflow = yaml.safe_load(path.read_text("utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert set(job.get("permissions", {})) <= {"id-token"}
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout"):
                    assert step["with"]["persist-credentials"] is False


def test_workflows_run_every_python_that_the_project_names():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == PYTHONS
    assert jobs["wheel"]["strategy"]["matrix"]["python"] == PYTHONS


def test_citation_and_changelog_have_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest[1] == PROJECT["version"]


def test_the_platforms_are_those_that_the_script_asks_about():
    rows = re.findall(r"^\| (\w.*?) \|", (ROOT / "docs/platforms.md").read_text("utf-8"), re.M)
    script = (ROOT / "docs/platforms.py").read_text("utf-8")
    named = re.search(r"PLATFORMS = \{(.*?)\}", script, re.DOTALL)[1]
    assert rows == re.findall(r'"([^"]+)":', named)
