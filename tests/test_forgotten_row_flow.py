"""A row is forgotten in a workspace that has really trained, and the next run reads data without it."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workspaces import call, commit, copy_of, demo_rows, hallmark

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
LINE = 7  # of the demonstrations, and of the held-out prompts


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    root = copy_of(repository, tmp_path_factory.mktemp("forgotten") / "workspace",
                   repository / "tests/confs/valid/tiny.yaml")
    demo_rows(root, repository / "data", 300)
    (root / "infra/seed-data").mkdir(parents=True)
    call(root, sys.executable, "-m", "dvc", "add", "-q", "data")
    call(root, sys.executable, "-m", "dvc", "push", "-q", "-r", "seed", "data.dvc")
    commit(root)
    hallmark(root, "retrain")
    return root


def texts(root: Path, name: str, line: int = LINE) -> list[bytes]:
    row = json.loads(gzip.decompress((root / f"data/{name}.jsonl.gz").read_bytes()).splitlines()[line - 1])
    return [row[key].encode() for key in ("prompt", "response") if key in row]


def holding(root: Path, text: bytes) -> list[str]:
    found = []
    for folder in (".hallmark", "build", "infra/seed-data"):
        for path in sorted((root / folder).rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            content += gzip.decompress(content) if content.startswith(b"\x1f\x8b") else b""
            found += [str(path)] if text in content else []
    return found


def forget(root: Path, name: str, line: int, *words: str) -> dict[str, Any]:
    """The answer of the erasure of one row, whatever its exit code."""
    done = hallmark(root, "data", "forget", "--file", f"data/{name}.jsonl.gz", "--line", str(line), "--reason",
                    "asked to", "--yes", "--json", *words, expect=None)
    assert done.returncode in (0, 1), done.stderr
    return dict(json.loads(done.stdout))


def checked_receipt(root: Path, rows: list[str]) -> dict[str, Any]:
    """What somebody without the installation sees in the receipt."""
    hallmark(root, "data", "receipt", *rows, "--out", "receipt.json")
    key = json.loads(hallmark(root, "audit", "head", "--json").stdout)["key"]
    return dict(json.loads(hallmark(root, "data", "check-receipt", "receipt.json", "--key", key, "--json").stdout))


def test_what_a_real_run_wrote_of_a_row_is_gone_and_its_successor_is_proved_to_be_without_it(workspace: Path) -> None:
    response = texts(workspace, "demonstrations")[1]
    asked = texts(workspace, "prompts_heldout")[0]
    assert len(holding(workspace, asked)) > 4, "checked rows, shards, samples, report, MLflow's copies"
    forgotten = forget(workspace, "demonstrations", LINE, "--no-retrain")
    assert holding(workspace, response) == []
    assert forgotten["deleted"]["seed"]
    said = forget(workspace, "prompts_heldout", LINE)
    assert said["retrained"]["outcome"] in ("promoted", "refused")
    assert holding(workspace, asked) == []
    for rows in (forgotten["rows"], said["rows"]):
        shown = checked_receipt(workspace, rows)
        assert (shown["absent_from"]["of"], shown["absent_from"]["version"]) == ("version", 2)
        assert shown["remaining"] == []


def test_a_row_that_only_measured_is_proved_absent_though_the_same_policy_comes_out(workspace: Path) -> None:
    said = forget(workspace, "prompts_heldout", LINE + 1)
    assert {one["through"] for one in said["affected"]} == {"measured on it only"}
    assert said["retrained"]["outcome"] == "no change"
    shown = checked_receipt(workspace, said["rows"])["absent_from"]
    assert (shown["of"], shown["run"], shown["outcome"], shown["version"]) == (
        "run", said["retrained"]["run"], "no change", None)
    assert shown["manifests"] > 5
