"""What rows are read for, and what it means for a model that a row went into one of these uses.

A use is a shard of prepare_data (`sft_train`), the prompts of one (`sft_train.prompts`), the tokenizer, or one that
registration adds. Validation rows choose a checkpoint and teach it nothing: they count as measured on.
"""

from collections.abc import Collection
from typing import Literal

INDEX, ROWS, MANIFESTS = "manifest.json", "rows.manifest", "manifests"  # below build/prepared
ALL_ROWS = "prepare_data"  # the rows of all shards: what names a version of the data
TOKENIZER = "tokenizer"
POLICY_MIX = "policy_mix"  # demonstrations that the policy goes on learning from beside its reward
PROMPTS = ".prompts"  # ends the name of a use that lists prompts, not rows
MEASURED = "measured on it only"

Model = Literal["policy", "reward model"]
TAUGHT: dict[Model, dict[str, str]] = {  # use -> how a row in it reached the model
    "policy": {
        "prompts_train": "trained on it", POLICY_MIX: "trained on it",
        "preferences_train": "through reward model {reward_model}",
        "labels_train": "through reward model {reward_model}", "sft_train": "through the SFT model",
        "text_train": "through the base model", TOKENIZER: "through the tokenizer"},
    "reward model": {
        "preferences_train": "trained on it", "labels_train": "trained on it", "sft_train": "through the SFT model",
        "text_train": "through the base model", TOKENIZER: "through the tokenizer"},
}
_MEASURED_ENDS = ("_validation", "_test", "_judge")
_NOT_OF_REWARD_MODEL = ("prompts_test", "preferences_judge", "labels_judge")  # these ask the policy, or teach its judge


def through(model: Model, uses: Collection[str], reward_model: str) -> str:
    """How rows in these uses reached a model, in words; empty where they did not.

    Args:
        reward_model: the version that taught the policy, e.g. `version 3`.
    """
    words = dict.fromkeys(text.format(reward_model=reward_model) for use, text in TAUGHT[model].items() if use in uses)
    if words:
        return "; ".join(words)
    return MEASURED if any(is_measured(use) and concerns(model, use) for use in uses) else ""


def is_measured(use: str) -> bool:
    """Whether rows of a use are held out: they choose or measure, and teach nothing."""
    return use.removesuffix(PROMPTS).endswith(_MEASURED_ENDS)


def concerns(model: Model, use: str) -> bool:
    """Whether a use says something about a model; prompts alone teach a reward model nothing, for example."""
    return use in TAUGHT[model] or (is_measured(use) and not (model == "reward model" and use in _NOT_OF_REWARD_MODEL))
