"""A row is forgotten in a workspace that has really trained, and the next version is trained without it."""

import gzip
import json
from pathlib import Path

import pytest

from tests.workspaces import commit, copy_of, demo_rows, hallmark

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
LINE = 7  # of the demonstrations, and of the held-out prompts


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    root = copy_of(repository, tmp_path_factory.mktemp("forgotten") / "workspace",
                   repository / "tests/confs/valid/tiny.yaml")
    demo_rows(root, repository / "data", 300)
    commit(root)
    hallmark(root, "retrain")
    return root


def texts(root: Path, name: str) -> list[bytes]:
    row = json.loads(gzip.decompress((root / f"data/{name}.jsonl.gz").read_bytes()).splitlines()[LINE - 1])
    return [row[key].encode() for key in ("prompt", "response") if key in row]


def holding(root: Path, text: bytes) -> list[str]:
    found = []
    for path in sorted((root / ".hallmark").rglob("*")) + sorted((root / "build").rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        content += gzip.decompress(content) if content.startswith(b"\x1f\x8b") else b""
        found += [str(path)] if text in content else []
    return found


def test_what_a_real_run_wrote_of_a_row_is_gone_and_its_successor_is_proved_to_be_without_it(workspace: Path) -> None:
    response = texts(workspace, "demonstrations")[1]
    asked = texts(workspace, "prompts_heldout")[0]
    assert len(holding(workspace, asked)) > 4, "checked rows, shards, samples, report, MLflow's copies"
    forgotten = json.loads(hallmark(
        workspace, "data", "forget", "--file", "data/demonstrations.jsonl.gz", "--line", str(LINE), "--reason",
        "asked to", "--yes", "--no-retrain", "--json").stdout)
    assert holding(workspace, response) == []
    said = json.loads(hallmark(
        workspace, "data", "forget", "--file", "data/prompts_heldout.jsonl.gz", "--line", str(LINE), "--reason",
        "asked to", "--yes", "--json", expect=None).stdout)
    assert said["retrained"]["outcome"] in ("promoted", "refused")
    assert holding(workspace, asked) == []
    for rows in (forgotten["rows"], said["rows"]):
        hallmark(workspace, "data", "receipt", *rows, "--out", "receipt.json")
        key = json.loads(hallmark(workspace, "audit", "head", "--json").stdout)["key"]
        shown = json.loads(hallmark(workspace, "data", "check-receipt", "receipt.json", "--key", key, "--json").stdout)
        assert shown["absent_from"]["version"] == 2
        assert shown["remaining"] == []
