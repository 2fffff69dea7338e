import pytest
import torch

from tasks.models import output_layer
from tasks.models.log_probs import response_log_probs, response_log_probs_alone
from tasks.models.sequences import join
from tests.models.tiny import tiny_model

SEQUENCES = join([[1, 5, 6], [1, 7]], [[8, 9, 2], [4, 2]], pad=0)


def by_hand(model, temperature=1.0):
    """The same numbers from the whole score tensor, one token at a time."""
    scores = model(input_ids=SEQUENCES.tokens).logits.double() / temperature
    rows = []
    for row in range(2):
        start = int(SEQUENCES.prompt_lengths[row])
        rows.append([torch.log_softmax(scores[row, start + i - 1], -1)[token]
                     for i, token in enumerate(SEQUENCES.response(row))])
    return rows


def test_the_log_probabilities_are_those_of_the_whole_softmax():
    model = tiny_model()
    found, _ = response_log_probs(model, SEQUENCES, temperature=0.7)
    expected = by_hand(model, 0.7)
    torch.testing.assert_close(found[0].double(), torch.stack(expected[0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(found[1, :2].double(), torch.stack(expected[1]), atol=1e-6, rtol=0)
    assert found[1, 2] == 0.0  # padding


def test_the_gradient_is_that_of_the_whole_softmax():
    model, weights = tiny_model(), torch.tensor([[0.3, -1.0, 2.0], [0.5, 1.5, 9.0]])
    found, _ = response_log_probs(model, SEQUENCES, temperature=0.7)
    (found * weights).sum().backward()
    ours = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    expected = by_hand(model, 0.7)
    sum(w * e for row, values in enumerate(expected) for w, e in zip(weights[row], values, strict=False)).backward()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(ours[name], weight.grad, atol=1e-6, rtol=1e-5)


def test_chunks_of_one_token_give_the_same_bytes_of_log_probability(monkeypatch):
    model = tiny_model()
    whole, entropy = response_log_probs(model, SEQUENCES)
    monkeypatch.setattr(output_layer, "CHUNK_ELEMENTS", {"cpu": 1})
    parts, entropy_of_parts = response_log_probs(model, SEQUENCES)
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(entropy_of_parts, entropy, atol=1e-6, rtol=0)


def test_the_entropy_is_minus_the_mean_log_probability():
    model = tiny_model()
    _, entropy = response_log_probs(model, SEQUENCES)
    distribution = torch.softmax(model(input_ids=SEQUENCES.tokens).logits[0, 2].double(), -1)
    assert abs(entropy[0, 0].item() + (distribution * distribution.log()).sum().item()) < 1e-5


def test_what_lies_in_the_padding_changes_nothing():
    model = tiny_model()
    other = join([[1, 5, 6], [1, 7]], [[8, 9, 2], [4, 2]], pad=11)
    assert torch.equal(response_log_probs(model, other)[0], response_log_probs(model, SEQUENCES)[0])


def test_the_gradient_of_the_entropy_is_that_of_the_whole_softmax():
    model, weights = tiny_model(), torch.tensor([[0.3, -1.0, 2.0], [0.5, 1.5, 9.0]])
    _, entropy = response_log_probs(model, SEQUENCES, temperature=0.7)
    (entropy * weights).sum().backward()
    ours = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    log_p = torch.log_softmax(model(input_ids=SEQUENCES.tokens).logits.double() / 0.7, -1)
    whole = -(log_p.exp() * log_p).sum(-1)
    (whole[0, 2:5] * weights[0]).sum().backward(retain_graph=True)  # places 2..4 predict the response of row 0
    (whole[1, 1:3] * weights[1, :2]).sum().backward()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(ours[name], weight.grad, atol=1e-6, rtol=1e-5)


def test_without_the_entropy_the_log_probabilities_and_gradients_have_the_same_bytes():
    models = [tiny_model(), tiny_model()]
    found = [response_log_probs(models[0], SEQUENCES)[0], response_log_probs_alone(models[1], SEQUENCES)]
    assert torch.equal(*found)
    for log_probs in found:
        log_probs.sum().backward()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("learned", [0, 1], ids=["log probability", "entropy"])
def test_probabilities_kept_and_computed_again_give_the_same_gradients(monkeypatch, learned):
    gradients = []
    for kept in (1 << 20, 0):
        monkeypatch.setattr(output_layer, "KEPT_ELEMENTS", kept)
        model = tiny_model()
        response_log_probs(model, SEQUENCES, temperature=0.7)[learned].sum().backward()
        gradients.append([weight.grad for weight in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_a_second_backward_pass_finds_the_same_gradient():
    model = tiny_model()
    loss = response_log_probs(model, SEQUENCES)[0].sum()
    weight = model.get_output_embeddings().weight
    (first,) = torch.autograd.grad(loss, weight, retain_graph=True)
    (second,) = torch.autograd.grad(loss, weight)
    torch.testing.assert_close(second, first, atol=1e-6, rtol=1e-5)


def test_probabilities_are_kept_for_few_tokens_alone(monkeypatch):
    """Two responses of 3 and 2 tokens, a vocabulary of 17: 85 probabilities."""
    for most, kept in ((85, 1), (84, 0)):
        monkeypatch.setattr(output_layer, "KEPT_ELEMENTS", most)
        model = tiny_model()
        rows, columns = SEQUENCES.response_places()
        hidden = model.base_model(input_ids=SEQUENCES.tokens).last_hidden_state[rows, columns - 1]
        log_probs, _ = output_layer.TokenLogProbs.apply(
            hidden, model.get_output_embeddings().weight, None, SEQUENCES.tokens[rows, columns], 1.0, False)
        assert len(log_probs.grad_fn.kept) == kept


@pytest.mark.parametrize(("scale", "cap"), [(3.0, None), (1.0, 0.5), (2.0, 0.75)])
@pytest.mark.parametrize("kept", [1 << 20, 0], ids=["kept", "computed again"])
def test_scores_that_a_model_scales_or_caps_have_the_gradients_of_the_whole_softmax(monkeypatch, scale, cap, kept):
    monkeypatch.setattr(output_layer, "KEPT_ELEMENTS", kept)
    source = torch.Generator().manual_seed(0)
    hidden, weight, bias = (torch.randn(*shape, generator=source) for shape in ((4, 6), (17, 6), (17,)))
    targets, weights = torch.tensor([3, 16, 0, 3]), torch.tensor([0.3, -1.0, 2.0, 0.5])
    gradients = []
    for whole in (True, False):
        learned = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias)]
        if whole:
            scores = scale * (learned[0] @ learned[1].T + learned[2])
            scores = (scores if cap is None else cap * torch.tanh(scores / cap)) / 0.7
            log_p = torch.log_softmax(scores, 1)
            log_probs, entropy = log_p.gather(1, targets[:, None]).squeeze(1), -(log_p.exp() * log_p).sum(1)
        else:
            log_probs, entropy = output_layer.TokenLogProbs.apply(*learned, targets, 0.7, True, scale, cap)
        (log_probs * weights + entropy).sum().backward()
        gradients.append([log_probs.detach(), entropy.detach(), *(tensor.grad for tensor in learned)])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, one, atol=2e-6, rtol=1e-5)
