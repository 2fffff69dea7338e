"""Time Hallmark's PPO update on random models: `python -m tests.benchmarks.ppo`. The last line is one JSON object.

An update is tasks.training.ppo.update, the one that the policy stage runs: sample, score with the reward model, value
with the critic, compare with the reference, then epochs * minibatches optimiser steps of the policy and as many of
the critic. Nothing is decoded, since a reward model reads tokens.
"""

import argparse
from types import ModuleType
from typing import Any

import torch

from tasks.contracts.policy_config import PPOConfig
from tasks.models.scoring import Reference
from tasks.rewards.composed import ComposedReward
from tasks.rewards.preference import Preference
from tasks.rewards.scale import Scale
from tasks.training import ppo, rollouts
from tasks.training.credit import Controls
from tasks.training.determinism import generator, settle
from tasks.training.devices import pick_device
from tasks.training.optimising import adamw
from tasks.training.players import Players, Prompt
from tests.benchmarks import workload
from tests.benchmarks.floor import operations


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
    parser = workload.parser(__doc__)
    parser.add_argument("--peak-tflops", type=float, help="of the device, in the workload's number format")
    flags = parser.parse_args()
    settle(flags.seed, threads=flags.threads)
    device = pick_device("auto")
    team, settings = players(flags, device), config(flags)
    optimisers = {
        name: adamw(model, learning_rate=workload.LEARNING_RATE)
        for name, model in (("policy", team.policy), ("critic", team.critic)) if model is not None}
    prompts = [Prompt(ids, "") for ids in workload.prompts(flags).tolist()]
    source, order, controls = generator(flags.seed, device), generator(flags.seed + 1), Controls(0.05)
    clock, tokens = workload.Clock(), 0.0
    spent = {"sampling": timed(rollouts, "answer"), "sampling and scoring": timed(ppo, "collect")}
    clock.begin(flags.updates)
    for number in range(1, flags.updates + 1):
        batch = prompts[(number - 1) * flags.batch : number * flags.batch]
        numbers, controls = ppo.update(team, optimisers, batch, settings, Scale(0.0, 1.0), controls, source=source,
                                       order=order, number=number)
        clock.step(number, numbers)
        tokens += numbers["response_tokens"] / flags.updates
    print(workload.result(
        "hallmark", clock, flags, items=flags.batch, item="episode", step="update",
        parameters=sum(weight.numel() for weight in team.policy.parameters()), mean_response_tokens=round(tokens, 2),
        **shares(flags, clock, spent, tokens)))


def timed(place: ModuleType, name: str) -> list[float]:
    """Time each call of a module's function from now on; return the list that its seconds go to."""
    function, spent = getattr(place, name), []

    def call(*args: Any, **named: Any) -> Any:
        watch = workload.Clock()
        watch.note_moment()
        found = function(*args, **named)
        watch.note_moment()
        spent.append(watch.between())
        return found

    setattr(place, name, call)
    return spent


def shares(flags: argparse.Namespace, clock: workload.Clock, spent: dict[str, list[float]],
           tokens: float) -> dict[str, object]:
    """Which share of the updates' time went where, and which share of the device's peak they reached."""
    whole, sampling, both = (sum(seconds) for seconds in (
        clock.seconds()[0], spent["sampling"][1:], spent["sampling and scoring"][1:]))
    found: dict[str, object] = {"shares_of_time": {
        "sampling": round(sampling / whole, 3), "scoring": round((both - sampling) / whole, 3),
        "learning": round(1 - both / whole, 3)}}
    if flags.peak_tflops:
        needed = sum(operations(argparse.Namespace(**vars(flags), response_tokens=tokens)).values())
        found["share_of_peak"] = round(needed / (whole / (flags.updates - 1)) / flags.peak_tflops / 1e12, 4)
    return found


if __name__ == "__main__":
    main()
