"""A linear score of a response's tokens, worked by hand; and the file that it is kept in."""

import json
import math
from pathlib import Path

import pytest
import torch

from tasks.models.bag_of_tokens import BagOfTokens, Terms, is_bag_of_tokens, load_bag_of_tokens, occurrences
from tasks.models.scorers import sequence_scores
from tasks.models.sequences import join

PAIR = (5 + 1) * 2**31 + 7  # token 5, then token 7


def bag(length_weight: float = 0.0) -> BagOfTokens:
    """Token 5 of rarity 1.5 pays 2, token 7 of rarity 1 costs 1, 5 before 7 of rarity 3 pays 4."""
    terms = Terms(torch.tensor([5, 7, PAIR]), torch.tensor([1.5, 1.0, 3.0]))
    return BagOfTokens(terms, torch.tensor([2.0, -1.0, 4.0]), length_weight)


def score(*responses: list[int], prompt: tuple[int, ...] = (1, 4), length_weight: float = 0.0) -> list[float]:
    return sequence_scores(bag(length_weight), join([list(prompt)] * len(responses), responses, pad=0)).tolist()


def test_every_token_and_every_pair_of_neighbours_in_a_response_occurs():
    rows, codes = occurrences(join([[5], [7]], [[5, 7, 5], [7]], pad=0))

    found = sorted(zip(rows.tolist(), codes.tolist(), strict=True))
    assert found == [(0, 5), (0, 5), (0, 7), (0, PAIR), (0, (7 + 1) * 2**31 + 5), (1, 7)]


def test_a_score_is_the_weighed_tf_idf_of_length_one():
    # 5 twice, 7 once, 5-7 once: values (1 + ln 2) * 1.5, 1, 3, over the root of their squares' sum
    twice = (1 + math.log(2)) * 1.5
    root = math.sqrt(twice**2 + 1 + 9)

    assert score([5, 7, 5]) == pytest.approx([(2 * twice - 1 + 4 * 3) / root], rel=1e-6)
    assert score([7, 5]) == pytest.approx([(2 * 1.5 - 1) / math.sqrt(1.5**2 + 1)], rel=1e-6)  # 7-5 is unknown


def test_a_longer_response_is_paid_by_the_logarithm_of_its_tokens():
    assert score([9, 9, 9], length_weight=2.0) == pytest.approx([2 * math.log(4)])
    assert score([9, 9, 9]) == [0.0]


def test_neither_prompt_nor_padding_nor_the_neighbours_in_a_batch_change_a_score():
    alone = score([5, 7], length_weight=0.5)

    assert score([5, 7], prompt=(5, 7, 5), length_weight=0.5) == alone
    assert score([5, 7], [7, 7, 7, 7, 7], length_weight=0.5)[:1] == alone
    assert score([7, 5], length_weight=0.5) != alone


def test_what_was_saved_scores_as_it_did_and_can_be_read_by_people(tmp_path: Path):
    bag(0.1).save(tmp_path / "member-2")

    found = load_bag_of_tokens(tmp_path / "member-2")

    answers = join([[1], [1]], [[5, 7, 5], [8, 7]], pad=0)
    assert torch.equal(found(answers), bag(0.1)(answers))
    kept = json.loads((tmp_path / "member-2/bag_of_tokens.json").read_text())
    assert kept == {"length_weight": 0.1, "terms": [[5, 1.5, 2.0], [7, 1.0, -1.0], [5, 7, 3.0, 4.0]]}
    assert is_bag_of_tokens(tmp_path / "member-2")
    assert not is_bag_of_tokens(tmp_path)


def test_there_is_nothing_in_it_that_a_gradient_could_move():
    assert not any(one.requires_grad for one in bag().parameters())
