"""Answers of a saved model to prompts, and how far two models are apart on them."""

from collections.abc import Sequence
from pathlib import Path

import torch

from tasks.models.ends import end_tokens
from tasks.models.folders import load_causal_model, load_tokenizer
from tasks.models.generation import generate
from tasks.models.log_probs import response_log_probs_alone
from tasks.models.precision import precision
from tasks.models.scoring import in_chunks, without_gradient
from tasks.models.sequences import join
from tasks.rewards.samples import Samples
from tasks.training.determinism import generator
from tasks.training.players import Prompt

ROWS = 256  # prompts answered at a time


class Answerer:
    """A saved causal LM with its tokenizer, on one device."""

    def __init__(self, folder: Path, device: torch.device):
        self.model, self.tokenizer, self._device = load_causal_model(folder).to(device), load_tokenizer(folder), device

    def answer(self, prompts: Sequence[Prompt], *, most_tokens: int, temperature: float, seed: int) -> Samples:
        """Sample one answer a prompt. The same seed, prompts and weights give the same answers."""
        source, written = generator(seed, self._device), []
        for part in in_chunks(len(prompts), ROWS):
            with precision(self._device):
                sequences = generate(
                    self.model, [prompt.ids for prompt in prompts[part]], most_tokens=most_tokens,
                    end=end_tokens(self.model, self.tokenizer), pad=self.tokenizer.pad_token_id, generator=source,
                    temperature=temperature)
            written += [sequences.response(row) for row in range(len(sequences))]
        sequences = join([prompt.ids for prompt in prompts], written, pad=self.tokenizer.pad_token_id,
                         device=self._device)
        return Samples(sequences, [prompt.text for prompt in prompts],
                       self.tokenizer.batch_decode(written, skip_special_tokens=True),
                       [prompt.reference for prompt in prompts])

    def log_likelihoods(self, samples: Samples, *, temperature: float) -> list[float]:
        """Return the log-probability of each whole answer under this model, nats."""
        return without_gradient(
            lambda part: response_log_probs_alone(self.model, part, temperature=temperature), samples.sequences
        ).sum(1).tolist()
