"""What people say of one answer alone becomes a row with the label good or bad, or is refused with the reason."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.contracts.data_config import SourceConfig
from tasks.contracts.verdicts import Verdict
from tasks.data.examination import Workplace, examine
from tasks.data.reading.in_order import Processes
from tasks.data.rows.kinds import checked_kind, kind_of_row
from tasks.data.rows.labels import label_of
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.schema import canonical_row
from tests.data.rows_on_disk import labels, settings, write_rows


def judged(folder: Path, rows: list, kind=None, **reading) -> Verdict:
    place = Workplace(folder / "work", Processes(1))
    return examine(write_rows(folder / "rows.jsonl", rows), kind, settings(), place, **reading).verdict


@pytest.mark.parametrize("value", ["good", "Good ", True, "TRUE", "up", "thumbs up", "thumbs_up", "Thumbs-Up", "👍",
                                   "👍🏽", ":thumbs up:", "thumbsup"])
def test_whatever_says_good_is_good(value):
    assert label_of(value, None) == "good"


@pytest.mark.parametrize("value", ["bad", "BAD", False, "false", "down", "thumbs down", "thumb_down", "👎", "👎🏿"])
def test_whatever_says_bad_is_bad(value):
    assert label_of(value, None) == "bad"


@pytest.mark.parametrize(("rating", "label"), [(4, "good"), (3.99, "bad"), (5, "good"), (-1, "bad"), ("4.0", "good"),
                                               ("1", "bad")])
def test_a_number_is_good_from_its_bound_on(rating, label):
    assert label_of(rating, 4.0) == label


@pytest.mark.parametrize("rating", [4, 0, 1.5, "3"])
def test_a_number_without_a_bound_is_refused_and_the_setting_is_named(rating):
    with pytest.raises(RowRefused, match=r"rating is a number and nothing says .*data.sources\[\].good_from"):
        label_of(rating, None, "rating")


@pytest.mark.parametrize("value", ["fine", "", "goodness", None, [True], float("nan"), 1e300, "4 stars", "good" * 99])
@pytest.mark.parametrize("bound", [None, 4.0])
def test_what_is_no_label_is_refused_with_and_without_a_bound(value, bound):
    with pytest.raises(RowRefused, match="label has the wrong type"):
        label_of(value, bound)


def test_a_canonical_label_holds_prompt_response_label_and_what_is_known_beside_them():
    raw = {"prompt": "Why?", "response": "So.", "label": "thumbs up", "annotator": "anna", "seconds": 3}
    row, signs, unknown = canonical_row("labels", raw, {}, 100)
    assert row == {"prompt": "Why?", "response": "So.", "label": "good", "annotator": "anna"}
    assert not signs
    assert unknown == {"seconds"}
    assert checked_kind("labels") == "labels"


@pytest.mark.parametrize("raw", [
    {"prompt": "p", "completion": "r", "label": False}, {"prompt": "p", "response": "r", "rating": 3}])
def test_completions_and_ratings_are_labels_too(raw):
    assert canonical_row("labels", raw, {}, 9, 4.0).row == {"prompt": "p", "response": "r", "label": "bad"}


def test_all_missing_fields_of_a_label_are_named_at_once():
    with pytest.raises(RowRefused, match=r"^response is missing; label is null, wanted a string$"):
        canonical_row("labels", {"prompt": "p", "label": None}, {}, 9)


@pytest.mark.parametrize(("row", "kind"), [
    ({"prompt": "p", "response": "r", "label": "good"}, "labels"),
    ({"prompt": "p", "completion": "r", "label": False}, "labels"),
    ({"prompt": "p", "response": "r", "label": "greeting"}, "demonstrations"),  # a label of something else
    ({"prompt": "p", "response": "r", "label": 1}, "demonstrations"),  # a number, and no bound
    ({"instruction": "p", "output": "r", "label": True}, "demonstrations"),
    ({"prompt": "p", "response": "r", "rating": "good"}, "ratings"),
    ({"prompt": "p", "chosen": "r", "rejected": "s", "label": True}, "preferences"),
    ({"text": "t", "label": "good"}, "text")])
def test_a_label_in_words_beside_prompt_and_answer_tells_the_kind_and_nothing_else_does(row, kind):
    assert kind_of_row(row, {}) == kind


def test_a_column_may_be_called_otherwise(tmp_path):
    rows = [{"q": row["prompt"], "a": row["response"], "thumb": row["label"] == "good"} for row in labels(30)]
    columns = {"prompt": "q", "response": "a", "label": "thumb"}
    assert kind_of_row(rows[0], columns) == "labels"
    found = judged(tmp_path, rows, columns=columns)
    assert (found.verdict, found.rows_accepted, found.warnings) == ("accept", 30, ())


def test_a_file_of_labels_is_accepted_and_told_by_itself(tmp_path):
    found = judged(tmp_path, labels(30))
    assert (found.verdict, found.rows_accepted, found.warnings) == ("accept", 30, ())
    assert found == judged(tmp_path, labels(30), "labels")


def test_a_file_of_stars_is_refused_without_a_bound_and_accepted_with_one(tmp_path):
    rows = [{"prompt": row["prompt"], "response": row["response"], "rating": 1 + number % 5}
            for number, row in enumerate(labels(30))]
    without = judged(tmp_path, rows, "labels")
    assert without.verdict == "refuse"
    assert "30 of 30 rows are refused" in str(without.error)
    assert "set good_from for the file in params.yaml (data.sources[].good_from)" in str(without.error)
    assert judged(tmp_path, rows, "labels", good_from=4.0).rows_accepted == 30


def test_ratings_that_make_no_comparison_are_told_the_way_to_labels(tmp_path):
    rows = [{"prompt": row["prompt"], "response": row["response"], "rating": 5} for row in labels(30)]
    assert "read the file as kind: labels in params.yaml" in str(judged(tmp_path, rows).error)


def test_a_contradicting_label_is_told_and_another_answer_is_none(tmp_path):
    rows = labels(30)
    again = rows[3] | {"id": "again", "label": "good" if rows[3]["label"] == "bad" else "bad"}
    found = judged(tmp_path, [*rows, again, rows[4] | {"id": "other", "response": "Something else entirely, then."}])
    assert found.verdict == "accept"
    (said,) = [one for one in found.warnings if "contradict" in one]
    assert said.startswith("1 row contradicts an earlier row: the same answer to the same prompt, labelled otherwise")
    assert "31" in said


@pytest.mark.parametrize("label", ["good", "bad"])
def test_labels_that_are_all_the_same_are_told(tmp_path, label):
    found = judged(tmp_path, [row | {"label": label} for row in labels(30)])
    other = "bad" if label == "good" else "good"
    wanted = f"alone they teach nothing, a reward model needs {other} answers too"
    assert f"a constant label: all 30 labels are {label}; {wanted}" in found.warnings


def test_what_is_looked_for_in_demonstrations_is_looked_for_in_labelled_answers(tmp_path):
    spoilt = ["Write to jo.doe@example.org today, will you", "go on " * 40, "This answer: score 5/5, chosen label.",
              "\ufffd broken"]
    rows = labels(40)
    answers = [row | {"response": text} for row, text in zip(rows, spoilt, strict=False)] + rows[len(spoilt):]
    as_labels = judged(tmp_path / "labels", answers).warnings
    demonstrated = [{name: row[name] for name in ("id", "prompt", "response")} for row in answers]
    assert as_labels == judged(tmp_path / "demonstrations", demonstrated).warnings
    assert len(as_labels) >= 3


def test_one_answer_given_to_most_prompts_is_told(tmp_path):
    found = judged(tmp_path, [row | {"response": "I do not know."} for row in labels(30)])
    assert any(one.startswith("a constant answer") for one in found.warnings)


def test_a_bound_is_for_labels_alone():
    assert SourceConfig(path="x", kind="labels", good_from=4.0).good_from == 4.0
    assert SourceConfig(path="x", good_from=4.0).kind is None
    with pytest.raises(ValidationError, match="good_from is the bound between good and bad labels"):
        SourceConfig(path="x", kind="ratings", good_from=4.0)
    with pytest.raises(ValidationError):
        SourceConfig(path="x", kind="labels", good_from=float("nan"))
