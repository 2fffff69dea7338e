"""A file of stars is checked and added with the bound from which they are good, and refused without it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main as cli
from tasks.contracts.config import load_params
from tests.data.rows_on_disk import labels, write_rows
from tests.flows.laid_data import lay_data


@pytest.fixture
def stars(workspace: Path) -> Path:
    """Beside a workspace with data and a remote, a file of ratings from 1 to 5."""
    lay_data(workspace)
    subprocess.run([sys.executable, "-m", "dvc", "remote", "add", "-q", "store", str(workspace.parent / "store")],
                   cwd=workspace, check=True)
    rows = [{"prompt": row["prompt"], "response": row["response"], "rating": 5 if row["label"] == "good" else 1 + n % 3}
            for n, row in enumerate(labels(40))]
    return write_rows(workspace.parent / "stars.jsonl", rows)


def hallmark(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> dict:
    capsys.readouterr()
    assert cli.run(["data", *words, "--json"]) == code
    return dict(json.loads(capsys.readouterr().out))


def test_stars_are_checked_with_a_bound_and_refused_without_one(stars, capsys):
    refused = hallmark(capsys, "check", str(stars), "--kind", "labels", code=1)
    assert "or give --good-from" in refused["rows_rejected"][0]["reason"]
    accepted = hallmark(capsys, "check", str(stars), "--kind", "labels", "--good-from", "4", code=0)
    assert (accepted["rows_accepted"], accepted["warnings"]) == (40, [])


def test_stars_are_added_with_their_bound_in_the_settings(stars, capsys):
    hallmark(capsys, "add", str(stars), "--kind", "labels", code=1)
    assert not [one for one in load_params().data.sources if one.path == "data/stars.jsonl"]
    hallmark(capsys, "add", str(stars), "--kind", "labels", "--good-from", "4", code=0)
    (source,) = [one for one in load_params().data.sources if one.path == "data/stars.jsonl"]
    assert (source.kind, source.good_from) == ("labels", 4.0)
