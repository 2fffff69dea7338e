import pytest
import torch

from tasks.models.sequences import join


def two_rows():
    return join([[5, 6, 7], [8]], [[9, 2], [3, 4, 2]], pad=0)


def test_prompt_and_response_lie_without_a_gap_and_padding_is_on_the_right():
    assert two_rows().tokens.tolist() == [[5, 6, 7, 9, 2], [8, 3, 4, 2, 0]]


def test_the_mask_is_true_on_response_tokens():
    assert two_rows().response_mask.tolist() == [[True, True, False], [True, True, True]]


def test_the_places_of_response_tokens_read_back_the_responses():
    sequences = two_rows()
    rows, columns = sequences.response_places()
    assert sequences.tokens[rows, columns].tolist() == [9, 2, 3, 4, 2]
    assert [sequences.response(row) for row in range(2)] == [[9, 2], [3, 4, 2]]
    assert sequences.last_places().tolist() == [4, 3]


def test_chosen_rows_lose_the_padding_that_they_do_not_need():
    assert two_rows().rows(torch.tensor([1])).tokens.tolist() == [[8, 3, 4, 2]]


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="no token"):
        join([[]], [[1]], pad=0)


def test_prompts_without_responses_are_refused():
    with pytest.raises(ValueError, match="2 prompts, 1 responses"):
        join([[1], [2]], [[1]], pad=0)
