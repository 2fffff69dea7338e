"""Time Hallmark's PPO update on random models: `python -m tests.benchmarks.ppo`. The last line is one JSON object.

An update is tasks.training.ppo.update, the one that the policy stage runs: sample, score with the reward model, value
with the critic, compare with the reference, then epochs * minibatches optimiser steps of the policy and as many of
the critic. Nothing is decoded, since a reward model reads tokens.
"""

import argparse

import torch

from tasks.contracts.policy_config import PPOConfig
from tasks.models.scoring import Reference
from tasks.rewards.composed import ComposedReward
from tasks.rewards.preference import Preference
from tasks.rewards.scale import Scale
from tasks.training.credit import Controls
from tasks.training.determinism import generator, settle
from tasks.training.devices import pick_device
from tasks.training.optimising import adamw
from tasks.training.players import Players, Prompt
from tasks.training.ppo import update
from tests.benchmarks import workload


def players(flags: argparse.Namespace, device: torch.device) -> Players:
    """Four separate models, and the reward model's score at the last token as the reward."""
    policy, reference, reward_model, critic = (model.to(device) for model in workload.models(flags))
    still = Reference(reference, temperature=flags.temperature)
    preference = Preference([reward_model], [Scale(0.0, 1.0)])
    return Players(
        policy=policy, reference=still, anchor=still, critic=critic,
        reward=ComposedReward({"preference": preference}, {"preference": 1.0}),
        decode=lambda responses: [""] * len(responses), end=workload.END, pad=workload.PAD,
        most_tokens=flags.response, temperature=flags.temperature)


def config(flags: argparse.Namespace) -> PPOConfig:
    """The stage's defaults, but for what the workload fixes."""
    return PPOConfig(
        updates=flags.updates, rollout_batch=flags.batch, minibatch=flags.batch // flags.minibatches,
        epochs=flags.epochs, learning_rate=workload.LEARNING_RATE, critic_learning_rate=workload.LEARNING_RATE)


def main() -> None:
    """Run the flags' number of updates and print how long they took."""
    flags = workload.parser(__doc__).parse_args()
    settle(flags.seed, threads=flags.threads)
    device = pick_device("auto")
    team, settings = players(flags, device), config(flags)
    optimisers = {
        name: adamw(model, learning_rate=workload.LEARNING_RATE)
        for name, model in (("policy", team.policy), ("critic", team.critic)) if model is not None}
    prompts = [Prompt(ids, "") for ids in workload.prompts(flags).tolist()]
    source, order, controls = generator(flags.seed, device), generator(flags.seed + 1), Controls(0.05)
    clock, tokens = workload.Clock(), 0.0
    clock.begin(flags.updates)
    for number in range(1, flags.updates + 1):
        batch = prompts[(number - 1) * flags.batch : number * flags.batch]
        numbers, controls = update(team, optimisers, batch, settings, Scale(0.0, 1.0), controls, source=source,
                                   order=order, number=number)
        clock.step(number, numbers)
        tokens += numbers["response_tokens"] / flags.updates
    print(workload.result(
        "hallmark", clock, flags, items=flags.batch, item="episode", step="update",
        parameters=sum(weight.numel() for weight in team.policy.parameters()), mean_response_tokens=round(tokens, 2)))


if __name__ == "__main__":
    main()
