"""Models with one number as output: the reward model scores a whole response, the critic each of its tokens."""

import torch
from torch import Tensor

from tasks.models.bag_of_tokens import BagOfTokens
from tasks.models.hidden_states import hidden_states_at
from tasks.models.sequences import Sequences

POOLING = "score_pooling"  # a field of the model's config.json, so that a saved reward model says how it is read


def sequence_scores(scorer, sequences: Sequences) -> Tensor:
    """Return one score a response, float32 [batch].

    Read at the last token, or, where the model's configuration says `"score_pooling": "sum"`, summed over the
    response's tokens. A bag of tokens reads none of a network's states.
    """
    if isinstance(scorer, BagOfTokens):
        bag: Tensor = scorer(sequences)
        return bag
    if getattr(scorer.config, POOLING, "last") == "sum":
        return _token_scores(scorer, sequences, first=0).sum(1)
    places = sequences.last_places()
    hidden = hidden_states_at(scorer, sequences.tokens, torch.arange(len(sequences), device=places.device), places)
    return scorer.score(hidden).squeeze(-1).float()


def response_values(critic, sequences: Sequences) -> Tensor:
    """Return the value before each response token, float32 [batch, longest response], zero on padding."""
    return _token_scores(critic, sequences, first=-1)


def _token_scores(scorer, sequences: Sequences, *, first: int) -> Tensor:
    """Scores at the places of the response tokens, moved by `first`; float32 [batch, longest response]."""
    rows, columns = sequences.response_places()
    tokens = sequences.tokens if first == 0 else sequences.tokens[:, :first]
    hidden = hidden_states_at(scorer, tokens, rows, columns + first)
    mask = sequences.response_mask
    scores = scorer.score(hidden).squeeze(-1).float()
    return scores.new_zeros(mask.shape).masked_scatter(mask, scores)
