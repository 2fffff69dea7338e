"""The learned preference: a reward model's score, standardised so that its weight means the same for every model."""

from torch import Tensor

from tasks.models.scorers import sequence_scores
from tasks.models.scoring import without_gradient
from tasks.rewards.samples import Samples


class Preference:
    """Scores of a reward model, less their mean and over their standard deviation on reference answers.

    Args:
        scorer: a model with one output, of the policy's own tokenizer, in eval mode.
        mean, deviation: of the scorer's scores on answers of the SFT model, deviation > 0.
    """

    def __init__(self, scorer, *, mean: float, deviation: float):
        if not deviation > 0:
            raise ValueError(f"deviation={deviation}; a reward model that scores all answers alike teaches nothing")
        self._scorer, self._mean, self._deviation = scorer, mean, deviation

    def __call__(self, samples: Samples) -> Tensor:
        """Return float32 [batch]."""
        scores = without_gradient(lambda part: sequence_scores(self._scorer, part), samples.sequences)
        return (scores - self._mean) / self._deviation
