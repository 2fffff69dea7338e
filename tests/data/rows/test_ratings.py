"""Ratings of single answers become comparisons of the answers to one prompt, the better rated one chosen."""

from pathlib import Path

import pytest

from tasks.data.rows.kinds import checked_kind, kind_of
from tasks.data.rows.ratings import Ratings, number_of
from tasks.data.rows.refusals import RowRefused
from tasks.data.verdicts import check_path
from tests.data.rows_on_disk import settings, write_rows


def rated(prompt: str, response: str, rating: object, **more: object) -> dict:
    return {"prompt": prompt, "response": response, "rating": rating, **more}


def compared(folder: Path, *rows: object) -> list[tuple]:
    """(lines, chosen, rejected) of each comparison."""
    ratings = Ratings(write_rows(folder / "rows.jsonl", rows))
    return [(one.lines, one.row.value["chosen"], one.row.value["rejected"]) for one in ratings.comparisons()
            if one.row.value]


def test_the_better_rated_answer_is_chosen_wherever_it_stands(tmp_path):
    assert compared(tmp_path, rated("p", "a", 2), rated("q", "x", "bad"), rated("p", "b", 5), rated("q", "y", "good")
                    ) == [((3, 1), "b", "a"), ((4, 2), "y", "x")]


def test_every_two_answers_that_are_rated_otherwise_are_compared(tmp_path):
    found = compared(tmp_path, rated("p", "a", 1), rated("p", "b", 3), rated("p", "c", 3))
    assert [(chosen, rejected) for _, chosen, rejected in found] == [("b", "a"), ("c", "a")]


def test_ratings_of_one_answer_count_as_their_mean(tmp_path):
    # a: (1 + 4) / 2 = 2.5, which is less than 3
    assert compared(tmp_path, rated("p", "a", 1), rated("p", "b", 3), rated("p", "a", 4)) == [((2, 1, 3), "b", "a")]


def test_what_both_say_stays_and_what_they_say_differently_does_not(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", [
        rated("p", "a", 1, annotator="anna", topic="t", id="1"),
        rated("p", "b", 2, annotator="ben", topic="t", id="2")])
    (row,) = Ratings(path).rows()
    assert row == (2, {"prompt": "p", "chosen": "b", "rejected": "a", "topic": "t"}, "")


def test_columns_name_the_fields(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", [{"q": "p", "a": "x", "s": 1}, {"q": "p", "a": "y", "s": 2}])
    (row,) = Ratings(path, {"prompt": "q", "response": "a", "rating": "s"}).rows()
    assert row.value == {"prompt": "p", "chosen": "y", "rejected": "x"}


def test_one_prompt_gives_the_pairs_of_sixteen_answers_at_most(tmp_path):
    assert len(compared(tmp_path, *(rated("p", f"a{n}", n) for n in range(40)))) == 16 * 15 // 2


@pytest.mark.parametrize(("rating", "number"), [("good", 1), ("Bad ", 0), (True, 1), (4, 4), (2.5, 2.5)])
def test_a_label_is_a_number(rating, number):
    assert number_of(rating) == number


@pytest.mark.parametrize("rating", ["fine", "", None, [1], float("nan"), 1e300])
def test_what_is_no_rating_is_refused(rating):
    with pytest.raises(RowRefused, match="rating has the wrong type"):
        number_of(rating)


def test_a_file_of_ratings_is_checked_as_the_comparisons_that_it_makes(tmp_path):
    rows: list = [rated(f"Why {n}?", f"{word} {n}", rating) for n in range(20)
                  for word, rating in (("Because", "good"), ("Nobody knows", "bad"))]
    path = write_rows(tmp_path / "rows.jsonl", [*rows, rated("Alone?", "yes", "good"), rated("x", "y", "fine")])

    found = check_path(path, None, settings())

    assert kind_of(rows[0]) == "ratings"
    assert checked_kind("ratings") == "preferences"
    assert (found.verdict, found.rows_read, found.rows_accepted) == ("accept", 21, 20)
    assert [(row.line, row.reason) for row in found.rows_rejected] == [
        (42, "rating has the wrong type: a string that is neither, wanted good, bad or a number")]
    assert "1 of 41 ratings are left out: no other answer to their prompt is rated otherwise" in found.warnings
    assert found == check_path(path, "ratings", settings())


def test_ratings_that_tell_no_answers_apart_are_refused(tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", [rated(f"Why {n}?", f"So {n}", "good") for n in range(20)])
    assert "no two answers to one prompt are rated differently" in str(check_path(path, None, settings()).error)
