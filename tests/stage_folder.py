"""What a stage finds in the folder that it works in: checked rows, shards, models of random weights, PPO's rounds."""

import json
from collections.abc import Iterable
from pathlib import Path

import torch

from tasks.contracts.config import Params, parse_params
from tasks.contracts.measured_on import FILES
from tasks.contracts.places import CHECKED, PREPARED, ROUNDS
from tasks.data.checked import checked_row
from tasks.data.preparing.batches import read_shard
from tasks.models.folders import load_tokenizer, new_causal_model, save_model
from tasks.training.prompts import heldout_prompts

PARTS = ("train", "validation", "test")


def params_of_preparing(response: int, **data: object) -> Params:
    """Settings with which prepare_data runs: a fifth of the prompts validates, a fifth is held out.

    Args:
        response: most tokens of an answer.
        data: settings of the data room that differ.
    """
    loop = {"epochs": 1.0}
    settings = {"sources": [{"path": "data/rows.jsonl"}], "validation_share": 0.2, "test_share": 0.2} | data
    return parse_params({
        "seed": 1, "device": "cpu", "threads": 1, "base": {}, "evaluate": {}, "data": settings,
        "tokens": {"prompt": 40, "response": response, "vocabulary": 300}, "pretrain": loop,
        "sft": loop, "reward_model": loop, "reward": {"models": []}, "ppo": {"updates": 1}, "gates": {"rules": []}})


def check_in(kind: str, rows: Iterable[dict], split: str = "auto") -> None:
    """Append rows to the checked ones, as check_data writes them."""
    CHECKED.mkdir(parents=True, exist_ok=True)
    with (CHECKED / f"{kind}.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(checked_row(row, split)) + "\n" for row in rows)


def shard(name: str) -> list[dict]:
    """The rows of a shard."""
    return read_shard(PREPARED / f"{name}.jsonl")


def random_model(folder: Path, seed: int, *, context: int) -> None:
    """Save a small causal model that has learnt nothing, with the prepared tokenizer."""
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    torch.manual_seed(seed)
    save_model(new_causal_model(vocabulary=len(tokenizer), hidden=16, layers=1, heads=2, context=context, pad=0,
                                begin=1, end=2), folder)
    tokenizer.save_pretrained(folder)


def write_rounds() -> None:
    """Three rounds at 0, 1 and 2 nats with answers to eight prompts; the last one was kept."""
    assert len(heldout_prompts(8)) == 8
    ROUNDS.mkdir(parents=True)
    lines = [{"update": number, "reward": 0.5 * number, "kl_nats": float(number), "chosen": number == 2,
              "responses": [[5 + number, 6, 7, 2]] * 8} for number in range(3)]
    FILES["rounds"].write_text("".join(json.dumps(line) + "\n" for line in lines))
