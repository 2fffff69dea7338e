"""What accepted tables must look like: each expectation has a table that breaks it, and none of them holds text."""

from pathlib import Path

import pytest

from tasks.contracts.canonical import row_id
from tasks.data.checked import checked_row
from tasks.data.checks.policies import Policies
from tasks.data.preparing.batches import write_shard
from tasks.data.reading.in_order import Processes
from tasks.data.suites.expectations import Expected, expect
from tasks.data.suites.measures import measure
from tests.data.rows_on_disk import preferences, settings

LET_BE = Policies()


def checked(count: int = 30) -> list[dict]:
    return [dict(checked_row(row, "train")) for row in preferences(count)]


def outcomes(folder: Path, rows: list[dict], policies: Policies = LET_BE) -> list[Expected]:
    folder.mkdir(exist_ok=True)
    write_shard(folder / "rows.jsonl", rows)
    tables = measure({"preferences": folder / "rows.jsonl"}, folder / "measures.db", Processes(1), policies)
    return expect(tables, folder / "measures.db", settings(), folder / "docs")


def broken(folder: Path, rows: list[dict]) -> set[str]:
    return {outcome.sentence() for outcome in outcomes(folder, rows) if not outcome.passed}


def test_checked_rows_meet_every_expectation(tmp_path):
    found = outcomes(tmp_path, checked())
    assert len(found) == 23
    assert all(outcome.passed for outcome in found)
    assert (tmp_path / "docs" / "index.html").is_file()


def remade(row: dict, **changes: object) -> dict:
    """A row with other fields and the id that belongs to them."""
    own = {"id": row["source_id"]} | {name: row[name] for name in ("prompt", "chosen", "rejected")} | changes
    return row | changes | {"id": row_id(own)}


@pytest.mark.parametrize(("spoil", "sentence"), [
    (lambda rows: rows[:0], "preferences: expect_table_row_count_to_be_between does not hold"),
    (lambda rows: [*rows, rows[0]], "preferences.id: expect_column_values_to_be_unique does not hold (2 rows)"),
    (lambda rows: [*rows[:-1], rows[-1] | {"chosen": "Another."}],
     "preferences.id_is_the_digest_of_the_row: expect_column_values_to_be_in_set does not hold (1 rows)"),
    (lambda rows: [*rows[:-1], rows[-1] | {"split": "everywhere"}],
     "preferences.split: expect_column_values_to_be_in_set does not hold (1 rows)"),
    (lambda rows: [*rows[:-1], remade(rows[-1], chosen="X " * 20_000)],
     "preferences.chosen_characters: expect_column_values_to_be_between does not hold (1 rows)"),
    (lambda rows: [*rows[:-1], remade(rows[-1], chosen=" \n")],
     "preferences.chosen_characters: expect_column_values_to_be_between does not hold (1 rows)"),
    (lambda rows: [*rows[:-1], remade(rows[-1], chosen=rows[-1]["rejected"].upper())],
     "preferences.chosen_key, rejected_key: expect_columns_to_differ does not hold (1 rows)"),
    (lambda rows: [*rows, checked_row(preferences(1)[0] | {"id": "again"}, "test")],
     "prompts_by_side.in_training, in_held_out: expect_columns_to_differ does not hold (1 rows)"),
])
def test_each_expectation_finds_what_breaks_it_and_nothing_else(tmp_path, spoil, sentence):
    assert broken(tmp_path, spoil(checked())) == {sentence}


def test_another_type_and_an_unknown_field_are_found(tmp_path):
    rows = checked()
    rows[0] = remade(rows[0], chosen=3)
    rows[1] = remade(rows[1], surprise=1)
    assert {sentence.split(":")[0] for sentence in broken(tmp_path, rows)} == {
        "preferences.chosen_is_text", "preferences.chosen_characters", "preferences.unknown_fields"}


def test_a_row_that_a_policy_should_have_masked_or_refused_is_found(tmp_path):
    rows = checked()
    rows[4] = remade(rows[4], chosen="Ask jane@example.org.")
    assert all(outcome.passed for outcome in outcomes(tmp_path / "a", rows))
    found = {one.sentence() for one in outcomes(tmp_path / "b", rows, Policies("mask", "warn")) if not one.passed}
    assert found == {"preferences.kinds_that_must_not_train: expect_column_values_to_be_in_set does not hold (1 rows)"}


def test_data_docs_of_a_broken_table_hold_no_text(tmp_path):
    rows = checked()
    rows[0] = remade(rows[0], chosen="planted secret", rejected="PLANTED SECRET")
    rows[1]["split"] = "planted split"
    assert len(broken(tmp_path, rows)) == 2
    html = [path.read_text(errors="ignore") for path in (tmp_path / "docs").rglob("*.html")]
    assert html
    assert not any("planted" in page.lower() or "mend" in page for page in html)
