"""The verdict on a file: counts add up, refused rows are named, warnings do not refuse, text never gets out."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.contracts.canonical import row_id
from tasks.contracts.verdicts import Verdict
from tasks.data import examination
from tasks.data.checked import write_rows as write_rows_of
from tasks.data.checks.block_rows import UNKNOWN_AT_MOST
from tasks.data.checks.duplicates import remember
from tasks.data.checks.spools import Spool
from tasks.data.examination import Workplace, examine
from tasks.data.origins import OriginWriter
from tasks.data.reading.in_order import Processes
from tasks.data.verdicts import check_path
from tests.data.rows_on_disk import demonstrations, preferences, refusal, settings, write_rows


def verdict(folder: Path, rows: list, kind: str | None = None, **changes: object) -> Verdict:
    return check_path(write_rows(folder / "rows.jsonl", rows), kind, settings(**changes))


def test_an_honest_file_is_accepted_without_a_word(tmp_path):
    found = verdict(tmp_path, preferences(60))
    assert (found.verdict, found.rows_read, found.rows_accepted) == ("accept", 60, 60)
    assert (found.rows_rejected, found.warnings, found.error) == ((), (), None)


@pytest.mark.parametrize(("kind", "rows"), [
    ("preferences", preferences(60)), ("demonstrations", demonstrations(60)),
    ("prompts", [{"prompt": f"Why {n}?"} for n in range(60)]), ("text", [{"text": f"Text {n}."} for n in range(60)]),
    ("transcripts", [{"chosen": f"\n\nHuman: {n}?\n\nAssistant: yes", "rejected": f"\n\nHuman: {n}?\n\nAssistant: o"}
                     for n in range(60)]),
])
def test_the_kind_is_told_from_the_content_as_if_it_were_given(tmp_path, kind, rows):
    assert verdict(tmp_path, rows).rows_accepted == 60
    assert verdict(tmp_path, rows) == verdict(tmp_path, rows, kind)


def test_rows_behind_a_byte_order_mark_are_taken_with_a_word(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", preferences(60))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    found = check_path(path, None, settings())
    assert (found.verdict, found.rows_accepted) == ("accept", 60)
    assert "byte order mark" in found.warnings[0]


def test_names_of_fields_without_end_do_not_fill_the_memory(tmp_path):
    rows = [row | {f"field {row['id']} {n}": 1 for n in range(300)} for row in preferences(60)]
    found = verdict(tmp_path, rows)
    assert found.rows_accepted == 60
    assert found.warnings[0].startswith("unknown extra fields are left out: ")
    assert int(found.warnings[0].split(" and ")[1].split()[0]) < 2 * UNKNOWN_AT_MOST


def test_every_defect_is_named_in_one_verdict_and_the_counts_add_up(tmp_path):
    rows: list = preferences(100)
    rows[10]["chosen"] = None
    rows[20]["rejected"] = rows[20]["chosen"]
    rows[31]["id"] = rows[30]["id"]
    rows[40]["chosen"] = ""
    rows[50] = b'{"id": "half'
    rows[60] = b'{"prompt": "\xff"}'
    rows[70] = []
    found = verdict(tmp_path, rows, refused_share_at_most=0.1)
    assert {row.line: row.reason for row in found.rows_rejected} == {
        11: "chosen is null, wanted a string", 21: "chosen and rejected are identical",
        31: "id is a duplicate: line 32 has it too, with another row",
        32: "id is a duplicate: line 31 has it too, with another row",
        41: "chosen is empty", 51: "is not JSON: Unterminated string starting at column 8",
        61: "is not UTF-8: byte 13 of the line is 0xff", 71: "is a list, wanted a JSON object"}
    assert (found.verdict, found.rows_read, found.rows_accepted) == ("accept", 100, 92)
    assert [row.line for row in found.rows_rejected] == sorted(row.line for row in found.rows_rejected)


@pytest.mark.parametrize(("broken", "verdict_wanted"), [(5, "accept"), (6, "refuse")])
def test_too_large_a_share_of_refused_rows_refuses_the_file(tmp_path, broken, verdict_wanted):
    rows: list = preferences(100)
    for line in range(broken):
        rows[line]["prompt"] = 1
    found = verdict(tmp_path, rows, refused_share_at_most=0.05)  # 5 of 100 is not over 5 %
    assert found.verdict == verdict_wanted
    if broken == 6:
        assert "6 of 100 rows are refused (6.0%), at most 5.0% may be: lines 1, 2, 3, 4, 5, 6" in str(found.error)


def test_too_few_rows_refuse_the_file(tmp_path):
    assert verdict(tmp_path, preferences(10)).verdict == "accept"
    assert "too few rows: 9 accepted, the minimum is 10" in str(verdict(tmp_path, preferences(9)).error)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    assert "is empty: no rows" in refusal(path)
    assert "is empty: no rows" in refusal(path, "preferences")


def test_another_schema_is_refused_with_the_names_found(tmp_path):
    found = verdict(tmp_path, [{"question": "a", "label": 1, "mail me@example.org": 2}] * 50)
    assert found.verdict == "refuse"
    assert "found the columns (a name with odd characters), label, question" in str(found.error)
    assert "example.org" not in str(found.error)


def test_what_is_no_json_at_all_is_refused(tmp_path):
    found = verdict(tmp_path, [b"prompt,chosen,rejected"] * 50)
    assert "lines that cannot be read, the first is not JSON" in str(found.error)


def test_exact_duplicates_are_left_out_and_do_not_refuse_the_file(tmp_path):
    found = verdict(tmp_path, preferences(20) * 3)
    assert (found.verdict, found.rows_accepted, len(found.rows_rejected)) == ("accept", 20, 40)
    assert found.rows_rejected[0].reason == "duplicate: the same row as on line 1"
    assert any("40 rows repeat an earlier row exactly" in warning for warning in found.warnings)


def test_an_id_of_two_rows_refuses_both_whatever_its_white_space(tmp_path):
    rows = preferences(60)
    rows[6]["id"], rows[7]["id"] = "7", "7 "
    assert [row.line for row in verdict(tmp_path, rows).rows_rejected] == [7, 8]


def change(line: int, **fields: object) -> Callable[[list[dict]], object]:
    return lambda rows: rows[line - 1].update(fields)


def lengthen(side: str) -> Callable[[list[dict]], object]:
    more = ("All of it was told, at great length and twice over.", "Everything is repeated, slowly, from its start.")
    return lambda rows: [row.update({side: f"{row[side]} {more[place % 2]}"}) for place, row in enumerate(rows)]


def repeat_renamed(rows):
    rows.append(rows[0] | {"id": "again"})


def repeat_shouting(rows):
    rows.append(rows[0] | {"id": "again", "prompt": rows[0]["prompt"].upper() + " !"})


def repeat_swapped(rows):
    rows.append(rows[0] | {"id": "again", "chosen": rows[0]["rejected"], "rejected": rows[0]["chosen"]})


def answer_alike(rows):
    for row in rows[:30]:
        row["chosen"] = "I cannot help."


@pytest.mark.parametrize(("spoil", "warning"), [
    (change(5, chosen="caf\ufffd"), "1 row holds U+FFFD, the replacement character of a failed decoding (line 5)"),
    (change(1, chosen="to jane@example.org"), "1 row holds personal data or a secret: email address (line 1)"),
    (change(2, annotator="jane@example.org"), "1 row holds personal data or a secret: email address (line 2)"),
    (change(4, chosen="you idiot"), "1 row holds toxic wording in the answer to learn from (safety) (line 4)"),
    (change(1, votes={"a": 1}), "unknown extra fields are left out: votes"),
    (answer_alike, "a constant answer: the same one is repeated in 30 of 60 rows (50%)"),
    (lengthen("chosen"), "length bias: the longer answer is the chosen one in 60 of 60 pairs (100%)"),
    (lengthen("rejected"), "length bias: the shorter answer is the chosen one in 60 of 60 pairs (100%)"),
    (repeat_renamed, "1 row repeats the texts of an earlier row under another id (duplicate) (line 61)"),
    (repeat_shouting, "1 row repeats an earlier row nearly (near duplicate: the same letters and digits) (line 61)"),
    (repeat_swapped, "1 row contradicts an earlier row: the same two answers, the other one chosen (line 61)"),
])
def test_what_should_be_looked_at_is_a_warning_and_no_refusal(tmp_path, spoil, warning):
    rows = preferences(60)
    spoil(rows)
    found = verdict(tmp_path, rows)
    assert found.verdict == "accept"
    assert found.rows_accepted == len(rows)
    assert [text[:len(warning)] for text in found.warnings] == [warning]


def test_toxic_wording_on_the_rejected_side_is_what_harmlessness_data_is_made_of(tmp_path):
    rows = preferences(60)
    rows[3]["rejected"] = "you idiot"
    assert verdict(tmp_path, rows).warnings == ()


def test_no_text_of_a_row_is_in_a_verdict(tmp_path):
    secret = "sk-planted0123456789abcdef and jane@example.org"
    rows: list = preferences(60)
    rows[0]["chosen"] = rows[0]["rejected"] = secret
    rows[1]["id"] = {secret: 1}
    rows[2] = json.dumps({secret: secret}).encode()[:-3]
    rows[3]["chosen"] = secret
    rows[4][secret] = 1
    rows[5]["prompt"] = [secret]
    text = verdict(tmp_path, rows, refused_share_at_most=0.5).model_dump_json()
    assert "planted" not in text
    assert "jane" not in text


@pytest.mark.parametrize("name", ["missing.jsonl", "missing"])
def test_a_missing_path_is_a_verdict(tmp_path, name):
    assert "there is no such file" in refusal(tmp_path / name)


def test_an_unknown_kind_is_a_verdict(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", preferences(20))
    assert "is unknown" in refusal(path, "tables")
    assert "one file" in refusal(path, "splits")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_verdict(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", preferences(20))
    path.chmod(0)
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize(("row", "words"), [
    (b"{", "more than 30 rows are refused; reading stopped at line 31"),
    (preferences(1)[0], "more than 30 rows repeat another row or its id")])
def test_reading_stops_where_a_verdict_would_name_too_many_rows(tmp_path, monkeypatch, row, words):
    monkeypatch.setattr(examination, "REFUSED_AT_MOST", 30)
    monkeypatch.setattr(examination, "REPEATED_AT_MOST", 30)
    path = tmp_path / "rows.jsonl"
    assert words in refusal(write_rows(path, [row] * 100), "preferences")
    assert words not in refusal(write_rows(path, [row] * 20), "preferences")


def test_rows_of_an_earlier_source_are_left_out(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", preferences(30))
    earlier = Spool(tmp_path, "earlier")
    first = examine(path, None, settings(), Workplace(tmp_path / "one", Processes(1)))
    remember(first.known, earlier)
    again = examine(path, None, settings(), Workplace(tmp_path / "two", Processes(1), earlier=earlier))
    assert again.verdict.rows_accepted == 0
    assert again.verdict.rows_rejected[0].reason == "duplicate: the same row as in another source"


def test_kept_rows_are_the_accepted_ones_but_for_the_withdrawn(tmp_path):
    rows = preferences(40)
    rows[20]["id"] = rows[3]["id"]
    rows[5]["chosen"] = 3
    path = write_rows(tmp_path / "rows.jsonl", rows)
    place = Workplace(tmp_path / "scratch", Processes(1), texts="auto")
    found = examine(path, None, settings(refused_share_at_most=0.2), place)
    with OriginWriter(tmp_path / "origins.parquet") as origins:
        write_rows_of(found, tmp_path, 0, origins)
    kept = [json.loads(line) for line in (tmp_path / "preferences.jsonl").read_text().splitlines()]
    assert [row["source_id"] for row in kept] == [f"row-{n}" for n in range(40) if n not in (3, 5, 20)]
    assert kept[0] == rows[0] | {"id": row_id(rows[0]), "source_id": "row-0", "split": "auto"}
    assert len(kept) == found.verdict.rows_accepted
