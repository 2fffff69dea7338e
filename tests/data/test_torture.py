"""Every case of ../shared/torture gets the verdict and the words that its index asks for."""

import json
import re
import time
from pathlib import Path

import pytest

from tasks.contracts.data_config import DataConfig, SourceConfig
from tasks.data.examination import Workplace, examine
from tasks.data.reading.in_order import Processes
from tasks.data.verdicts import check_path

TORTURE = Path(__file__).parents[3] / "shared" / "torture"
KINDS = {"prefs": "preferences", "hh": "transcripts", "sft": "demonstrations"}
SECONDS_AT_MOST = 10
WITHOUT = pytest.param(None, marks=pytest.mark.skip(reason="no folder ../shared/torture beside the checkout"))


def cases() -> list:
    if not (TORTURE / "index.json").is_file():
        return [WITHOUT]
    index = json.loads((TORTURE / "index.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["id"]) for case in index["cases"]]


@pytest.mark.parametrize("told", [True, False], ids=["kind given", "kind guessed"])
@pytest.mark.parametrize("case", cases())
def test_a_torture_case_gets_its_verdict(case, told):
    path = TORTURE / case["files"][0]
    path = path.parent if path.parent != TORTURE else path
    started = time.monotonic()
    verdict = check_path(
        path, KINDS.get(case["kind"]) if told else None, DataConfig(sources=[SourceConfig(path="data/rows.jsonl")]))
    assert time.monotonic() - started < SECONDS_AT_MOST
    said = verdict.model_dump_json()
    assert [word for word in case["message_must_mention"] if not re.search(word, said, re.IGNORECASE)] == []
    assert verdict.rows_read == verdict.rows_accepted + len(verdict.rows_rejected)
    if case["expected"] == "accept":
        assert (verdict.verdict, verdict.warnings, verdict.rows_rejected) == ("accept", (), ())
    elif case["expected"] == "accept_with_warning":
        assert verdict.verdict == "accept"
        assert verdict.warnings
    elif case["expected"] == "reject_rows":
        assert set(case["affected_lines_1based"]) <= {row.line for row in verdict.rows_rejected}
    else:
        assert verdict.verdict == "refuse"


@pytest.mark.skipif(not TORTURE.is_dir(), reason="no folder ../shared/torture beside the checkout")
def test_line_ends_change_no_row(tmp_path):
    rows = {name: _rows(TORTURE / name, tmp_path) for name in ("000_control_prefs.jsonl", "044_crlf.jsonl")}
    assert rows["000_control_prefs.jsonl"] == rows["044_crlf.jsonl"]


def _rows(path: Path, scratch: Path) -> list[str]:
    place = Workplace(scratch / path.name, Processes(1))
    found = examine(path, None, DataConfig(sources=[SourceConfig(path="x")]), place)
    return [row.tobytes().hex() for row in found.known.ids.read()]
