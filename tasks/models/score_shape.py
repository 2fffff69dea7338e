"""What some models do to the scores of their output layer before the softmax."""

from typing import Any, NamedTuple


class ScoreShape(NamedTuple):
    """Scores are multiplied by `scale`; with a cap they are then cap * tanh(scores / cap)."""

    scale: float
    cap: float | None


def score_shape(model: Any) -> ScoreShape:
    """Return it for a causal LM; tasks.models.trial finds out where a kind does something else."""
    config = model.config.get_text_config()
    kind = config.model_type
    if kind.startswith("cohere"):
        return ScoreShape(float(config.logit_scale), None)
    if kind.startswith("granite"):
        return ScoreShape(1 / config.logits_scaling, None)
    return ScoreShape(1.0, getattr(config, "final_logit_softcapping", None))
