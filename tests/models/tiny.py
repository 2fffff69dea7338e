"""A causal LM of a few thousand random weights, for tests that need a real one."""

import torch

from tasks.models.folders import new_causal_model

PAD, BEGIN, END = 0, 1, 2


def tiny_model(seed: int = 0, vocabulary: int = 17):
    torch.manual_seed(seed)
    return new_causal_model(vocabulary=vocabulary, hidden=16, layers=2, heads=2, context=64, pad=PAD, begin=BEGIN,
                            end=END)
