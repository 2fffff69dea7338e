"""Models with one number as output: the reward model scores a whole response, the critic each of its tokens."""

from torch import Tensor

from tasks.models.log_probs import hidden_states
from tasks.models.sequences import Sequences


def sequence_scores(scorer, sequences: Sequences) -> Tensor:
    """Return one score a sequence, float32 [batch], read at its last token."""
    hidden = hidden_states(scorer, sequences.tokens)
    rows = sequences.last_places().new_tensor(range(len(sequences)))
    return scorer.score(hidden[rows, sequences.last_places()]).squeeze(-1).float()


def response_values(critic, sequences: Sequences) -> Tensor:
    """Return the value before each response token, float32 [batch, longest response], zero on padding."""
    rows, columns = sequences.response_places()
    hidden = hidden_states(critic, sequences.tokens[:, :-1])[rows, columns - 1]
    mask = sequences.response_mask
    values = critic.score(hidden).squeeze(-1).float()
    return values.new_zeros(mask.shape).masked_scatter(mask, values)
