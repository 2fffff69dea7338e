from dataclasses import replace

import pytest
import torch

from tasks.contracts.errors import NotFinite
from tasks.contracts.learning_config import LoRAConfig
from tasks.contracts.policy_config import PPOConfig
from tasks.contracts.reporting import Silent
from tasks.models.adapters import with_adapters
from tasks.models.folders import load_scorer, save_model
from tasks.models.scoring import Reference
from tasks.models.workers import use_workers
from tasks.rewards.composed import ComposedReward
from tasks.rewards.scale import Scale
from tasks.training.credit import Controls
from tasks.training.determinism import generator
from tasks.training.objectives import Imitation, mean_loss
from tasks.training.optimising import adamw
from tasks.training.order import ShuffledOrder
from tasks.training.players import Mix, Players, Prompt
from tasks.training.policy import train_policy
from tasks.training.ppo import update
from tasks.training.rollouts import collect, ended
from tests.models.tiny import END, PAD, tiny_model

WANTED = 9  # the token that the test's reward pays for
PROMPTS = [Prompt([1, 3 + i % 4], f"prompt {i}") for i in range(16)]
PLAIN = Scale(0.0, 1.0)


def config(**changes):
    base = dict(updates=6, rollout_batch=16, minibatch=8, epochs=2, learning_rate=0.02, critic_learning_rate=0.02,
                discount=0.97, trace_decay=0.9, kl={"coefficient": 0.01}, select={"every": 2, "prompts": 8})
    return PPOConfig(**(base | changes))


def share_of_wanted(samples):
    sequences = samples.sequences
    shares = [sequences.response(row).count(WANTED) / len(sequences.response(row)) for row in range(len(sequences))]
    return torch.tensor(shares)


def players(folder, reward=share_of_wanted, most_tokens=6, critic=True):
    save_model(tiny_model(), folder)
    torch.manual_seed(2)
    reference = Reference(tiny_model())
    return Players(policy=tiny_model(), reference=reference, anchor=reference,
                   critic=load_scorer(folder) if critic else None,
                   reward=ComposedReward({"share": reward}, {"share": 1}),
                   decode=lambda ids: [" ".join(map(str, one)) for one in ids], end=END, pad=PAD,
                   most_tokens=most_tokens, temperature=1.0)


