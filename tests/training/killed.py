"""Runs of small stages that are killed at random moments: `python -m tests.training.killed FOLDER KILLS SEED`.

Each run is a forked process of its own that trains, saves after every step, and writes its weights; the parent kills
it with SIGKILL after a random time, in some runs more than once, and then lets it run to its end. One JSON line a run.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tasks.contracts.learning_config import LanguageLoopConfig, RewardModelConfig
from tasks.contracts.policy_config import PPOConfig
from tasks.contracts.reporting import Silent
from tasks.models.folders import load_scorer, save_model
from tasks.models.scoring import Reference
from tasks.rewards.composed import ComposedReward
from tasks.training import supervised
from tasks.training.determinism import settle
from tasks.training.feedback import Feedback, teach
from tasks.training.objectives import Comparison, Imitation
from tasks.training.players import Players, Prompt
from tasks.training.policy import train_policy
from tasks.training.supervised import train_supervised
from tests.models.tiny import END, PAD, tiny_model

ROWS = [{"prompt": [1, 3 + i % 5], "response": [8 + i % 4, 9, 2], "chosen": [8 + i % 4, 2], "rejected": [12, 7, 2]}
        for i in range(48)]
LABELS = [{**row, "good": i % 3 > 0} for i, row in enumerate(ROWS)]
PROMPTS = [Prompt([1, 3 + i % 4], "") for i in range(16)]
LOOP = LanguageLoopConfig(epochs=5, batch=4, learning_rate=0.01)
BOTH = RewardModelConfig(epochs=3, batch=4, learning_rate=0.01, label_weight=0.5)
PPO = PPOConfig(updates=20, rollout_batch=16, minibatch=8, learning_rate=0.01, critic_learning_rate=0.01,
                kl={"coefficient": 0.05, "target": 1.0, "horizon": 200}, reward_scale="running",
                select={"every": 1, "prompts": 8})


def sft(folder: Path) -> torch.nn.Module:
    model = tiny_model()
    train_supervised(model, len(ROWS), Imitation(model, ROWS, pad=PAD), LOOP, seed=5, sink=Silent(),
                     checkpoints=folder / "checkpoints", what="sft")
    return model


def reward(folder: Path) -> torch.nn.Module:
    scorer = _scorer(folder)
    train_supervised(scorer, len(ROWS), Comparison(scorer, ROWS, pad=PAD), LOOP, seed=6, sink=Silent(),
                     checkpoints=folder / "checkpoints", what="reward")
    return scorer


def labels(folder: Path) -> torch.nn.Module:
    scorer = _scorer(folder)
    teach(scorer, Feedback(ROWS, LABELS), BOTH, pad=PAD, seed=6, sink=Silent(), checkpoints=folder / "checkpoints",
          what="labels")
    return scorer


def ppo(folder: Path) -> torch.nn.Module:
    reference = Reference(tiny_model())
    players = Players(
        policy=tiny_model(), reference=reference, anchor=reference, critic=_scorer(folder), pad=PAD, end=END,
        reward=ComposedReward({"nines": _nines}, {"nines": 1.0}), decode=lambda ids: [""] * len(ids), most_tokens=6,
        temperature=1.0)
    train_policy(players, PROMPTS, PROMPTS[:8], PPO, seed=4, sink=Silent(), checkpoints=folder / "checkpoints")
    return torch.nn.ModuleList([one for one in (players.policy, players.critic) if one is not None])


STAGES: dict[str, Callable[[Path], torch.nn.Module]] = {"sft": sft, "reward": reward, "labels": labels, "ppo": ppo}


def _nines(samples):
    sequences = samples.sequences
    return torch.tensor([float(sequences.response(row).count(9)) for row in range(len(sequences))])


def _scorer(folder: Path):
    if not (folder / "start/model.safetensors").exists():
        save_model(tiny_model(), folder / "start")
    torch.manual_seed(2)
    return load_scorer(folder / "start")


def _train(stage: str, folder: Path) -> None:
    """Train, in this process, and write the digest of the weights at the end."""
    settle(7, threads=1)
    supervised.SAVE_EVERY = 1
    model = STAGES[stage](folder)
    weights = b"".join(weight.detach().numpy().tobytes() for weight in model.state_dict().values())
    (folder / "digest").write_text(hashlib.sha256(weights).hexdigest())


def _fork(stage: str, folder: Path) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _train(stage, folder)
            status = 0
        finally:
            os._exit(status)
    return child


def _to_its_end(stage: str, folder: Path) -> float:
    """Run once without a kill and return the seconds it took."""
    started = time.monotonic()
    _, status = os.waitpid(_fork(stage, folder), 0)
    if status:
        raise SystemExit(f"{stage} in {folder} ended with status {status}")
    return time.monotonic() - started


def _killed(stage: str, folder: Path, seconds: float) -> str:
    """Start, kill after so many seconds, and return what was going on: before, training, saving or after."""
    child = _fork(stage, folder)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if (folder / "digest").exists():
        return "after"
    checkpoints = folder / "checkpoints"
    if (checkpoints / "unfinished").exists():
        return "saving"
    return "training" if list(checkpoints.glob("step-*")) else "before"


def main(folder: Path, kills: int, seed: int) -> None:
    """Print one line a stage that was never killed, and one a killed run."""
    # loaded here, so that no child spends its time on it
    from transformers import LlamaForCausalLM, LlamaForSequenceClassification  # noqa: F401

    source, seconds = random.Random(seed), {}
    for stage in STAGES:
        whole = folder / f"{stage}-whole"
        whole.mkdir()
        seconds[stage] = _to_its_end(stage, whole)
        print(json.dumps({"stage": stage, "moments": [], "digest": (whole / "digest").read_text()}), flush=True)
    for number in range(kills):
        stage = list(STAGES)[number % len(STAGES)]
        run = folder / f"{stage}-{number}"
        run.mkdir()
        moments = [_killed(stage, run, source.uniform(0.05, 1.0) * seconds[stage])
                   for _ in range(source.choice([1, 1, 2]))]
        (run / "digest").unlink(missing_ok=True)
        _to_its_end(stage, run)
        print(json.dumps({"stage": stage, "moments": moments, "digest": (run / "digest").read_text()}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
