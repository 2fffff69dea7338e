"""What a seed decides: the policy stage of a finished retraining again with other seeds, judged each time.

    python -m tests.benchmarks.seeds 1 2 3 4 5 6 7 8 9 10

Run where a retraining ran; SFT and reward model are those of build/, the settings those of params.yaml. One JSON line
a seed: the judge's mean score of the policy's answers to the held-out prompts and of the SFT model's, and the KL.
"""

import argparse
import json
from pathlib import Path

import torch

from tasks.contracts.config import load_params
from tasks.contracts.places import SFT
from tasks.contracts.reporting import Silent
from tasks.models.folders import load_causal_model
from tasks.models.log_probs import response_log_probs
from tasks.models.scoring import without_gradient
from tasks.train_policy import players_of
from tasks.training.determinism import generator, settle
from tasks.training.judging import demo_world_judge
from tasks.training.policy import train_policy
from tasks.training.prompts import heldout_prompts, prompts_of
from tasks.training.rollouts import answer


def main() -> None:
    """Train and judge one policy a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    flags = parser.parse_args()
    stored = load_params()
    temperature = stored.tokens.temperature
    asked = prompts_of("test")[: stored.evaluate.prompts]
    for seed in flags.seeds:
        params = stored.model_copy(update={"seed": seed})
        settle(seed, threads=flags.threads)
        players = players_of(params)
        rounds = train_policy(players, prompts_of("train"), heldout_prompts(params.ppo.select.prompts), params.ppo,
                              seed=seed, sink=Silent(), checkpoints=Path("build/unused") / f"seed-{seed}")
        samples = answer(players, asked, source=generator(seed))
        with torch.no_grad():
            log_probs = without_gradient(
                lambda part, team=players: response_log_probs(team.policy, part, temperature=temperature)[0],
                samples.sequences)
        judged = {"policy": demo_world_judge(samples)}
        players.policy.load_state_dict(load_causal_model(SFT).state_dict())
        judged["sft"] = demo_world_judge(answer(players, asked, source=generator(seed)))
        wins = [(ours > theirs) + 0.5 * (ours == theirs) for ours, theirs in zip(*judged.values(), strict=True)]
        print(json.dumps({
            "seed": seed, "kept_after_update": next(one["update"] for one in rounds if one["chosen"]),
            "kl_nats": (log_probs - players.reference.log_probs(samples.sequences)).sum(1).mean().item(),
            "lowest_kl_nats_of_a_round": min(one["kl_nats"] for one in rounds[1:]),
            "judge": sum(judged["policy"]) / len(asked), "judge_sft": sum(judged["sft"]) / len(asked),
            "win_rate": sum(wins) / len(wins)}), flush=True)


if __name__ == "__main__":
    main()
