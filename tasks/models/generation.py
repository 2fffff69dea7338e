"""Sampling of responses with a key-value cache. Finished responses leave the batch."""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil

import torch
from torch import Tensor

from tasks.models.drawing import draw
from tasks.models.ends import Ends, is_end
from tasks.models.readers import begin_reading
from tasks.models.sequences import Sequences
from tasks.models.workers import in_order

LOOK_EVERY = {"cpu": 1, "cuda": 16}  # steps after which it is seen who still writes; a GPU has to stop for that
PART_ROWS = 64  # that write together on a CPU: fewer have operations too small, more leave workers without work

Chance = Callable[[Tensor, int], Tensor | torch.Generator]  # rows and step -> what their tokens are drawn by


def generate(
    model, prompts: Sequence[Sequence[int]], *, most_tokens: int, end: Ends, pad: int,
    generator: torch.Generator, temperature: float = 1.0,
) -> Sequences:
    """Sample one response a prompt, until an end token or most_tokens.

    On a CPU a row's chance does not depend on who writes beside it, and parts of the rows write side by side
    (tasks.models.workers); on a GPU all rows are one part.

    Args:
        model: a causal LM of transformers, in eval mode.
        prompts: token ids, none empty.
        end: the token that ends a response, or several, of which any one does.
        generator: of the model's device; all randomness comes from it.
        temperature: scores are divided by it before the softmax.

    Returns:
        Sequences in the order of the prompts. A response that did not end by itself has no end token.
    """
    device, rows = next(model.parameters()).device, torch.arange(len(prompts))
    parts: tuple[Tensor, ...] = (rows,)
    uniforms = None
    if device.type == "cpu":
        parts = rows.chunk(max(2, ceil(len(prompts) / PART_ROWS)))
        uniforms = torch.rand(len(prompts), most_tokens, dtype=torch.float64, generator=generator)

    def chance_of(part: Tensor) -> Chance:
        return lambda some, step: generator if uniforms is None else uniforms[part[some], step]

    jobs = (partial(_written, model, [prompts[row] for row in part.tolist()], chance_of(part), most_tokens, end, pad,
                    temperature) for part in parts)
    written, lengths = (torch.cat(tensors) for tensors in zip(*in_order(jobs, device), strict=True))
    return _joined(prompts, written, lengths, pad)


@torch.no_grad()
def _written(model, prompts: Sequence[Sequence[int]], chance: Chance, most_tokens: int, end: Ends, pad: int,
             temperature: float) -> tuple[Tensor, Tensor]:
    """Responses, int64 [rows, most_tokens], padded, and their lengths, int64 [rows]."""
    device = next(model.parameters()).device
    written = torch.full((len(prompts), most_tokens), pad, device=device)
    lengths = torch.zeros(len(prompts), dtype=torch.long, device=device)
    alive = torch.arange(len(prompts), device=device)  # rows of `written` that the reader's rows stand for
    writing = torch.ones(len(prompts), dtype=torch.bool, device=device)
    scores, reader = begin_reading(model, *_left_padded(prompts, pad, device), room=most_tokens)
    for step in range(most_tokens):
        drawn = torch.where(writing, draw(scores.float() / temperature, chance(alive, step)), pad)
        written[alive, step] = drawn
        lengths[alive] += writing
        writing = writing & ~is_end(drawn, end)
        last = step + 1 == most_tokens
        left = len(writing) if last or (step + 1) % LOOK_EVERY[device.type] else int(writing.sum())
        if last or not left:
            break
        if left <= reader.leave_at * len(writing):
            staying = writing.nonzero().squeeze(1)
            reader.keep(staying)
            alive, drawn, writing = alive[staying], drawn[staying], writing[staying]
        scores = reader.read(drawn)
    return written, lengths


def _left_padded(prompts: Sequence[Sequence[int]], pad: int, device) -> tuple[Tensor, Tensor]:
    width = max(map(len, prompts))
    tokens = [[pad] * (width - len(prompt)) + [*prompt] for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(tokens, device=device), torch.tensor(mask, device=device)


def _joined(prompts: Sequence[Sequence[int]], written: Tensor, lengths: Tensor, pad: int) -> Sequences:
    """Put each response directly behind its prompt."""
    prompt_lengths = torch.tensor([len(prompt) for prompt in prompts], device=written.device)
    width = int((prompt_lengths + lengths).max())
    tokens = torch.full((len(prompts), max(width, int(prompt_lengths.max()) + written.shape[1])), pad,
                        device=written.device)
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt)] = torch.tensor(prompt, device=written.device)
    places = prompt_lengths[:, None] + torch.arange(written.shape[1], device=written.device)
    tokens.scatter_(1, places, written)
    return Sequences(tokens[:, :width], prompt_lengths, lengths)