def weights_of(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def train(folder, sink=None, checkpoints=None, **changes):
    settings = config(**changes)
    team = players(folder / "model", critic=settings.algorithm == "ppo")
    if settings.reference_decay is not None:
        team = replace(team, anchor=Reference(tiny_model()))
    rounds = train_policy(team, PROMPTS, PROMPTS[:8], settings, seed=4, sink=sink or Silent(),
                          checkpoints=checkpoints or folder / "checkpoints")
    return weights_of(team.policy), rounds


def one_update(team, settings, number=1, controls=None):
    """One update from scratch, and its numbers."""
    optimisers = {"policy": adamw(team.policy, learning_rate=settings.learning_rate)}
    if team.critic is not None:
        optimisers["critic"] = adamw(team.critic, learning_rate=settings.critic_learning_rate)
    numbers, _ = update(team, optimisers, PROMPTS[: 16 // settings.group], settings, PLAIN,
                        controls or Controls(settings.kl.coefficient), source=generator(1), order=generator(2),
                        number=number)
    return numbers


@pytest.mark.parametrize("changes", [
    {}, {"lora": {"rank": 2, "alpha": 4.0}, "gradient_checkpointing": True},
    {"algorithm": "rloo", "group": 2, "entropy_bonus": 0.1}])
def test_how_many_cores_compute_changes_no_byte(tmp_path, changes):
    settings = {"micro_batch_tokens": 30, **changes}  # several parts a step
    alone, rounds = train(tmp_path / "one", **settings)
    use_workers(3)
    try:
        beside, same = train(tmp_path / "three", **settings)
    finally:
        use_workers(1)
    assert torch.equal(beside, alone)
    assert same == rounds


class Stop(Exception):
    pass


class Watcher(Silent):
    def __init__(self, at=None):
        self.at, self.seen = at, []

    def step(self, step, numbers):
        self.seen.append((step, numbers))
        if step == self.at:
            raise Stop


@pytest.mark.parametrize("changes", [
    {}, {"algorithm": "reinforce", "epochs": 1}, {"algorithm": "rloo", "group": 4, "epochs": 1},
    {"algorithm": "grpo", "group": 4, "kl": {"coefficient": 0.01, "place": "loss", "estimator": "k3"}}],
    ids=["ppo", "reinforce", "rloo", "grpo"])
def test_the_policy_learns_what_it_is_paid_for(tmp_path, changes):
    _, rounds = train(tmp_path, updates=14, **changes)
    assert rounds[0]["update"] == 0
    assert max(one["reward"] for one in rounds) > rounds[0]["reward"] + 0.3


def test_the_same_seed_gives_the_same_weights(tmp_path):
    assert torch.equal(train(tmp_path / "a")[0], train(tmp_path / "b")[0])


@pytest.mark.parametrize("changes", [
    {}, {"algorithm": "reinforce"}, {"kl": {"coefficient": 0.01, "target": 0.5, "horizon": 100}},
    {"reward_scale": "running"}, {"reference_decay": 0.5}],
    ids=["ppo", "running baseline", "steered coefficient", "running scale", "moving reference"])
def test_a_stage_broken_off_goes_on_and_ends_with_the_same_weights_rounds_and_numbers(tmp_path, changes):
    whole = Watcher()
    expected, rounds = train(tmp_path / "whole", whole, **changes)
    with pytest.raises(Stop):
        train(tmp_path / "broken", Watcher(at=5), **changes)
    resumed = Watcher()
    found, resumed_rounds = train(tmp_path / "broken", resumed, **changes)
    assert torch.equal(found, expected)
    assert resumed_rounds == rounds
    assert resumed.seen == whole.seen


def test_the_policy_kept_is_that_of_the_best_round_not_the_last(tmp_path):
    """With a rate that wrecks the policy, round 0, the reference itself, is the best one."""
    weights, rounds = train(tmp_path, learning_rate=0.9, updates=4, kl={"coefficient": 5.0})
    reference = torch.cat([weight.detach().flatten() for weight in tiny_model().parameters()])
    assert [one["chosen"] for one in rounds] == [True, False, False]
    assert torch.equal(weights, reference)


def test_the_first_policy_is_the_reference_so_its_kl_is_zero(tmp_path):
    _, numbers, _, _ = collect(players(tmp_path), PROMPTS, config(), PLAIN, Controls(0.01), source=generator(1))
    assert numbers["kl_nats"] == pytest.approx(0.0, abs=1e-5)


def test_a_response_without_an_end_pays_the_penalty(tmp_path):
    team = players(tmp_path, reward=lambda samples: torch.zeros(len(samples.answers)), most_tokens=3)
    free, paid = (collect(team, PROMPTS, config(missing_end_penalty=penalty), PLAIN, Controls(0.01),
                          source=generator(1))[0] for penalty in (0.0, 2.0))
    done = ended(free.sequences, END)
    assert 0 < done.sum() < len(done)
    last = free.sequences.response_lengths - 1
    assert paid.targets is not None
    assert free.targets is not None
    change = (paid.targets - free.targets)[torch.arange(len(done)), last]
    assert change.tolist() == pytest.approx([0.0 if one else -2.0 for one in done.tolist()], abs=1e-5)


def test_a_reward_that_is_not_a_number_stops_the_stage_and_names_the_part(tmp_path):
    team = players(tmp_path, lambda samples: torch.full((len(samples.answers),), float("nan")))
    with pytest.raises(NotFinite, match="share"):
        train_policy(team, PROMPTS, PROMPTS[:8], config(), seed=4, sink=Silent(), checkpoints=tmp_path / "c")


def test_a_policy_that_breaks_stops_the_stage_names_the_update_and_keeps_the_last_checkpoint(tmp_path):
    team = players(tmp_path / "model")

    class Breaker(Silent):
        def step(self, step, numbers):
            if step == 3:
                with torch.no_grad():
                    next(team.critic.parameters()).fill_(float("nan"))

    with pytest.raises(NotFinite, match="update 4"):
        train_policy(team, PROMPTS, PROMPTS[:8], config(), seed=4, sink=Breaker(), checkpoints=tmp_path / "c")
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["step-000000002"]


def test_the_algorithms_without_a_critic_sample_every_prompt_as_often_as_asked(tmp_path):
    experience, _, _, _ = collect(players(tmp_path, critic=False), PROMPTS[:4], config(algorithm="rloo", group=4),
                                  PLAIN, Controls(0.01), source=generator(1))
    assert experience.sequences.tokens[:, 1].tolist() == [3] * 4 + [4] * 4 + [5] * 4 + [6] * 4
    assert experience.values is None


def test_an_update_stops_where_the_policy_has_moved_too_far(tmp_path):
    free = one_update(players(tmp_path / "a"), config(epochs=4, learning_rate=0.05))
    held = one_update(players(tmp_path / "b"), config(epochs=4, learning_rate=0.05, stop_kl=1e-4))
    assert free["optimiser_steps"] == 8  # 4 passes over 16 rows in minibatches of 8
    assert held["optimiser_steps"] == 2  # the first moves it, the second sees that and takes no step


def test_a_minibatch_beyond_the_ratio_guard_teaches_nothing(tmp_path):
    """With a guard just above 1 only minibatches at the sampling policy itself are learned from."""
    free = one_update(players(tmp_path / "a"), config(epochs=4, learning_rate=0.05))
    held = one_update(players(tmp_path / "b"), config(epochs=4, learning_rate=0.05, ratio_guard=1.0001))
    assert free["left_out_share"] == 0.0
    assert held["left_out_share"] > 0.0


def test_micro_batches_of_few_tokens_give_the_same_weights_as_the_whole_minibatch(tmp_path):
    whole, parts = players(tmp_path / "a"), players(tmp_path / "b")
    one_update(whole, config(micro_batch_tokens=10_000))
    one_update(parts, config(micro_batch_tokens=8))
    torch.testing.assert_close(weights_of(parts.policy), weights_of(whole.policy), atol=2e-5, rtol=0)
    torch.testing.assert_close(weights_of(parts.critic), weights_of(whole.critic), atol=2e-5, rtol=0)


def test_the_reference_that_follows_the_policy_moves_and_the_other_stands(tmp_path):
    team = replace(players(tmp_path), anchor=Reference(tiny_model()))
    one_update(team, config(reference_decay=0.75))
    start, policy = weights_of(tiny_model()), weights_of(team.policy)
    assert torch.equal(weights_of(team.reference.model), start)
    torch.testing.assert_close(weights_of(team.anchor.model), 0.75 * start + 0.25 * policy, atol=1e-6, rtol=0)


def test_with_adapters_only_they_learn_and_a_broken_off_stage_ends_the_same(tmp_path):
    def with_lora(folder):
        team = players(folder)
        for model, seed in ((team.policy, 1), (team.critic, 2)):
            with_adapters(model, LoRAConfig(rank=2, alpha=4.0), generator=generator(seed))
        return team

    def trained(team, checkpoints, sink):
        train_policy(team, PROMPTS, PROMPTS[:8], config(), seed=4, sink=sink, checkpoints=checkpoints)
        return {**dict(team.policy.named_parameters("policy")), **dict(team.critic.named_parameters("critic"))}

    whole = trained(with_lora(tmp_path / "a"), tmp_path / "whole", Silent())
    with pytest.raises(Stop):
        trained(with_lora(tmp_path / "b"), tmp_path / "broken", Watcher(at=5))
    found = trained(with_lora(tmp_path / "c"), tmp_path / "broken", Silent())

    assert all(torch.equal(found[name], weight) for name, weight in whole.items())
    fresh = with_lora(tmp_path / "d")
    start = {**dict(fresh.policy.named_parameters("policy")), **dict(fresh.critic.named_parameters("critic"))}
    moved = {name for name, weight in whole.items() if not torch.equal(weight, start[name])}
    assert any(name.startswith("critic") for name in moved)  # of the policy, the best round's is kept
    assert all(".lora_" in name or name == "critic.score.weight" for name in moved)


def test_the_mix_teaches_demonstrations_beside_the_reward(tmp_path):
    rows = [{"prompt": [1, 3 + i % 4], "response": [11, 12, END]} for i in range(16)]

    def loss_after(coefficient):
        team = players(tmp_path / str(coefficient))
        demonstrations = Imitation(team.policy, rows, pad=PAD)
        mixed = replace(team, mix=Mix(demonstrations, ShuffledOrder(16, 0), 8, coefficient) if coefficient else None)
        one_update(mixed, config(epochs=4))
        return mean_loss(demonstrations, 16, torch.device("cpu"))

    assert loss_after(5.0) < loss_after(0.0) - 0.3


def test_an_entropy_bonus_keeps_the_policy_wider(tmp_path):
    def entropy_after(bonus):
        team = players(tmp_path / str(bonus))
        for number in range(1, 7):
            numbers = one_update(team, config(entropy_bonus=bonus), number)
        return numbers["entropy"]

    assert entropy_after(0.5) > entropy_after(0.0) + 0.1
