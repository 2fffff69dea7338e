"""The output layer and its softmax as one step, without ever holding scores of shape batch x time x vocabulary.

Scores exist for a chunk of tokens at a time. For the backward pass their probabilities are kept where a forward pass
has few of them, and computed again where it has many.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 27}  # scores in flight at most: 8 MiB and 512 MiB in float32
KEPT_ELEMENTS = 1 << 25  # probabilities that one forward pass may keep for its backward pass: 128 MiB in float32


class TokenLogProbs(torch.autograd.Function):
    """log softmax of (hidden @ weight.T + bias) / temperature at the targets, and the entropy where it is wanted.

    Takes hidden, float [tokens, width]; weight, float [vocabulary, width]; bias, float [vocabulary] or None; targets,
    int64 [tokens]; temperature; whether the entropy is wanted; and the tasks.models.score_shape of the scores before
    they are divided by the temperature. Gives float32 [tokens] twice, nats; the second is None where it is not wanted.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor,
                temperature: float, want_entropy: bool, scale: float = 1.0, cap: float | None = None,
                ) -> tuple[Tensor, Tensor | None]:
        log_probs = hidden.new_empty(len(hidden), dtype=torch.float32)
        entropy = torch.empty_like(log_probs) if want_entropy else None
        keep = any(ctx.needs_input_grad[:3]) and hidden.shape[0] * weight.shape[0] <= KEPT_ELEMENTS
        ctx.kept, temperature = [], temperature / scale
        cap = None if cap is None else cap / scale  # so that scores are scaled where they are divided
        cast, shift = _like(hidden, weight, bias)
        for part in _chunks(hidden, weight):
            scores = _log_softmax(hidden[part], cast, shift, temperature, cap)
            log_probs[part] = scores.gather(1, targets[part, None]).squeeze(1)
            if entropy is not None:
                probabilities = scores.exp()
                entropy[part] = -(probabilities * scores).sum(1)
            elif keep:
                probabilities = scores.exp_()
            if keep:
                ctx.kept.append(probabilities)
        ctx.save_for_backward(hidden, weight, bias, targets, entropy)
        ctx.temperature, ctx.cap = temperature, cap
        ctx.set_materialize_grads(False)  # None for an output that nothing is learned from
        return log_probs, entropy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor | None, entropy_gradient: Tensor | None):
        hidden, weight, bias, targets, entropy = ctx.saved_tensors
        to_hidden = torch.empty_like(hidden)
        to_weight = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        to_bias = torch.zeros_like(bias, dtype=torch.float32) if ctx.needs_input_grad[2] else None
        cast, shift = _like(hidden, weight, bias)
        for part in _chunks(hidden, weight):
            probabilities = (ctx.kept.pop(0) if ctx.kept else  # gone after the first backward pass
                             _log_softmax(hidden[part], cast, shift, ctx.temperature, ctx.cap).exp_())
            delta = _to_scores(
                probabilities, targets[part, None], None if gradient is None else gradient[part, None],
                None if entropy_gradient is None else entropy_gradient[part, None],
                None if entropy is None else entropy[part, None])
            if ctx.cap is not None:  # d (cap * tanh(score / cap)) / d score = 1 - tanh^2
                delta = delta * (1 - _scores(hidden[part], cast, shift).div_(ctx.cap).tanh_().square_())
            delta = (delta if ctx.temperature == 1 else delta.div_(ctx.temperature)).to(hidden.dtype)
            to_hidden[part] = delta @ cast
            if to_weight is not None and to_weight.dtype == delta.dtype:
                to_weight.addmm_(delta.T, hidden[part])
            elif to_weight is not None:
                to_weight += delta.T @ hidden[part]
            if to_bias is not None:
                to_bias += delta.sum(0)
        return (to_hidden, None if to_weight is None else to_weight.to(weight.dtype),
                None if to_bias is None else to_bias.to(bias.dtype), None, None, None, None, None)


def _chunks(hidden: Tensor, weight: Tensor) -> Iterator[slice]:
    size = max(1, CHUNK_ELEMENTS[weight.device.type] // len(weight))
    return (slice(start, start + size) for start in range(0, len(hidden), size))


def _like(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Weight and bias in the number format of hidden."""
    return weight.to(hidden.dtype), None if bias is None else bias.to(hidden.dtype)


def _log_softmax(hidden: Tensor, weight: Tensor, bias: Tensor | None, temperature: float, cap: float | None) -> Tensor:
    """Log-probabilities of the whole vocabulary, float32 [tokens, vocabulary]."""
    scores = _scores(hidden, weight, bias)
    if cap is not None:
        scores = scores.div_(cap).tanh_().mul_(cap)
    return torch.log_softmax(scores if temperature == 1 else scores.div_(temperature), 1)


def _scores(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.nn.functional.linear(hidden, weight, bias).float()


def _to_scores(probabilities: Tensor, targets: Tensor, gradient: Tensor | None, entropy_gradient: Tensor | None,
               entropy: Tensor | None) -> Tensor:
    """Return the gradient that reaches the scaled scores, float32 [tokens, vocabulary]; uses `probabilities` up.

    d log p_target / d score = 1[target] - p and d entropy / d score = -p * (log p + entropy).

    Args:
        targets, gradient, entropy_gradient, entropy: [tokens, 1].
    """
    bent = None
    if entropy_gradient is not None and entropy is not None:
        bent = torch.special.entr(probabilities).sub_(probabilities * entropy).mul_(entropy_gradient)
    delta = probabilities.mul_(0 if gradient is None else -gradient)
    if gradient is not None:
        delta.scatter_add_(1, targets, gradient)
    return delta if bent is None else delta.add_(bent)
