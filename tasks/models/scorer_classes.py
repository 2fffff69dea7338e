"""A class with one score as output for every kind of causal LM; transformers lacks it for some."""

from typing import Any


def register_scorer(config: Any) -> None:
    """Make transformers' Auto class for sequence classifiers know this kind; twice is as good as once.

    What the class is made of is transformers' own: the body of the causal LM and the generic score above it. Its
    weights have the names that the body's have in the causal LM, so that one folder is read as both.
    """
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
        AutoModelForSequenceClassification,
        PreTrainedModel,
    )
    from transformers.modeling_layers import GenericForSequenceClassification

    kind = type(config)
    if kind in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING or kind not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return
    causal: Any = MODEL_FOR_CAUSAL_LM_MAPPING[kind]
    parent = next(one for one in causal.__mro__[1:] if issubclass(one, PreTrainedModel))
    scorer = type(
        kind.__name__.removesuffix("Config") + "ForSequenceClassification", (GenericForSequenceClassification, parent),
        {"base_model_prefix": causal.base_model_prefix, "config_class": kind, "__module__": __name__})
    AutoModelForSequenceClassification.register(kind, scorer, exist_ok=True)  # without it a kind of theirs is left out
