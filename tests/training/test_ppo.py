from types import SimpleNamespace

import pytest
import torch

from tasks.contracts.errors import NotFinite
from tasks.contracts.reporting import Silent
from tasks.models.folders import load_scorer, save_model
from tasks.models.scoring import Reference
from tasks.training.determinism import generator
from tasks.training.policy import train_policy
from tasks.training.ppo import Players, Prompt, Scale, collect, ended
from tests.models.tiny import END, PAD, tiny_model

WANTED = 9  # the token that the test's reward pays for
PROMPTS = [Prompt([1, 3 + i % 4], f"prompt {i}") for i in range(16)]


def config(**changes):
    base = dict(updates=6, rollout_batch=16, minibatch=8, epochs=2, learning_rate=0.02, critic_learning_rate=0.02,
                clip=0.2, value_clip=0.2, discount=0.97, trace_decay=0.9, missing_end_penalty=1.0, gradient_clip=1.0,
                kl=SimpleNamespace(coefficient=0.01), select=SimpleNamespace(every=2, prompts=8))
    return SimpleNamespace(**(base | changes))


def share_of_wanted(samples):
    sequences = samples.sequences
    shares = [sequences.response(row).count(WANTED) / len(sequences.response(row)) for row in range(len(sequences))]
    return torch.tensor(shares), {"share": torch.tensor(shares)}


def players(folder, reward=share_of_wanted, most_tokens=6):
    save_model(tiny_model(), folder)
    torch.manual_seed(2)
    return Players(policy=tiny_model(), reference=Reference(tiny_model()), critic=load_scorer(folder), reward=reward,
                   decode=lambda ids: [" ".join(map(str, one)) for one in ids], end=END, pad=PAD,
                   most_tokens=most_tokens, temperature=1.0)


def train(folder, sink=None, checkpoints=None, **changes):
    team = players(folder / "model")
    rounds = train_policy(team, PROMPTS, PROMPTS[:8], config(**changes), seed=4, sink=sink or Silent(),
                          checkpoints=checkpoints or folder / "checkpoints")
    return torch.cat([weight.detach().flatten() for weight in team.policy.parameters()]), rounds


class Stop(Exception):
    pass


class Watcher(Silent):
    def __init__(self, at=None):
        self.at, self.seen = at, []

    def step(self, step, numbers):
        self.seen.append((step, numbers))
        if step == self.at:
            raise Stop


def test_the_policy_learns_what_it_is_paid_for(tmp_path):
    _, rounds = train(tmp_path, updates=14)
    assert rounds[0]["update"] == 0
    assert max(one["reward"] for one in rounds) > rounds[0]["reward"] + 0.3


def test_the_same_seed_gives_the_same_weights(tmp_path):
    assert torch.equal(train(tmp_path / "a")[0], train(tmp_path / "b")[0])


def test_a_stage_broken_off_goes_on_and_ends_with_the_same_weights_rounds_and_numbers(tmp_path):
    whole = Watcher()
    expected, rounds = train(tmp_path / "whole", whole)
    with pytest.raises(Stop):
        train(tmp_path / "broken", Watcher(at=5))
    resumed = Watcher()
    found, resumed_rounds = train(tmp_path / "broken", resumed)
    assert torch.equal(found, expected)
    assert resumed_rounds == rounds
    assert resumed.seen == whole.seen


def test_the_policy_kept_is_that_of_the_best_round_not_the_last(tmp_path):
    """With a rate that wrecks the policy, round 0, the reference itself, is the best one."""
    weights, rounds = train(tmp_path, learning_rate=0.9, updates=4, kl=SimpleNamespace(coefficient=5.0))
    reference = torch.cat([weight.detach().flatten() for weight in tiny_model().parameters()])
    assert [one["chosen"] for one in rounds] == [True, False, False]
    assert torch.equal(weights, reference)


def test_the_first_policy_is_the_reference_so_its_kl_is_zero(tmp_path):
    experience = collect(players(tmp_path), PROMPTS, config(), Scale(0.0, 1.0), source=generator(1))
    assert experience.numbers["kl_nats"] == pytest.approx(0.0, abs=1e-5)


def test_a_response_without_an_end_pays_the_penalty(tmp_path):
    team = players(tmp_path, reward=lambda samples: (torch.zeros(len(samples.answers)), {}), most_tokens=3)
    free = collect(team, PROMPTS, config(missing_end_penalty=0.0), Scale(0.0, 1.0), source=generator(1))
    paid = collect(team, PROMPTS, config(missing_end_penalty=2.0), Scale(0.0, 1.0), source=generator(1))
    done = ended(free.sequences, END)
    assert 0 < done.sum() < len(done)
    last = free.sequences.response_lengths - 1
    change = (paid.targets - free.targets)[torch.arange(len(done)), last]
    assert change.tolist() == pytest.approx([0.0 if one else -2.0 for one in done.tolist()], abs=1e-5)


def test_a_reward_that_is_not_a_number_stops_the_stage_and_names_the_update(tmp_path):
    def broken(samples):
        return torch.full((len(samples.answers),), float("nan")), {}

    with pytest.raises(NotFinite, match="update 1"):
        train_policy(players(tmp_path, broken), PROMPTS, PROMPTS[:8], config(), seed=4, sink=Silent(),
                     checkpoints=tmp_path / "c")


def test_learning_sees_the_reward_in_units_of_the_reference():
    # mean 2, deviation 0.5: a reward of 3 is two deviations above, one of 1.5 one below
    assert Scale(2.0, 0.5).standardised(torch.tensor([3.0, 1.5])).tolist() == [2.0, -1.0]
