"""Signatures of texts: their similarity is that of the texts' word triples, in any script."""

import itertools
import random

import numpy as np
import pytest

from tasks.data.checks.shingles import BANDS, NO_WORDS, PERMUTATIONS, signatures, similarity, words

CHANCE = random.Random(7)
WORDS = ["".join(CHANCE.choices("abcdefgh", k=5)) for _ in range(500)]


def jaccard(one: str, other: str) -> float:
    first, second = ({tuple(text.split()[place:place + 3]) for place in range(len(text.split()) - 2)}
                     for text in (one, other))
    return len(first & second) / len(first | second)


def estimated(one: str, other: str) -> float:
    minima = signatures([one, other]).minima
    return float(similarity(minima[:1], minima[1:])[0])


def changed(text: str, count: int) -> str:
    """The text with some words in its middle exchanged."""
    parts = text.split()
    return " ".join([*parts[:50], *["other"] * count, *parts[50 + count:]])


def test_the_estimate_is_within_its_error_of_the_exact_similarity():
    errors = []
    for count in (1, 2, 5, 10, 20, 40) * 10:
        text = " ".join(CHANCE.choices(WORDS, k=200))
        errors.append(estimated(text, changed(text, count)) - jaccard(text, changed(text, count)))
    # the standard error of a share s is sqrt(s (1 - s) / 64), at most 0.0625
    assert np.sqrt(np.mean(np.square(errors))) < 0.0625
    assert abs(np.mean(errors)) < 3 * 0.0625 / np.sqrt(len(errors))


def test_pairs_of_a_similarity_of_nine_tenths_share_a_band_and_unlike_ones_do_not():
    shared = dict.fromkeys((2, 150), 0)
    for count, _ in itertools.product(shared, range(100)):
        text = " ".join(CHANCE.choices(WORDS, k=200))
        bands = signatures([text, changed(text, count)]).bands
        shared[count] += bool((bands[0] == bands[1]).any())
    # two words of 200 exchanged: 4 of 198 triples, so a similarity of 194 / 202 = 0.96; 150 exchanged: below 0.15
    assert shared[2] >= 99
    assert shared[150] == 0


def test_case_spaces_and_marks_of_sentences_change_nothing_and_signs_of_sums_do():
    assert estimated("What is it, then?  It is a boat.", "what is it then\nIT IS A (BOAT)") == 1.0
    assert estimated("What is 3 + 1?", "What is 3 - 1?") < 0.5


def test_scripts_without_spaces_have_a_word_for_each_sign():
    assert words("三个人去了").split() == [sign.encode() for sign in "三个人去了"]
    assert words("Ein Übel—да!").split() == [b"ein", "übel".encode(), "да".encode()]
    long = "我想知道这台打印机为什么总是在周一早上停止工作而且没有人知道应该怎么修理它因为说明书已经丢失了"
    assert estimated(long, long.replace("周一", "周二")) > 0.7
    assert estimated(long, "今天天气很好我们去公园散步然后在湖边吃午饭看孩子们放风筝直到太阳下山才慢慢走回家里") < 0.1


def test_a_text_has_the_same_signature_whatever_stands_beside_it():
    texts = ["", "one", "one two", "one two three", "?!", *(" ".join(CHANCE.choices(WORDS, k=k)) for k in range(200))]
    together, alone = signatures(texts), [signatures([text]) for text in texts]
    assert (together.minima == np.concatenate([one.minima for one in alone])).all()
    assert (together.bands == np.concatenate([one.bands for one in alone])).all()


def test_texts_without_words_are_alike_to_nothing():
    bands = signatures(["", "?!", "a"]).bands
    assert (bands[:2] == NO_WORDS).all()
    assert (bands[2] != NO_WORDS).all()


@pytest.mark.parametrize("count", [0, 1, 65])
def test_there_is_a_signature_for_each_text(count):
    found = signatures(["some words of a text"] * count)
    assert (found.minima.shape, found.bands.shape) == ((count, PERMUTATIONS), (count, BANDS))
