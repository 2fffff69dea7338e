"""Rows and prompts that are nearly the same as others: found, counted, and refused where they are too many."""

import random
from pathlib import Path

import pytest

from tasks.contracts.verdicts import Verdict
from tasks.data.checks import spools
from tasks.data.verdicts import check_path
from tests.data.rows_on_disk import settings, write_rows

CHANCE = random.Random(11)
WORDS = ["".join(CHANCE.choices("abcdefghij", k=6)) for _ in range(2000)]


def text(count: int) -> str:
    return " ".join(CHANCE.choices(WORDS, k=count))


def demonstrations(count: int) -> list[dict]:
    return [{"prompt": f"{text(200)} {number}", "response": text(80)} for number in range(count)]


def near(row: dict, **more: str) -> dict:
    """The row with one word of 201 exchanged in its prompt: 3 of 199 triples, a similarity of 196 / 202 = 0.97."""
    words = row["prompt"].split()
    return row | {"prompt": " ".join([*words[:40], "exchanged", *words[41:]])} | more


def checked(folder: Path, rows: list, **changes: object) -> Verdict:
    return check_path(write_rows(folder / "rows.jsonl", rows), None, settings(**changes))


@pytest.mark.parametrize("buffer_records", [1 << 18, 64], ids=["in memory", "on disk"])
def test_rows_that_are_nearly_an_earlier_one_are_counted_and_train_all_the_same(tmp_path, monkeypatch, buffer_records):
    monkeypatch.setattr(spools, "BUFFER_RECORDS", buffer_records)
    rows = demonstrations(60)
    found = checked(tmp_path, [*rows, near(rows[7]), near(rows[9]), near(near(rows[9]))])
    assert found.rows_accepted == 62  # the last is an exact duplicate of the one before
    assert found.warnings[0] == (
        "2 rows repeat an earlier row nearly (near duplicate: nearly the same words) (lines 61, 62)")


def test_other_rows_and_rows_that_are_half_the_same_are_not(tmp_path):
    rows = demonstrations(60)
    halves = [row | {"response": text(80)} for row in rows[:20]]
    assert checked(tmp_path, [*rows, *halves]).warnings == ()


def test_a_row_that_differs_in_signs_alone_is_said_to_once(tmp_path):
    rows = demonstrations(30)
    found = checked(tmp_path, [*rows, rows[4] | {"prompt": rows[4]["prompt"].replace(" ", ", ")}])
    assert found.warnings == (
        "1 row repeats an earlier row nearly (near duplicate: the same letters and digits) (line 31)",)


def test_the_setting_says_how_near_is_near(tmp_path):
    rows = demonstrations(30)
    rows.append(near(rows[3]))
    assert len(checked(tmp_path, rows, near_duplicate_similarity=0.85).warnings) == 1
    assert checked(tmp_path, rows, near_duplicate_similarity=1.0).warnings == ()


# --- leaks ---


def split(folder: Path, leaked: int, **changes: object) -> Verdict:
    train, test = demonstrations(60), demonstrations(40)
    write_rows(folder / "train.jsonl", train)
    test[:leaked] = [near(row, response=text(20)) for row in train[:leaked]]
    write_rows(folder / "test.jsonl", test)
    return check_path(folder, None, settings(**changes))


def test_a_few_held_out_prompts_that_are_nearly_training_prompts_are_a_warning(tmp_path):
    found = split(tmp_path, 3)
    assert found.verdict == "accept"
    assert list(found.warnings) == [
        ("near leak: 3 of 40 prompts of test.jsonl are nearly the same as prompts of train.jsonl (lines 1, 2, 3 of "
         "test.jsonl)")]


def test_a_larger_share_of_them_refuses_the_folder(tmp_path):
    found = split(tmp_path, 5)  # 5 of 40 are more than a tenth
    assert found.verdict == "refuse"
    assert found.error.startswith("near leak: 5 of 40 prompts of test.jsonl")
    assert split(tmp_path, 5, near_leak_share_at_most=0.2).verdict == "accept"


def test_no_near_leak_no_word(tmp_path):
    assert split(tmp_path, 0).warnings == ()


def test_a_prompt_that_leaks_exactly_is_not_said_to_leak_nearly_too(tmp_path):
    train, test = demonstrations(60), demonstrations(40)
    test[0] = train[0] | {"response": text(20)}
    write_rows(tmp_path / "train.jsonl", train)
    write_rows(tmp_path / "test.jsonl", test)
    found = check_path(tmp_path, None, settings())
    assert (found.error or "").startswith("leak: 1 of 40")
    assert found.warnings == ()
