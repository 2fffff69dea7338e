import random

import pytest

from tasks.models.sequences import join
from tasks.rewards.samples import Samples
from tasks.rewards.similarity import Similarity, common_subsequence, rouge_l
from tasks.rewards.words import Words
from tests.rewards.batches import SAMPLES


@pytest.mark.parametrize(("answer", "reference", "expected"), [
    # the example of Lin 2004, section 3.1: "police the gunman" of 4 and 4 words, then "the gunman"
    ("police kill the gunman", "police killed the gunman", 3 / 4),
    ("the gunman kill police", "police killed the gunman", 2 / 4),
    # check tray: 2 of 3 words here and 2 of 5 there; 2 * (2/3 * 2/5) / (2/3 + 2/5) = 2 * 2 / 8
    ("Check that tray!", "check the old paper tray", 0.5),
    ("remove dust", "check the tray", 0.0),
    ("", "check the tray", 0.0),
    ("check the tray", "...", 0.0),
])
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence_of_words(answer, reference, expected):
    assert rouge_l(answer, reference, Words()) == pytest.approx(expected)
    assert rouge_l(reference, answer, Words()) == pytest.approx(expected)


def table(one, other):
    """The longest common subsequence by the plain table."""
    rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, mine in enumerate(one):
        for j, theirs in enumerate(other):
            rows[i + 1][j + 1] = rows[i][j] + 1 if mine == theirs else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


def test_bits_find_what_the_table_finds():
    source = random.Random(3)
    for _ in range(200):
        one, other = (source.choices("abcd", k=source.randrange(12)) for _ in range(2))
        assert common_subsequence(one, other) == table(one, other), (one, other)


def test_an_answer_to_a_prompt_without_reference_is_paid_nothing():
    samples = Samples(join([[1], [1], [1]], [[2], [2], [2]], pad=0), ["a", "b", "c"], ["one two", "one two", "one two"],
                      ["one two", None, "two three"])
    assert Similarity(Words())(samples).tolist() == pytest.approx([1.0, 0.0, 0.5])  # two: 2 * 1 / (2 + 2)


def test_without_any_references_nothing_is_paid():
    assert Similarity(Words())(SAMPLES).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("settings", "expected"), [
    # 7 characters of each text, of which 请检查 and 纸盒 are in both in one order: 5; without the stop word 请, 4 of 6
    ({}, 5 / 7),
    ({"stop_words": ["请"]}, 4 / 6),
    ({"without_spaces": "whole"}, 0.0),  # two sentences, that are two words
])
def test_likeness_of_texts_without_spaces_is_by_character(settings, expected):
    assert rouge_l("请检查那个纸盒。", "请检查一下纸盒!", Words(**settings)) == pytest.approx(expected)


def test_case_form_and_signs_count_only_where_they_are_asked_to():
    assert rouge_l("ＣHECK the file", "Check the file", Words()) == pytest.approx(2 / 3)
    assert rouge_l("ＣHECK the file", "Check the file", Words(unicode="NFKC")) == 1.0
    assert rouge_l("CHECK the file", "Check the file", Words(case="keep")) == pytest.approx(2 / 3)
    assert rouge_l("Check the file!", "Check the file?", Words()) == 1.0
    assert rouge_l("Check the file!", "Check the file?", Words(punctuation="keep")) == pytest.approx(3 / 4)
