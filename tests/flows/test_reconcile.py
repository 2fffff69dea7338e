"""MLflow, DVC and disk against the ledger, on a world with promotions, an override, a rollback and a new key."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from tests.flows.audit_world import World


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """A command's exit code and its one JSON object."""
    capsys.readouterr()
    code = cli.run([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def reconciled(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    code, said = asked(capsys, "audit", "reconcile", *words)
    assert (code, said["ok"]) == (1 if said["findings"] else 0, not said["findings"])
    found: list[dict[str, Any]] = said["findings"]
    return found


def test_nothing_is_found_in_the_untouched_world(audited: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconciled(capsys) == []
    assert reconciled(capsys, "--deep") == []
    code, said = asked(capsys, "audit", "served")
    assert (code, said["ok"]) == (0, True)
    assert {(one["name"], one["alias"]): one["version"] for one in said["served"]} == {
        ("policy", "champion"): 5, ("policy", "previous"): 2, ("policy", "challenger"): 6, ("reward-model", "champion"): 5}
