"""Drawing tokens from scores, one uniform number a row."""

import torch
from torch import Tensor

BLOCK = 128  # tokens whose probabilities are added before the search, so that few of them are searched


def draw(scores: Tensor, chance: Tensor | torch.Generator) -> Tensor:
    """Return a token a row, int64 [rows], drawn with the softmax of its scores as probabilities.

    On the CPU the distribution is inverted: the first token whose cumulated probability is above a uniform number,
    found in two steps, a block of tokens and then a token of it. A token of probability zero is never drawn.

    Args:
        scores: float [rows, vocabulary], finite or minus infinity.
        chance: on the CPU uniform numbers in [0, 1), float64 [rows]; on a GPU its generator.

    Raises:
        RuntimeError: a row's scores are NaN or plus infinity, or all minus infinity.
    """
    probabilities = torch.softmax(scores.float(), -1)
    if isinstance(chance, torch.Generator):  # a cumulated sum has no deterministic kernel on a GPU
        return torch.multinomial(probabilities, 1, generator=chance).squeeze(1)
    blocks = torch.nn.functional.pad(probabilities, (0, -scores.shape[1] % BLOCK)).unflatten(1, (-1, BLOCK))
    masses = blocks.sum(-1).double()
    if not torch.isfinite(masses).all():
        raise RuntimeError("a score that a token is drawn by is NaN or infinite, so there are no probabilities")
    block, rest = _invert(masses, chance[:, None])
    token, _ = _invert(blocks[torch.arange(len(blocks)), block.squeeze(1)].double(), rest)
    return (block * BLOCK + token).squeeze(1)


def _invert(masses: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the cumulated masses pass a share of their total, and how far into that place the share is.

    Args:
        masses: float64 [rows, places], not negative, some above zero.
        share: float64 [rows, 1], in [0, 1).

    Returns:
        int64 [rows, 1], a place of mass above zero; float64 [rows, 1], in [0, 1).
    """
    cumulated = masses.cumsum(1)
    total = cumulated[:, -1:]
    sought = torch.minimum(share * total, torch.nextafter(total, torch.zeros_like(total)))  # below it, rounded or not
    place = torch.searchsorted(cumulated, sought, right=True)
    mass = masses.gather(1, place)
    return place, ((sought - (cumulated.gather(1, place) - mass)) / mass).clamp(0, 1)
