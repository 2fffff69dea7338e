import torch

from tasks.contracts.data_config import TokensConfig
from tasks.data.preparing.tokenizer import train_tokenizer
from tasks.models.folders import new_causal_model, save_model
from tasks.rewards.composed import ComposedReward
from tasks.training.answering import Answerer
from tasks.training.best_answers import best_of_n_answers
from tasks.training.players import Prompt

PROMPTS = [Prompt([1, 3 + i], f"prompt {i}", f"reference {i}") for i in range(5)]


def answerer(folder):
    """A saved model of random weights with a tokenizer of bytes."""
    tokenizer = train_tokenizer(["a"], TokensConfig(prompt=8, response=8, vocabulary=300))
    torch.manual_seed(0)
    save_model(new_causal_model(vocabulary=len(tokenizer), hidden=16, layers=1, heads=2, context=64, pad=0, begin=1,
                                end=2), folder)
    tokenizer.save_pretrained(folder)
    return Answerer(folder, torch.device("cpu"))


def early_letters(samples):
    """Paid for a small first token."""
    return -samples.sequences.tokens[:, 2].float()


def test_the_best_of_n_answers_to_a_prompt_is_kept_with_all_that_belongs_to_it(tmp_path):
    asked = answerer(tmp_path)
    every = asked.answer([prompt for prompt in PROMPTS for _ in range(4)], most_tokens=6, temperature=1.0, seed=3)
    best = best_of_n_answers(asked, PROMPTS, ComposedReward({"early": early_letters}, {"early": 1.0}), n=4,
                             most_tokens=6, temperature=1.0, seed=3)
    first = every.sequences.tokens[:, 2].view(5, 4)
    assert len(set(first.flatten().tolist())) > 5
    assert best.sequences.tokens[:, 2].tolist() == first.amin(1).tolist()
    assert best.prompts == [prompt.text for prompt in PROMPTS]
    assert best.references == [prompt.reference for prompt in PROMPTS]
    assert all(answer in every.answers for answer in best.answers)
