"""The prepared prompts: to learn from, to choose a policy on, to judge it by."""

from itertools import cycle, islice

from tasks.contracts.places import PREPARED
from tasks.data.preparing.batches import read_shard
from tasks.training.players import Prompt


def prompts_of(split: str) -> list[Prompt]:
    """The prompts of a split, in the order of their shard."""
    rows = read_shard(PREPARED / f"prompts_{split}.jsonl")
    return [Prompt(row["prompt"], row["text"], row.get("reference")) for row in rows]


def heldout_prompts(count: int) -> list[Prompt]:
    """So many validation prompts to answer; where there are fewer, they are asked again in the same order."""
    return list(islice(cycle(prompts_of("validation")), count))
