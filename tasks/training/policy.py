"""The whole policy stage: update after update, held-out rounds, the best policy kept, resumable at any moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tasks.contracts.reporting import Sink
from tasks.models.checkpoints import remove_checkpoints
from tasks.models.log_probs import response_log_probs_alone
from tasks.models.scoring import without_gradient
from tasks.rewards.scale import Scale
from tasks.training.credit import Controls, floored_scale, paid
from tasks.training.determinism import generator
from tasks.training.optimising import adamw
from tasks.training.order import ShuffledOrder
from tasks.training.players import Players, Prompt
from tasks.training.ppo import update
from tasks.training.resuming import Snapshot
from tasks.training.rollouts import answer, ended

if TYPE_CHECKING:
    from tasks.contracts.policy_config import PPOConfig


@dataclass
class Progress:
    """What a next update depends on besides weights and generators, and what was seen so far.

    Attributes:
        history: the numbers of each update.
        rounds: one record a held-out round: update, reward, parts, kl_nats, and the token ids of its responses.
        best: the weights of the best round's policy, by name.
    """

    controls: Controls
    history: list[dict[str, float]] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_round(self) -> int:
        """Index of the round with the highest held-out objective; the earlier one of two equals."""
        return max(range(len(self.rounds)), key=lambda i: (self.rounds[i]["objective"], -i))

    @property
    def scale(self) -> Scale:
        """The reward's scale on the reference's answers, from the round before the first update."""
        return floored_scale(torch.tensor(self.rounds[0]["rewards"]))


class PolicyTraining:
    """A policy stage under way.

    Args:
        prompts, heldout: to learn from, and to choose the best policy on.
        checkpoints: folder of this stage and these inputs.
    """

    def __init__(self, players: Players, prompts: Sequence[Prompt], heldout: Sequence[Prompt], config: "PPOConfig", *,
                 seed: int, checkpoints: Path):
        self._players, self._prompts, self._heldout, self._config = players, prompts, heldout, config
        self._seed, self._checkpoints = seed, checkpoints
        self._order = ShuffledOrder(len(prompts), seed)
        self._progress = Progress(Controls(config.kl.coefficient))
        self._optimisers = {"policy": adamw(players.policy, learning_rate=config.learning_rate)}
        models = {"policy": players.policy}
        if players.critic is not None:
            models["critic"] = players.critic
            self._optimisers["critic"] = adamw(players.critic, learning_rate=config.critic_learning_rate)
        if players.anchor is not players.reference:
            models["anchor"] = players.anchor.model
        self._generators = {"sampling": generator(seed + 2, players.device), "order": generator(seed + 3)}
        self._snapshot = Snapshot(models, self._optimisers, self._generators)

    def run(self, sink: Sink) -> list[dict[str, Any]]:
        """Train players.policy in place, leave it with the best round's weights, and return the held-out rounds.

        The best round has the highest mean of scaled reward - kl.coefficient * KL on held-out prompts. Round 0 is the
        reference itself, so a policy that never got better is never kept.

        Raises:
            NotFinite: a reward, loss or gradient is NaN or infinite; the last checkpoint stays.
        """
        progress, config = self._progress, self._config
        self._resume()
        sink.begin(config.updates, "updates")
        if not progress.rounds:
            self._hold_round(after=0)
            self._save()
        for number, past in enumerate(progress.history, 1):
            sink.step(number, past)
        for number in range(len(progress.history) + 1, config.updates + 1):
            progress.history.append(self._update(number))
            sink.step(number, progress.history[-1])
            if self._due(number) and number < config.updates:
                self._save()
        self._players.policy.load_state_dict(progress.best, strict=False)
        remove_checkpoints(self._checkpoints)
        chosen = progress.best_round
        return [{**record, "chosen": index == chosen} for index, record in enumerate(progress.rounds)]

    def _due(self, number: int) -> bool:
        return number % self._config.select.every == 0 or number == self._config.updates

    def _update(self, number: int) -> dict[str, float]:
        config, progress = self._config, self._progress
        batch = [self._prompts[row] for row in self._order.batch(number - 1, config.rollout_batch // config.group)]
        numbers, progress.controls = update(
            self._players, self._optimisers, batch, config, progress.scale, progress.controls,
            source=self._generators["sampling"], order=self._generators["order"], number=number)
        return numbers | self._hold_round(after=number) if self._due(number) else numbers

    @torch.no_grad()
    def _hold_round(self, *, after: int) -> dict[str, float]:
        """Answer the held-out prompts with the policy of now; keep its weights if no round was better."""
        players, progress, config = self._players, self._progress, self._config
        # the same draws each round, so that rounds compare
        samples = answer(players, self._heldout, source=generator(self._seed + 1, players.device))
        sequences = samples.sequences
        parts = players.reward(samples)[1]
        total = players.reward.as_at_first(parts)  # a multiplier that moved would make rounds incomparable
        log_probs = without_gradient(
            lambda part: response_log_probs_alone(players.policy, part, temperature=players.temperature), sequences)
        kl = (log_probs - players.reference.log_probs(sequences)).sum(1).mean().item()
        progress.rounds.append({
            "update": after, "rewards": total.tolist(), "reward": total.mean().item(), "kl_nats": kl,
            **{name: part.mean().item() for name, part in parts.items()},
            "responses": [sequences.response(row) for row in range(len(self._heldout))]})
        scores = paid(total, ended(sequences, players.end), config, progress.scale)
        progress.rounds[-1]["objective"] = scores.mean().item() - config.kl.coefficient * kl
        if progress.best_round == len(progress.rounds) - 1:
            progress.best = {name: weight.detach().clone() for name, weight in players.policy.named_parameters()
                             if weight.requires_grad}
        return {"heldout_reward": total.mean().item(), "heldout_kl_nats": kl}

    def _save(self) -> None:
        progress = self._progress
        best = {f"best.{name}": weight for name, weight in progress.best.items()}
        self._snapshot.save(
            self._checkpoints, len(progress.history), best,
            {"history": progress.history, "rounds": progress.rounds, "controls": progress.controls.as_json(),
             "reward": self._players.reward.state()})

    def _resume(self) -> None:
        found = self._snapshot.restore(self._checkpoints)
        if found is None:
            return
        tensors, state = found
        progress, device = self._progress, self._players.device
        progress.best = {name.removeprefix("best."): tensor.to(device) for name, tensor in tensors.items()}
        progress.history, progress.rounds = state["history"], state["rounds"]
        progress.controls = Controls.from_json(state["controls"])
        self._players.reward.restore(state["reward"])


def train_policy(players: Players, prompts: Sequence[Prompt], heldout: Sequence[Prompt], config: "PPOConfig", *,
                 seed: int, sink: Sink, checkpoints: Path) -> list[dict[str, Any]]:
    """Train players.policy in place and return the held-out rounds; see PolicyTraining.run."""
    return PolicyTraining(players, prompts, heldout, config, seed=seed, checkpoints=checkpoints).run(sink)
