import torch

from tasks.models import scoring
from tasks.models.log_probs import response_log_probs
from tasks.models.scoring import Reference, in_chunks, trimmed, without_gradient
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
    monkeypatch.setattr(scoring, "ROWS", {"cpu": 1})
    torch.testing.assert_close(without_gradient(both, SEQUENCES), whole, atol=1e-6, rtol=0)
    assert whole.shape == (3, 4, 2)
    assert not whole.requires_grad


def test_trimming_changes_no_gradient():
    ours, plain = tiny_model(), tiny_model()
    long = join([[1, 5]] * 40, [[7] * (1 + row % 9) for row in range(40)], pad=0)  # more rows than one pass takes
    weights = torch.linspace(-1, 1, 40)[:, None]
    (trimmed(lambda part: response_log_probs(ours, part)[0], long) * weights).sum().backward()
    (response_log_probs(plain, long)[0] * weights).sum().backward()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-5, rtol=1e-5)


def test_the_reference_answers_once_for_one_batch_and_anew_for_another():
    reference = Reference(tiny_model())
    first = reference.log_probs(SEQUENCES)
    assert reference.log_probs(SEQUENCES) is first
    other = reference.log_probs(SEQUENCES.rows(torch.tensor([1])))
    torch.testing.assert_close(other[0], first[1], atol=1e-6, rtol=0)
