import pytest
import torch

from tasks.rl.masking import masked_mean, masked_variance, masked_whiten

VALUES = torch.tensor([[1.0, 3.0, 99.0], [5.0, 99.0, 99.0]], dtype=torch.float64)
MASK = torch.tensor([[True, True, False], [True, False, False]])  # 1, 3 and 5 count


def test_the_mean_is_of_the_entries_that_count():
    assert masked_mean(VALUES, MASK).item() == 3.0  # (1 + 3 + 5) / 3


def test_the_variance_is_of_the_population():
    assert masked_variance(VALUES, MASK).item() == pytest.approx(8 / 3, abs=1e-12)  # (4 + 0 + 4) / 3


def test_whitened_values_have_mean_zero_and_variance_one_and_nothing_in_the_padding():
    white = masked_whiten(VALUES, MASK)
    edge = 2 / (8 / 3) ** 0.5
    assert white[0].tolist() == pytest.approx([-edge, 0.0, 0.0], abs=1e-7)
    assert white[1].tolist() == pytest.approx([edge, 0.0, 0.0], abs=1e-7)


def test_what_lies_in_the_padding_changes_nothing():
    other = torch.where(MASK, VALUES, float("nan"))
    assert masked_mean(other, MASK).item() == 3.0
    assert torch.equal(masked_whiten(other, MASK), masked_whiten(VALUES, MASK))


def test_there_is_no_mean_of_nothing():
    with pytest.raises(ValueError, match="all False"):
        masked_mean(VALUES, torch.zeros_like(MASK))


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        masked_mean(VALUES, MASK[:, :2])
