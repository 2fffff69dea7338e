"""Log-probabilities of response tokens, without ever holding scores of shape batch x time x vocabulary.

Hidden states are gathered where a response token is predicted, before the output layer.
"""

from torch import Tensor

from tasks.models.hidden_states import hidden_states_at
from tasks.models.output_layer import TokenLogProbs
from tasks.models.packing import Packed
from tasks.models.precision import number_format
from tasks.models.score_shape import score_shape
from tasks.models.sequences import Sequences


def response_log_probs(model, sequences: Sequences, *, temperature: float = 1.0,
                       packed: Packed | None = None) -> tuple[Tensor, Tensor]:
    """Return the log-probability of each response token and the entropy of the distribution it came from.

    Args:
        model: a causal LM of transformers, in eval mode (no dropout).
        temperature: scores are divided by it, as in sampling.
        packed: the same sequences laid end to end, to be read in that form.

    Returns:
        log_probs: float32 [batch, longest response], nats, zero on padding; differentiable.
        entropy: float32 [batch, longest response], nats, zero on padding; differentiable.
    """
    log_probs, entropy = _of_tokens(model, sequences, temperature, packed, want_entropy=True)
    return _lay_out(log_probs, sequences), _lay_out(entropy, sequences)


def response_log_probs_alone(model, sequences: Sequences, *, temperature: float = 1.0,
                             packed: Packed | None = None) -> Tensor:
    """Return what response_log_probs does, but without the entropy, which takes time."""
    return _lay_out(_of_tokens(model, sequences, temperature, packed, want_entropy=False)[0], sequences)


def _of_tokens(model, sequences: Sequences, temperature: float, packed: Packed | None, *, want_entropy: bool):
    """Both of all response tokens in reading order, float32 [response tokens in all]."""
    rows, columns = sequences.response_places()
    if packed is None:
        hidden = hidden_states_at(model, sequences.tokens[:, :-1], rows, columns - 1)
    else:
        hidden = hidden_states_at(
            model, packed.tokens, packed.rows[rows], packed.starts[rows] + columns - 1, packed.positions)
    head = model.get_output_embeddings()
    hidden = hidden.to(number_format(head.weight))  # autocast ends with the forward pass, and backward needs the same
    shape = score_shape(model)
    return TokenLogProbs.apply(hidden, head.weight, getattr(head, "bias", None), sequences.tokens[rows, columns],
                               temperature, want_entropy, shape.scale, shape.cap)


def _lay_out(flat: Tensor, sequences: Sequences) -> Tensor:
    mask = sequences.response_mask
    return flat.new_zeros(mask.shape).masked_scatter(mask, flat)
