"""What a reward looks at: the tokens of prompts and responses, and their text."""

from dataclasses import dataclass

from tasks.models.sequences import Sequences


@dataclass(frozen=True)
class Samples:
    """A batch of answered prompts.

    Attributes:
        sequences: the tokens.
        prompts: text of each prompt, without the template's markers.
        answers: text of each response, without special tokens.
    """

    sequences: Sequences
    prompts: list[str]
    answers: list[str]
