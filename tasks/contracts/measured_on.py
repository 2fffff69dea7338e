"""What each metric of the evidence is measured on, by its name, and the digest of what lies there now."""

from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tasks.contracts.canonical import canonical_json, file_sha256, sha256_hex
from tasks.contracts.evidence import Expected
from tasks.contracts.places import PREPARED, ROUNDS

Ground = Literal["prompts", "comparisons", "labels", "demonstrations", "rounds"]

FILES: MappingProxyType[Ground, Path] = MappingProxyType({
    "prompts": PREPARED / "prompts_test.jsonl",
    "comparisons": PREPARED / "preferences_test.jsonl",
    "labels": PREPARED / "labels_test.jsonl",
    "demonstrations": PREPARED / "sft_validation.jsonl",
    "rounds": ROUNDS / "rounds.jsonl",
})
STARTS: MappingProxyType[str, Ground] = MappingProxyType({  # of a metric's name; every other is measured on prompts
    "reward_model_auc": "labels", "longer_answer_auc": "labels", "tfidf_auc": "labels",
    "reward_model_": "comparisons", "longer_answer_": "comparisons", "tfidf_": "comparisons",
    "perplexity": "demonstrations", "judge_drop": "rounds", "overoptimisation_": "rounds",
})


def ground_of(metric: str) -> Ground | Literal["champion"]:
    """What a metric is measured on; `champion`: the prompts together with the champion."""
    if metric == "policy_vs_champion_win_rate" or metric.endswith("_champion"):
        return "champion"
    return next((ground for start, ground in STARTS.items() if metric.startswith(start)), "prompts")


def with_champion(prompts: str, champion: str) -> str:
    """The digest of prompts together with the champion that answered them; against another one it is another.

    Args:
        prompts: sha256 of the shard of prompts.
        champion: digest of the champion's model.
    """
    return sha256_hex(canonical_json({"champion": champion, "prompts": prompts}))


def expected_of(candidate: str, metrics: Iterable[str], *, champion: str | None, root: Path = Path()) -> Expected:
    """What evidence must be about, from the bytes that lie in a workspace.

    Args:
        candidate: digest of the policy.
        metrics: the names that the evidence has.
        champion: digest of the other champion; None where none stands, and metrics about one are not expected.

    Returns:
        Expected, without the metrics whose ground is not there.
    """
    digests: dict[str, str] = {
        name: file_sha256(root / path) for name, path in FILES.items() if (root / path).is_file()}
    if champion is not None and "prompts" in digests:
        digests["champion"] = with_champion(digests["prompts"], champion)
    return Expected(candidate=candidate, measured_on={
        name: digests[ground_of(name)] for name in metrics if ground_of(name) in digests})
