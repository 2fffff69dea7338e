import json

import pytest
import torch

from tasks.contracts.policy_config import PPOConfig
from tasks.rewards.scale import Scale
from tasks.rl.moments import Moments
from tasks.training.credit import Controls, advantages_of, floored_scale, paid, scale_now

MASK = torch.tensor([[True, True], [True, False], [True, True], [True, True]])
REWARDS = torch.tensor([[0.0, 1.0], [3.0, 0.0], [-0.5, 0.5], [1.0, 1.0]])  # returns 1, 3, 0, 2


def config(**changes):
    return PPOConfig(**({"updates": 1, "rollout_batch": 4, "minibatch": 4, "whiten_advantages": False} | changes))


def test_rloo_holds_every_answer_against_the_other_answers_to_its_prompt():
    # prompt 1: returns 1 and 3 -> -2 and 2; prompt 2: returns 0 and 2 -> -2 and 2
    found, targets, _ = advantages_of(REWARDS, None, MASK, config(algorithm="rloo", group=2), Controls(0.1))
    assert found.tolist() == [[-2.0, -2.0], [2.0, 0.0], [-2.0, -2.0], [2.0, 2.0]]
    assert targets is None


def test_grpo_measures_in_deviations_of_the_prompts_own_answers():
    # mean 2, sample deviation sqrt(2) of 1 and 3; mean 1, sqrt(2) of 0 and 2
    found, _, _ = advantages_of(REWARDS, None, MASK, config(algorithm="grpo", group=2), Controls(0.1))
    assert found[:, 0].tolist() == pytest.approx([-(0.5**0.5), 0.5**0.5, -(0.5**0.5), 0.5**0.5], abs=1e-3)


def test_reinforce_takes_the_mean_of_all_returns_so_far():
    # six returns of mean 3 before, four of mean 1.5 now -> 24 / 10 = 2.4
    before = Controls(0.1, returns=Moments(6, 3.0, 0.0))
    found, _, after = advantages_of(REWARDS, None, MASK, config(algorithm="reinforce"), before)
    assert found[:, 0].tolist() == pytest.approx([-1.4, 0.6, -2.4, -0.4], abs=1e-6)
    assert after.returns.count == 10
    assert after.returns.mean == pytest.approx(2.4)


def test_ppo_asks_a_critic_and_refuses_to_do_without():
    found, targets, _ = advantages_of(
        REWARDS, torch.zeros(4, 2), MASK, config(discount=0.5, trace_decay=0.5), Controls(0.1))
    assert found[0].tolist() == [0.25, 1.0]  # 0 + 0.5 * 0.5 * 1
    assert torch.equal(found, targets)  # with values of zero
    with pytest.raises(ValueError, match="critic"):
        advantages_of(REWARDS, None, MASK, config(), Controls(0.1))


def test_whitened_advantages_have_mean_zero_and_variance_one_over_the_tokens():
    found, _, _ = advantages_of(REWARDS, None, MASK, config(algorithm="rloo", group=2, whiten_advantages=True),
                                Controls(0.1))
    assert found[MASK].mean().item() == pytest.approx(0.0, abs=1e-6)
    assert found[MASK].var(unbiased=False).item() == pytest.approx(1.0, abs=1e-5)


def test_a_reward_is_scaled_then_clipped_then_the_missing_end_is_taken_off():
    # (5 - 2) / 0.5 = 6, clipped to 4; (1.5 - 2) / 0.5 = -1, less the penalty 1
    found = paid(torch.tensor([5.0, 1.5]), torch.tensor([True, False]), config(reward_clip=4.0), Scale(2.0, 0.5))
    assert found.tolist() == [4.0, -2.0]


def test_the_running_scale_divides_by_the_deviation_of_all_rewards_so_far_and_moves_nothing():
    controls = Controls(0.1, rewards=Moments().after(torch.tensor([1.0, 3.0])).after(torch.tensor([5.0])))
    scale = scale_now(config(reward_scale="running"), Scale(9.0, 9.0), controls)
    assert scale.mean == 0.0
    assert scale.deviation == pytest.approx(2.0)  # of 1, 3, 5
    assert scale_now(config(reward_scale="none"), Scale(9.0, 9.0), controls) == Scale(0.0, 1.0)
    assert scale_now(config(), Scale(9.0, 9.0), controls) == Scale(9.0, 9.0)


def test_answers_that_are_all_paid_alike_do_not_divide_by_zero():
    assert floored_scale(torch.full((4,), 0.5)).standardised(torch.tensor([0.5])).tolist() == [0.0]


def test_the_coefficient_is_steered_only_where_a_target_is_set():
    # error clipped to 0.2, 256 of 1000 responses: 0.1 * (1 + 0.2 * 4 / 1000)
    far = config(kl={"coefficient": 0.1, "target": 6.0, "horizon": 1000})
    assert Controls(0.1).steered(far, 60.0).kl_coefficient == pytest.approx(0.1 * (1 + 0.2 * 4 / 1000), abs=1e-12)
    assert Controls(0.1).steered(config(), 60.0) == Controls(0.1)


def test_controls_survive_a_checkpoint_to_the_last_bit():
    controls = Controls(1 / 3, Moments(3, 1 / 7, 2 / 7), Moments(5, -1 / 9, 0.1))
    assert Controls.from_json(json.loads(json.dumps(controls.as_json()))) == controls
