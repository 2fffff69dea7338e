"""People compare without knowing which answer is whose, and nobody can turn the result round afterwards."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.promotion.blind import COLUMNS, Judged, Pair, judged, make_sheet, read_sheet, shown
from flows.promotion.blind_export import export
from flows.promotion.blind_import import record
from tasks.contracts.errors import DigestMismatch, Misused, Refused
from tests.flows.hands import decided, desk, people, started_by
from tests.flows.promotion.test_approve_command import policy

PAIRS = [Pair(f"prompt {number}", f"ours {number}", f"theirs {number}") for number in range(40)]


def rows_of(text: str) -> list[dict[str, str]]:
    return read_sheet(text, "sheet")


def written(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    sheet = csv.DictWriter(text, COLUMNS)
    sheet.writeheader()
    sheet.writerows(rows)
    return text.getvalue()


def fill(text: str, say: Callable[[dict[str, str]], str]) -> str:
    return written([row | {"better": say(row)} for row in rows_of(text)])


def ours(row: dict[str, str]) -> str:
    return "A" if row["answer A"].startswith("ours") else "B"


def test_a_sheet_shows_each_pair_once_in_an_order_that_is_drawn() -> None:
    text, key = make_sheet([*PAIRS, PAIRS[0]], seed=7)
    rows = rows_of(text)

    assert [row["prompt"] for row in rows] == [pair.prompt for pair in PAIRS]
    assert {row["better"] for row in rows} == {""}
    first = [row["answer A"].startswith("ours") for row in rows]
    assert 8 < sum(first) < 32
    assert list(key.values()) == ["A" if ours_first else "B" for ours_first in first]
    assert make_sheet(PAIRS, seed=7)[0] == text
    assert make_sheet(PAIRS, seed=8)[0] != text
    assert "prompt" not in json.dumps(key)  # digests alone


def test_each_word_counts_for_the_version_whichever_column_it_was_in() -> None:
    text, key = make_sheet(PAIRS[:4], seed=7)
    words = {"prompt 0": "version", "prompt 1": "other", "prompt 2": " Same ", "prompt 3": ""}

    def say(row: dict[str, str]) -> str:
        other = {"A": "b", "B": "a"}[ours(row)]
        return {"version": ours(row), "other": other}.get(words[row["prompt"]], words[row["prompt"]])

    assert judged(rows_of(fill(text, say)), key, "sheet") == [
        Judged("prompt 0", 1.0), Judged("prompt 1", 0.0), Judged("prompt 2", 0.5)]


def test_rows_in_another_order_and_other_line_ends_are_the_same_sheet() -> None:
    text, key = make_sheet([Pair("two\nlines", "a\r\nb", "c"), Pair("p", "x", "y")], seed=1)
    rows = [row | {"better": "same", "answer B": row["answer B"].replace("\n", "\r\n")} for row in rows_of(text)]

    assert [one.points for one in judged(rows_of("\ufeff" + written(rows[::-1])), key, "sheet")] == [0.5, 0.5]


def changed(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [rows[0] | {"answer A": "better words"}, *rows[1:]]


def swapped(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [rows[0] | {"answer A": rows[0]["answer B"], "answer B": rows[0]["answer A"]}, *rows[1:]]


@pytest.mark.parametrize(("twist", "said"), [
    (changed, "is not a row that was exported"), (swapped, "is not a row that was exported"),
    (lambda rows: [*rows, rows[0]], "is not a row that was exported"), (lambda rows: rows[1:], "rows are missing"),
    (lambda rows: [rows[0] | {"better": "C"}, *rows[1:]], "is no answer")])
def test_a_sheet_that_was_changed_is_refused(twist: Callable[[Any], Any], said: str) -> None:
    text, key = make_sheet(PAIRS, seed=7)

    with pytest.raises(Refused, match=said):
        judged(twist(rows_of(text)), key, "sheet")


def test_what_is_no_sheet_is_refused() -> None:
    with pytest.raises(Refused, match="is no sheet"):
        read_sheet("a,b\n1,2\n", "sheet")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x"])
def test_a_spreadsheet_runs_nothing_that_a_model_wrote(text: str) -> None:
    assert shown(text) == f"'{text}"


@pytest.fixture
def version(workspace: Path) -> Path:
    """A workspace with version 1, whose SFT model and held-out prompts are there; the folder of both their sheets."""
    people(workspace, "ann")
    prompts = workspace / "build/prepared/prompts_test.jsonl"

    def both(folder: Path) -> None:
        policy(1, folder)
        for made in (workspace / "build/sft").glob("*"):
            made.unlink()
        policy(2, workspace / "build/sft")

    decided(started_by("carol", workspace), "one", fill=both, prompts="\n".join(
        json.dumps({"prompt": [1, 5 + number, 2], "text": f"prompt {number}"}) for number in range(6)))
    assert prompts.stat().st_size > 10
    return workspace


def test_a_version_goes_out_comes_back_and_stands_beside_the_rules(
    version: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = version.parent / "sheet.csv"
    assert cli.run(["compare", "export", "1", "--out", str(out), "--prompts", "6"]) == 0
    assert "sft" not in out.read_text()
    (said,) = desk(version).ledger.entries("comparison exported")
    key = json.loads((version / f".hallmark/comparisons/{said.payload['comparison']}.json").read_text())
    rows = rows_of(out.read_text())
    out.write_text(written([row | {"better": "A"} for row in rows]))

    assert cli.run(["compare", "import", "1", str(out), "--by", "bob"]) == 0
    wins = list(key["rows"].values()).count("A")
    assert f"{wins} better, 0 the same, {len(rows) - wins} worse, by bob" in capsys.readouterr().out
    entry = desk(version).ledger.entries()[-1]
    assert (entry.kind, entry.payload["wins"], entry.payload["against"]) == ("compared by a person", wins, "sft")

    cli.run(["gate", "1", "--json"])
    (shown_by_gate,) = json.loads(capsys.readouterr().out)["compared"]
    assert shown_by_gate["metric"]["name"] == "human_win_rate"
    assert shown_by_gate["metric"]["value"] == pytest.approx(wins / len(rows))
    assert shown_by_gate["metric"]["low"] < shown_by_gate["metric"]["value"] < shown_by_gate["metric"]["high"] or (
        wins in (0, len(rows)))

    assert cli.run(["compare", "import", "1", str(out), "--by", "bob"]) == 1  # once a person and sheet
    assert cli.run(["compare", "export", "1", "--out", str(out)]) == 2  # never written over


def test_the_key_cannot_be_turned_round_and_another_models_sheet_is_refused(version: Path) -> None:
    out = version.parent / "sheet.csv"
    export(desk(version), 1, out, 6)
    (kept,) = (version / ".hallmark/comparisons").glob("*.json")
    text = kept.read_text()
    kept.write_text(text.replace('"A"', '"X"').replace('"B"', '"A"').replace('"X"', '"B"'))

    with pytest.raises(DigestMismatch, match="was changed"):
        record(desk(version), 1, out, "bob")

    kept.write_text(text)
    out.write_text(make_sheet(PAIRS, seed=7)[0])
    with pytest.raises(Refused, match="no sheet that was exported for this version"):
        record(desk(version), 1, out, "bob")


def test_what_says_nothing_is_not_recorded(version: Path) -> None:
    out = version.parent / "sheet.csv"
    export(desk(version), 1, out, 6)

    with pytest.raises(Refused, match="too few rows"):
        record(desk(version), 1, out, "bob")
    with pytest.raises(Misused, match="must have a name"):
        record(desk(version), 1, out, " ")


def test_other_prompts_and_another_sft_model_than_it_was_measured_with_are_refused(version: Path) -> None:
    out = version.parent / "sheet.csv"
    with pytest.raises(Misused, match="without a champion"):
        export(desk(version), 1, out, 6, "champion")
    (version / "build/prepared/prompts_test.jsonl").write_text("{}")
    with pytest.raises(DigestMismatch, match="are not the prompts"):
        export(desk(version), 1, out, 6)

    policy(3, version / "build/sft")
    with pytest.raises(DigestMismatch, match="is not the SFT model"):
        export(desk(version), 1, out, 6)
    assert not out.exists()
