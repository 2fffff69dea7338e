"""Who says how good an answer really is. Only evaluation asks; nothing that trains a policy may."""

from collections.abc import Callable, Sequence

from tasks.data.demo_world import judge as demo_judge
from tasks.models.scorers import sequence_scores
from tasks.models.scoring import without_gradient
from tasks.rewards.samples import Samples

Judge = Callable[[Samples], list[float]]  # -> one score an answer, high is good


def demo_world_judge(samples: Samples) -> list[float]:
    """Scores in 0..1 of the demo world's own judge, which reads the text."""
    return demo_scores(samples.prompts, samples.answers)


def demo_scores(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
    """The demo world's judge on texts."""
    return [demo_judge(prompt, answer).score for prompt, answer in zip(prompts, answers, strict=True)]


class RewardModelJudge:
    """Scores of a reward model that was trained on comparisons which no other stage has seen; unbounded."""

    def __init__(self, scorer):
        self._scorer = scorer

    def __call__(self, samples: Samples) -> list[float]:
        return without_gradient(lambda part: sequence_scores(self._scorer, part), samples.sequences).tolist()
