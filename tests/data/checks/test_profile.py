"""What is told of a file in numbers: scripts, markers, annotators, each beside a file that shows nothing."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest

from tasks.data.checks.agreement import Agreement, take_in
from tasks.data.checks.annotators import holm, two_proportions
from tasks.data.checks.degenerate import is_degenerate
from tasks.data.checks.scripts import SCRIPTS, script_of
from tasks.data.checks.wording import names_its_label
from tasks.data.examination import Examination, Workplace, examine
from tasks.data.reading.in_order import Processes
from tests.data.rows_on_disk import demonstrations, labels, preferences, settings, write_rows


def examined(folder: Path, rows: list, cores: int = 1) -> Examination:
    with Processes(cores) as processes:
        return examine(write_rows(folder / "rows.jsonl", rows), None, settings(), Workplace(folder / "work", processes))


def name_of(annotator: str) -> str:
    return hashlib.sha256(annotator.encode()).hexdigest()[:12]


@pytest.mark.parametrize(("text", "script"), [
    ("Hello", "Latin"), ("à la « Âge »", "Latin"), ("привет, world, как дела", "Cyrillic"), ("中文 AI", "Latin"),
    ("中文，日本語です", "Han"), ("こんにちは世界", "Kana"), ("한국어", "Hangul"), ("שלום", "Hebrew"),
    ("مرحبا", "Arabic"),
    ("नमस्ते", "Indic"), ("ไทย", "South-East Asian"), ("123 + 4", "none"), ("👍🏽 — …", "none"), ("Ａｂｃ", "Latin"),
])
def test_a_text_is_of_the_script_of_most_of_its_letters(text, script):
    assert SCRIPTS[script_of([text])] == script


@pytest.mark.parametrize("text", [
    "the cat sat on the mat " * 12, "word " * 30, "a" * 60, "ha" * 40, "哈" * 80,
])
def test_a_stutter_is_degenerate(text):
    assert is_degenerate(text)


@pytest.mark.parametrize("text", [
    "the cat sat on the mat", "no " * 10, "-" * 200, "=" * 79 + "\n| a | b |",
    "https://example.org/" + "".join(chr(97 + n * 7 % 26) for n in range(40)) + hashlib.sha256(b"x").hexdigest(),
    " ".join(f"Step {n}: add {n * 3} to {n + 1}." for n in range(12)),
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。" * 2 + "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
])
def test_what_repeats_itself_for_a_reason_is_not(text):
    assert not is_degenerate(text)


@pytest.mark.parametrize(("answer", "names"), [
    ("[good] Take it slowly.", True), ("Rejected: no.", True), ("**Bad answer:** no", False), ("<chosen> yes", True),
    ("Take it slowly.\nScore: 5", True), ("(rating: 4/5)", True), ("Label=1\nYes", True),
    ("The score: 5 to 3 for us.", False), ("Good: that is settled.", False), ("He was chosen: it was luck", False),
    ("We reject it", False), ("[1] see below", False),
])
def test_an_answer_that_names_its_label_is_found(answer, names):
    assert names_its_label(answer) == names


def half_of(rows: list[dict]) -> list[dict]:
    """Four of each eight rows, which have every phrase of the writers."""
    return [row for number, row in enumerate(rows) if number % 8 < 4]


def test_a_word_on_one_side_alone_is_a_marker_and_everyday_words_are_none(tmp_path):
    rows = preferences(200)
    for row in half_of(rows):  # so that no phrase of the writers tells the sides apart
        row |= {"chosen": row["rejected"], "rejected": row["chosen"]}
    assert not any("label marker" in said for said in examined(tmp_path / "a", rows).verdict.warnings)
    for row in rows:
        row["chosen"] += " //v2"
    found = examined(tmp_path / "b", rows)
    assert [said for said in found.verdict.warnings if "label marker" in said] == [
        ("label marker: one word stands in one answer alone in 200 of 200 pairs, and in 200 of these it is the chosen "
         "one (first on line 1)")]
    assert "//v2" not in str(found.profile.report())


@pytest.mark.parametrize(("marked", "is_marker"), [(60, True), (45, False), (25, False)])
def test_a_marker_is_told_in_a_small_file_too_where_nearly_all_pairs_have_it(tmp_path, marked, is_marker):
    rows = preferences(60)
    for row in half_of(rows):
        row |= {"chosen": row["rejected"], "rejected": row["chosen"]}
    for row in rows[:marked]:
        row["chosen"] = f"Certainly! {row['chosen']}"
    assert is_marker == any("label marker" in said for said in examined(tmp_path, rows).verdict.warnings)


@pytest.mark.parametrize(("prompt", "answer", "told"), [
    ("How are you?", "\u043f\u0440\u0438\u0432\u0435\u0442", True), ("\u4f60\u597d\u5417", "I am well", True),
    ("\u4f60\u597d\u5417", "\u3068\u3066\u3082", False), ("What is 2?", "\u00bd + \u00bd", False),
    ("Caf\u00e9?", "Oui", False)])
def test_an_answer_in_another_script_than_its_prompt_is_told(tmp_path, prompt, answer, told):
    rows = [*demonstrations(60), {"id": "other", "prompt": prompt, "response": answer}]
    assert told == any("another script" in said for said in examined(tmp_path, rows).verdict.warnings)


def test_length_and_scripts_are_told_without_a_warning(tmp_path):
    rows = preferences(60)
    for row in rows[:15]:
        row["prompt"] = row["chosen"] = "中文" * 40 + str(row["id"])
    found = examined(tmp_path, rows)
    said = found.profile.report()
    longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in rows)
    assert said["length"]["longer"] == longer
    assert said["length"]["longer_is_chosen"] == round(longer / 60, 4)
    assert said["length"]["at_least"] < longer / 60
    assert said["scripts"] == {"Latin": 45, "Han": 15}
    assert examined(tmp_path / "b", demonstrations(20)).profile.report()["length"] == {"longer": 0, "shorter": 0}


def test_agreement_is_counted_by_hand():
    # pairs: 0 has labels 0 0, 1 has 1 1, 2 has 0 1, 3 has one label alone; annotator 7 says a thing twice
    pairs = np.array([0, 0, 1, 1, 2, 2, 3, 0])
    who = np.array([5, 7, 5, 7, 5, 7, 5, 7], np.uint64)
    labels = np.array([0, 0, 1, 1, 0, 1, 1, 1])
    found = Agreement(np.zeros(2, np.int64), np.zeros(2, np.int64))
    take_in(found, pairs, who, labels, np.array([5, 7], np.uint64))
    assert (found.pairs, found.labels, found.alike, found.couples) == (3, 6, 2, 3)
    # n = 6, three labels of each kind, one pair of unlike labels: 1 - 5 * 1 / (3 * 3)
    assert found.alpha == pytest.approx(4 / 9)
    assert (found.agreed.tolist(), found.compared.tolist()) == ([2, 2], [3, 3])
    assert Agreement(np.zeros(0), np.zeros(0)).alpha is None


def test_tests_and_their_correction_are_those_of_the_books():
    # 40 of 100 and 60 of 100: pooled 0.5, spread sqrt(0.25 * 0.02) = 0.0707, z = -2.828; p = 0.00468
    assert two_proportions(40, 100, 60, 100) == pytest.approx(0.00468, abs=1e-5)
    assert two_proportions(5, 5, 9, 9) == 1.0
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def labelled(count: int, annotators: str, odd: str = "") -> list[dict]:
    """Rows that each annotator labels by the same rule; the odd one says the opposite."""
    rows = []
    for number, row in enumerate(preferences(count)):
        for annotator in annotators:
            said = {**row, "id": f"{number}-{annotator}", "annotator": annotator}
            if annotator == odd:
                said |= {"chosen": row["rejected"], "rejected": row["chosen"]}
            rows.append(said)
    return rows


def test_people_who_agree_raise_no_alarm_and_their_table_is_told(tmp_path):
    said = examined(tmp_path, labelled(60, "abc"))
    assert not any("annotator" in warning for warning in said.verdict.warnings)
    report = said.profile.report()
    assert report["agreement"] == {"pairs": 60, "labels": 180, "share": 1.0, "krippendorff_alpha": 1.0}
    assert {one["annotator"] for one in report["annotators"]} == set(map(name_of, "abc"))
    assert {(one["rows"], one["with_majority"], one["compared"]) for one in report["annotators"]} == {(60, 1.0, 60)}


def test_who_goes_against_all_others_is_named_by_digest(tmp_path):
    found = examined(tmp_path, labelled(60, "abcd", odd="d"))
    against = [said for said in found.verdict.warnings if said.startswith("annotator ") and "majority" in said]
    assert len(against) == 1
    assert against[0].startswith(
        f"annotator {name_of('d')} (sha256 of the name) agrees with the majority of the others in 0% of their labels, "
        "the others in 100%")
    # of six couples of four people three are alike in each pair
    assert found.profile.report()["agreement"]["share"] == 0.5


@pytest.mark.parametrize(("changes_at", "drifts"), [(60, True), (120, False)])
def test_who_changes_in_time_drifts(tmp_path, changes_at, drifts):
    rows = preferences(240)
    for place, row in enumerate(rows):
        row["annotator"] = "ab"[place % 2]
        long, short = sorted((row["chosen"], row["rejected"]), key=len, reverse=True)
        prefers_long = place % 4 < 2 if row["annotator"] == "b" else (
            (drifts and place // 2 < changes_at) or place % 4 < 2)
        row |= {"chosen": long, "rejected": short} if prefers_long else {"chosen": short, "rejected": long}
    drifting = [said for said in examined(tmp_path, rows).verdict.warnings if "drifts" in said]
    assert [said.split()[1] for said in drifting] == ([name_of("a")] if drifts else [])


def test_who_calls_fewer_answers_good_than_the_others_is_named(tmp_path):
    rows = labels(240)
    for place, row in enumerate(rows):
        row["annotator"] = "abc"[place // 2 % 3]
        if row["annotator"] == "c" and place >= 24:
            row["label"] = "bad"
    found = examined(tmp_path, rows)
    told = {one["annotator"]: one for one in found.profile.report()["annotators"]}
    lenient, strict = told[name_of("a")], told[name_of("c")]
    assert (lenient["good_first_half"], lenient["good_second_half"]) == (0.5, 0.5)
    assert (strict["good_first_half"], strict["good_second_half"]) == (0.1, 0.0)
    warned = [said.partition(" (p")[0] for said in found.verdict.warnings if "annotator" in said]
    assert warned == [f"annotator {name_of('c')} (sha256 of the name) calls 5% of their answers good, the others 50%"]


def test_two_processes_and_one_tell_the_same(tmp_path):
    rows = labelled(9000, "abc", odd="c")  # over SMALL_BYTES, so that processes start
    one, two = (examined(tmp_path / str(cores), rows, cores) for cores in (1, 2))
    assert (tmp_path / "1/rows.jsonl").stat().st_size > 4 << 20
    assert one.profile.report() == two.profile.report()
    assert one.verdict == two.verdict
    assert not math.isnan(one.profile.report()["length"]["longer_is_chosen"])
