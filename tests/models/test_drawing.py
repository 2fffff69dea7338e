import pytest
import torch

from tasks.models.drawing import BLOCK, _invert, draw

NEVER = float("-inf")


def uniforms(rows, seed):
    return torch.rand(rows, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_each_token_is_drawn_as_often_as_its_probability_says():
    # over three blocks: tokens 0, 130 and 299 with probabilities 0.5, 0.3, 0.2
    scores = torch.full((300,), NEVER)
    scores[[0, 130, 299]] = torch.tensor([0.5, 0.3, 0.2]).log()
    drawn = draw(scores.expand(20_000, 300), uniforms(20_000, 0))
    shares = [(drawn == token).double().mean().item() for token in (0, 130, 299)]
    # standard errors sqrt(p (1 - p) / 20000) are at most 0.0036; four of them
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.0144)
    assert sum(shares) == pytest.approx(1.0, abs=1e-12)


def test_neighbours_in_one_block_are_drawn_as_often_as_their_probability_says():
    scores = torch.tensor([0.1, 0.2, 0.7]).log()
    drawn = draw(scores.expand(20_000, 3), uniforms(20_000, 1))
    assert [(drawn == token).double().mean().item() for token in range(3)] == pytest.approx([0.1, 0.2, 0.7], abs=0.0144)


def test_rows_are_drawn_by_their_own_scores():
    scores = torch.full((3, 200), NEVER)
    scores[[0, 1, 2], [7, BLOCK, 199]] = 0.0
    assert draw(scores, uniforms(3, 0)).tolist() == [7, BLOCK, 199]


@pytest.mark.parametrize(("share", "place", "rest"), [
    (0.0, 1, 0.0), (0.24, 1, 0.96), (0.25, 3, 0.0), (0.5, 3, 1 / 3), (1 - 2**-53, 3, 1.0)])
def test_a_share_of_the_mass_falls_where_the_cumulated_mass_passes_it(share, place, rest):
    # masses 0, 1, 0, 3, 0 of total 4: cumulated 0, 1, 1, 4, 4; a share s seeks 4s
    found, into = _invert(torch.tensor([[0.0, 1.0, 0.0, 3.0, 0.0]], dtype=torch.float64),
                          torch.tensor([[share]], dtype=torch.float64))
    assert found.item() == place
    assert into.item() == pytest.approx(rest, abs=1e-12)


def test_a_share_that_rounds_up_to_all_of_the_mass_still_finds_a_token_that_can_come():
    found, _ = _invert(torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64))
    assert found.item() == 1


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_scores_without_probabilities_are_refused(wrong):
    with pytest.raises(RuntimeError, match="no probabilities"):
        draw(torch.tensor([[0.0, wrong]]), uniforms(1, 0))
