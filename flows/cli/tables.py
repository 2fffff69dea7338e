"""Tables of the terminal: what was made, what the gate found, what the models answer."""

import shutil
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tasks.stage.views import duration

if TYPE_CHECKING:
    from rich.table import Table

    from flows.doctor import Finding
    from flows.rebuild.verdicts import Compared

NARROWEST = 80


def show_stages(stages: Iterable[Mapping[str, Any]]) -> None:
    table = _table("stage", "what", "seconds", "digest")
    for stage in stages:
        took = "" if stage["state"] == "skipped" else duration(stage["seconds"])
        table.add_row(stage["name"], stage["state"], took, (stage["lock_digest"] or "")[:12])
    _print(table)


def show_findings(findings: Iterable[Mapping[str, Any]]) -> None:
    table = _table("gate", "wanted", "found", "interval", "samples", "verdict")
    for one in findings:
        interval = "" if one["low"] is None or one["high"] is None else f"{one['low']:.3g} to {one['high']:.3g}"
        found = "nothing" if one["found"] is None else f"{one['found']:.4g}"
        samples = "" if one["samples"] is None else str(one["samples"])
        table.add_row(one["metric"], one["wanted"], found, interval, samples, "passed" if one["passed"] else "FAILED")
    _print(table)


def show_samples(samples: Iterable[Mapping[str, Any]]) -> None:
    """Answers of SFT and policy side by side. They are shown as plain text: control characters are taken out."""
    table = _table("prompt", "SFT answers", "policy answers", lines=True)
    for one in samples:
        table.add_row(_plain(one["prompt"]), _scored(one, "sft"), _scored(one, "policy"))
    _print(table)


def show_rebuilt(stages: Iterable["Compared"]) -> None:
    table = _table("stage", "verdict", "seconds", "detail")
    for one in stages:
        table.add_row(one.name, one.verdict, "" if one.seconds is None else duration(one.seconds), one.detail)
    _print(table)


def show_checks(checks: Iterable["Finding"]) -> None:
    table = _table("check", "", "seconds", "found", "next step")
    for one in checks:
        table.add_row(one.name, "ok" if one.ok else "FAILED", f"{one.seconds:.1f}", one.found, one.next_step)
    _print(table)


def _scored(sample: Mapping[str, Any], who: str) -> str:
    score = sample.get(f"{who}_score")
    return _plain(sample[who]) + ("" if score is None else f"  ({score:.2f})")


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _table(*columns: str, lines: bool = False) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_lines=lines, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(table: "Table") -> None:
    from rich.console import Console

    width = max(shutil.get_terminal_size((120, 24)).columns, NARROWEST)
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)
