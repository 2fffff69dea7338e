"""Whether a model that others made can be trained here: tried on a few tokens, for its code may do anything."""

from typing import Any

import torch
from torch import Tensor

from tasks.contracts.errors import ParamsInvalid
from tasks.models.log_probs import response_log_probs_alone
from tasks.models.readers import begin_reading
from tasks.models.sequences import join

NEAR = 1e-3  # nats; float32 rounds a thousandth of that
TOKENS = 6  # of a row
RAISED = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)


def refuse_untrainable(model: Any, where: str) -> None:
    """Read two rows in every way in which training reads a model, and hold it against the model's own scores.

    Raises:
        ParamsInvalid: it cannot be read that way, or says something else than in its own forward pass: a token knows
            what comes after it, or scores are not those of the output layer.
    """
    for what, found in (("its log-probabilities", _of_responses), ("its scores, read token by token", _token_by_token)):
        try:
            apart = found(model, _rows(model))
        except RAISED as error:
            _refuse(model, where, f"{what} cannot be had ({type(error).__name__}: {str(error).splitlines()[0][:120]})")
        if not (apart <= NEAR):  # this way round, so that NaN refuses
            _refuse(model, where, f"{what} are {apart:.2g} nats away from those of its own forward pass")


def _refuse(model: Any, where: str, found: str) -> None:
    raise ParamsInvalid(
        "is no model that can be trained here", where=where, wanted="a causal language model with a key-value cache",
        found=f"one of type {model.config.model_type}, of which {found}",
        next_step="Set base.path to a model of another kind.") from None


def _rows(model: Any) -> Tensor:
    """Two rows of tokens from all over the vocabulary, int64 [2, TOKENS]."""
    vocabulary = model.get_input_embeddings().weight.shape[0]
    return torch.linspace(0, vocabulary - 1, 2 * TOKENS + 1)[1:].long().reshape(2, TOKENS)


@torch.no_grad()
def _own(model: Any, read: Tensor) -> Tensor:
    """Log-probabilities of what may follow some tokens, by the model alone, float64 [vocabulary]."""
    return torch.log_softmax(model(input_ids=read[None], use_cache=False).logits[0, -1].double(), -1)


@torch.no_grad()
def _of_responses(model: Any, rows: Tensor) -> float:
    """How far log-probabilities of a response, of which all is read at once, are from those of each token alone."""
    prompts, responses = rows[:, :2].tolist(), rows[:, 2:].tolist()
    found = response_log_probs_alone(model, join(prompts, responses, pad=0)).double()
    wanted = torch.stack([torch.stack([
        _own(model, row[:place])[row[place]] for place in range(2, TOKENS)]) for row in rows])
    return (found - wanted).abs().max().item()


@torch.no_grad()
def _token_by_token(model: Any, rows: Tensor) -> float:
    """How far scores are off when the second row, of two tokens fewer, is padded on the left and the first leaves."""
    shorter = rows.clone()
    mask = torch.ones(2, TOKENS - 2, dtype=torch.long)
    mask[1, :2], shorter[1, :2] = 0, 0
    scores, reader = begin_reading(model, shorter[:, : TOKENS - 2], mask, room=2)
    read = (shorter[0, : TOKENS - 2], shorter[1, 2 : TOKENS - 2])
    apart = [(torch.log_softmax(one.double(), -1) - _own(model, row)).abs().max()
             for one, row in zip(scores, read, strict=True)]
    reader.read(shorter[:, TOKENS - 2])
    reader.keep(torch.tensor([1]))
    (scores,) = reader.read(shorter[1:, TOKENS - 1])
    return max(*apart, (torch.log_softmax(scores.double(), -1) - _own(model, shorter[1, 2:])).abs().max()).item()
