"""By which tokens an answer ends."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from torch import Tensor

Ends = int | Sequence[int]  # the token that ends an answer, or several, of which any one does


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Return the ids of the tokens that end an answer: the tokenizer's own first, which is the one that is taught.

    The others are those that the model's generation config names, and that are special tokens within its vocabulary:
    no text is encoded to them, so that none of them can stand inside an answer that somebody wrote.
    """
    named = model.generation_config.eos_token_id
    others = {named} if isinstance(named, int) else set(named or ())
    special = {token for token, entry in tokenizer.added_tokens_decoder.items() if entry.special}
    return [tokenizer.eos_token_id, *sorted((others & special) - {tokenizer.eos_token_id})]


def is_end(tokens: Tensor, ends: Ends) -> Tensor:
    """Whether each token, int64 [...], ends an answer, bool [...]."""
    if isinstance(ends, int):
        return tokens == ends
    return reduce(Tensor.__or__, (tokens == end for end in ends))  # numbers, so that a GPU need not wait for a copy
