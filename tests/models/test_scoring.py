import torch

from tasks.models import scoring
from tasks.models.log_probs import response_log_probs
from tasks.models.scoring import Reference, in_chunks, micro_batches, without_gradient
from tasks.models.sequences import join
from tests.models.tiny import tiny_model

SEQUENCES = join([[1, 5], [1, 6, 3], [1]], [[7, 2], [8, 9, 4, 2], [2]], pad=0)


def test_chunks_cover_everything_once():
    assert [list(range(7))[part] for part in in_chunks(7, 3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_some_at_a_time_gives_the_same_as_all_at_once(monkeypatch):
    model = tiny_model()

    def both(part):
        return torch.stack(response_log_probs(model, part), -1)

    whole = without_gradient(both, SEQUENCES)
    monkeypatch.setattr(scoring, "TOKENS", {"cpu": 1})
    torch.testing.assert_close(without_gradient(both, SEQUENCES), whole, atol=1e-6, rtol=0)
    assert whole.shape == (3, 4, 2)
    assert not whole.requires_grad


def test_micro_batches_hold_rows_of_like_length_up_to_so_many_tokens_padding_included():
    # lengths 3, 7, 2, 5, 6: sorted 7 6 5 3 2; 14 tokens hold 2 rows of 7, then 2 of 5, then the one of 2: three parts.
    # 12 tokens make three parts too, 7, 6 and 5, 3 and 2, which are more alike; 11 tokens make four
    sequences = join([[1]] * 5, [[9] * n for n in (2, 6, 1, 4, 5)], pad=0)
    assert [part.tolist() for part in micro_batches(sequences, 14)] == [[1], [4, 3], [0, 2]]
    assert [part.tolist() for part in micro_batches(sequences, 1)] == [[1], [4], [3], [0], [2]]  # a row is never cut


def test_the_reference_answers_once_for_one_batch_and_anew_for_another():
    reference = Reference(tiny_model())
    first = reference.log_probs(SEQUENCES)
    assert reference.log_probs(SEQUENCES) is first
    other = reference.log_probs(SEQUENCES.rows(torch.tensor([1])))
    torch.testing.assert_close(other[0], first[1], atol=1e-6, rtol=0)
