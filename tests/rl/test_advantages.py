import pytest
import torch

from tasks.rl.advantages import generalised_advantages


def advantages(rewards, values, mask, discount, trace_decay):
    found, targets = generalised_advantages(
        torch.tensor([rewards], dtype=torch.float64), torch.tensor([values], dtype=torch.float64),
        torch.tensor([mask]), discount=discount, trace_decay=trace_decay)
    return found[0].tolist(), targets[0].tolist()


@pytest.mark.parametrize(("trace_decay", "expected"), [
    # r = [0, 0, 1], V = [0.25, 0.5, 0.5], discount 0.5: delta = [0 + 0.25 - 0.25, 0 + 0.25 - 0.5, 1 - 0.5]
    (0.0, [0.0, -0.25, 0.5]),
    # A2 = 0.5, A1 = -0.25 + 0.5 * 0.8 * 0.5 = -0.05, A0 = 0 + 0.4 * -0.05 = -0.02
    (0.8, [-0.02, -0.05, 0.5]),
    # A2 = 0.5, A1 = -0.25 + 0.5 * 0.5 = 0, A0 = 0
    (1.0, [0.0, 0.0, 0.5]),
])
def test_advantages_are_as_worked_by_hand(trace_decay, expected):
    found, targets = advantages([0.0, 0.0, 1.0], [0.25, 0.5, 0.5], [True, True, True], 0.5, trace_decay)
    assert found == pytest.approx(expected, abs=1e-12)
    assert targets == pytest.approx([a + v for a, v in zip(expected, [0.25, 0.5, 0.5], strict=True)], abs=1e-12)


def test_the_published_vector_holds():
    # A3 = 1 - .2 = .8; A2 = .3 + .2 - .3 + .95 * .8 = .96; A1 = -.2 + .3 - .4 + .95 * .96 = .612
    # A0 = .1 + .4 - .5 + .95 * .612 = .5814
    found, _ = advantages([0.1, -0.2, 0.3, 1.0], [0.5, 0.4, 0.3, 0.2], [True] * 4, 1.0, 0.95)
    assert found == pytest.approx([0.5814, 0.612, 0.96, 0.8], abs=1e-9)


def test_what_lies_in_the_padding_changes_nothing():
    short, _ = advantages([0.5, 1.0], [0.2, 0.4], [True, True], 0.9, 0.8)
    padded, targets = advantages([0.5, 1.0, 7.0], [0.2, 0.4, -9.0], [True, True, False], 0.9, 0.8)
    assert padded == pytest.approx([*short, 0.0], abs=1e-12)
    assert targets[2] == 0.0


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="differ"):
        generalised_advantages(torch.zeros(2, 3), torch.zeros(2, 2), torch.ones(2, 3, dtype=torch.bool),
                               discount=1.0, trace_decay=0.9)
