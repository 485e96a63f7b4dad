"""The printed table, the JSON file, and the comparison with the last release."""

import json
from dataclasses import asdict
from pathlib import Path

from snnlab_bench.harness import Row

RESULTS = Path(__file__).with_name("results")
"""Committed results, one file per release."""


def last_release() -> dict:
    """The newest committed result, or an empty dictionary."""
    files = sorted(RESULTS.glob("*.json"), key=lambda path: _numbers(path.stem))
    return json.loads(files[-1].read_text()) if files else {}


def _numbers(version):
    return [int(part) for part in version.split(".") if part.isdigit()]


def head(machine: dict, last: dict) -> str:
    """The machine and the head of the table."""
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads"
        f" ({machine['layer']}), {machine['memory_gb']} GB, {machine['system']},"
        f" Python {machine['python']}, load {machine['load']}",
        versions,
    ]
    if last and last["machine"]["processor"] != machine["processor"]:
        lines.append(f"the last release ran on another machine: {last['machine']['processor']}")
    was = f"{last['version']:>8}" if last else ""
    lines.append(f"\n{'':50}{'ratio':>8} {'quartiles':>14} {'target':>8}  met {was}")
    return "\n".join(lines)


def line(row: Row, last: dict) -> str:
    """One row of the table, followed by its figures and notes."""
    sign = "≤" if row.at_most else "≥"
    before = {r["key"]: r["ratio"] for r in last.get("rows", [])}.get(row.key)
    was = f"{before['median']:8.2f}" if before else ""
    ratio, quartiles, met = "–", "", "not measured"
    if row.ratio:
        ratio, met = f"{row.ratio.median:.2f}", "yes" if row.met else "no"
        quartiles = f"{row.ratio.low:.2f}–{row.ratio.high:.2f}"
    first = f"{row.what:50}{ratio:>8} {quartiles:>14} {sign} {row.target:<6g}  {met:3} {was}"
    return "\n    ".join([first.rstrip(), row.figures, *row.notes])


def write(folder: Path, result: dict, rows: list[Row]) -> Path:
    """Write ``<version>.json`` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['version']}.json"
    table = [{**asdict(row), "met": row.met} for row in rows]
    path.write_text(json.dumps({**result, "rows": table}, indent=1, ensure_ascii=False) + "\n")
    return path
