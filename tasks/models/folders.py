"""Models on disk: folders of safetensors with the tokenizer beside them. Nothing here unpickles."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch

from tasks.models.scorer_classes import register_scorer


def new_causal_model(*, vocabulary: int, hidden: int, layers: int, heads: int, context: int,
                     pad: int, begin: int, end: int, kind: Literal["llama", "lstm"] = "llama"):
    """Return a model of random weights drawn from torch's global generator; input and output embeddings are tied.

    Args:
        heads: attention heads of a Llama; an LSTM has none.
        context: most tokens that a Llama's positions are made for; an LSTM reads on.
    """
    if kind == "lstm":
        from tasks.models.lstm import LstmConfig, LstmForCausalLM

        return LstmForCausalLM(LstmConfig(
            vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, max_position_embeddings=context,
            pad_token_id=pad, bos_token_id=begin, eos_token_id=end)).eval()
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=hidden * 8 // 3 // 8 * 8,
        num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=heads,
        max_position_embeddings=context, pad_token_id=pad, bos_token_id=begin, eos_token_id=end,
        tie_word_embeddings=True)
    return LlamaForCausalLM(config).eval()


def load_causal_model(folder: str | Path):
    """Load a causal LM in float32, in eval mode, from a folder or a hub name. Code of the hub is never run."""
    from transformers import AutoModelForCausalLM

    register_own()
    with quiet():
        return AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.float32, trust_remote_code=False, use_safetensors=True).eval()


def load_scorer(folder: str | Path):
    """Load a model with one score as output; from a causal LM's folder, the score's layer is drawn anew.

    How token scores become one stands in its configuration, see tasks.models.scorers.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    register_own()
    with quiet():
        register_scorer(AutoConfig.from_pretrained(str(folder), trust_remote_code=False))
        return AutoModelForSequenceClassification.from_pretrained(
            str(folder), num_labels=1, dtype=torch.float32, trust_remote_code=False, use_safetensors=True).eval()


def load_tokenizer(folder: str | Path):
    """Load the tokenizer that lies beside a model, or in a folder of its own."""
    from transformers import AutoTokenizer

    with quiet():
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)


def save_model(model, folder: Path) -> None:
    """Write the model's configuration and weights (safetensors)."""
    with quiet():
        model.save_pretrained(folder)


def register_own() -> None:
    """Make the Auto classes know the models that transformers lacks, before a folder is read that may hold one."""
    from tasks.models.lstm import register

    register()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and its notes on fresh layers off the screen."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
