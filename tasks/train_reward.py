"""Stage: SFT model + comparisons -> reward model, and the scale of its scores on the SFT model's own answers."""

import json
from collections.abc import Mapping

import torch

from tasks.contracts.config import Params
from tasks.contracts.inputs import checkpoint_folder
from tasks.contracts.places import PREPARED, REWARD, SFT
from tasks.contracts.reporting import Sink
from tasks.data.batches import read_shard
from tasks.models.folders import load_causal_model, load_scorer, load_tokenizer, save_model
from tasks.models.generation import generate
from tasks.models.precision import precision
from tasks.models.scorers import POOLING, sequence_scores
from tasks.training.determinism import generator, settle
from tasks.training.devices import pick_device
from tasks.training.objectives import Comparison
from tasks.training.supervised import train_supervised

SCALE_FILE = "scale.json"  # mean and deviation of scores on the SFT model's answers
SCALE_PROMPTS = 256


def train_reward(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/reward and return training loss and validation accuracy (share of pairs in the right order)."""
    settle(params.seed, threads=params.threads)
    device, tokenizer = pick_device(params.device), load_tokenizer(PREPARED / "tokenizer")
    scorer = new_scorer(params, device)
    rows = read_shard(PREPARED / "preferences_train.jsonl")
    last = train_supervised(
        scorer, len(rows), Comparison(scorer, rows, pad=tokenizer.pad_token_id), params.reward_model,
        seed=params.seed, sink=sink, checkpoints=checkpoint_folder("train_reward"), what="train_reward")
    margins = Comparison(
        scorer, read_shard(PREPARED / "preferences_validation.jsonl"), pad=tokenizer.pad_token_id).margins()
    save_model(scorer, REWARD)
    tokenizer.save_pretrained(REWARD)
    scale = scale_of(scorer, params, device, tokenizer)
    (REWARD / SCALE_FILE).write_text(json.dumps(scale), encoding="utf-8")
    return {"loss": last["loss"], "validation_accuracy": sum(m > 0 for m in margins) / len(margins), **scale}


def new_scorer(params: Params, device: torch.device):
    """The SFT model with a fresh score in place of its vocabulary, read as params.yaml says."""
    scorer = load_scorer(SFT).to(device)
    setattr(scorer.config, POOLING, params.reward_model.pooling)
    return scorer


@torch.no_grad()
def scale_of(scorer, params: Params, device: torch.device, tokenizer) -> dict[str, float]:
    """Return mean and standard deviation of the scores that the SFT model's sampled answers get."""
    prompts = [row["prompt"] for row in read_shard(PREPARED / "prompts_validation.jsonl")[:SCALE_PROMPTS]]
    with precision(device):
        answers = generate(
            load_causal_model(SFT).to(device), prompts, most_tokens=params.tokens.response,
            end=tokenizer.eos_token_id, pad=tokenizer.pad_token_id, generator=generator(params.seed, device),
            temperature=params.tokens.temperature)
        scores = sequence_scores(scorer, answers)
    return {"score_mean": scores.mean().item(), "score_deviation": scores.std().item()}


if __name__ == "__main__":
    from tasks import stage

    stage.main(train_reward)
