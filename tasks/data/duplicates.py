"""What a file holds twice, and which prompts it holds. Memory: a few 64-bit keys a row, no text."""

from collections.abc import Set as AbstractSet

from tasks.data.normal_text import key, letters_and_digits, normal, same_prompt
from tasks.data.observations import Observations
from tasks.data.refusals import RowRefused
from tasks.data.schema import META, Row

DUPLICATE = "duplicate: the same row as "  # how the reason of an exact duplicate begins


class Seen:
    """The rows of one file so far.

    Args:
        others: keys of the rows of files read before, whose exact duplicates are left out too.
    """

    def __init__(self, others: AbstractSet[int] = frozenset()) -> None:
        self._others = others
        self._ids: dict[int, int] = {}
        self._near: set[int] = set()
        self._labels: set[int] = set()
        self.rows: dict[int, int] = {}  # key of the whole row -> line
        self.prompts: dict[int, int] = {}  # key of same_prompt -> first line
        self.withdrawn: dict[int, str] = {}  # line that was accepted before its id came again -> reason

    def meet(self, row: Row, line: int, observations: Observations) -> None:
        """Take in one row, and notice near duplicates and contradictions.

        Raises:
            RowRefused: the whole row was there before, or its id stands on another row. In the second case nobody
                knows which row the id means, so the other row is withdrawn as well.
        """
        self._refuse_twin(row, line)
        self._refuse_shared_id(row, line)
        texts = [str(value) for name, value in row.items() if name not in META]
        near = key(*map(letters_and_digits, texts))
        if near in self._near:
            observations.add("near duplicate", line)
        self._near.add(near)
        if "prompt" in row:
            prompt = same_prompt(str(row["prompt"]))
            self.prompts.setdefault(key(prompt), line)
            if "chosen" in row:
                self._meet_label(prompt, normal(str(row["chosen"])), normal(str(row["rejected"])), line, observations)

    def _refuse_twin(self, row: Row, line: int) -> None:
        whole = key(*(f"{name}={row[name]}" for name in sorted(row)))
        if whole in self.rows:
            raise RowRefused(f"{DUPLICATE}on line {self.rows[whole]}")
        if whole in self._others:
            raise RowRefused(f"{DUPLICATE}in another source")
        self.rows[whole] = line

    def _refuse_shared_id(self, row: Row, line: int) -> None:
        if "id" not in row:
            return
        name = key(normal(str(row["id"])))
        other = self._ids.setdefault(name, line)
        if other != line:
            self.withdrawn.setdefault(other, f"id is a duplicate: line {line} has it too, with another row")
            raise RowRefused(f"id is a duplicate: line {other} has it too, with another row")

    def _meet_label(self, prompt: str, chosen: str, rejected: str, line: int, observations: Observations) -> None:
        if key(prompt, rejected, chosen) in self._labels:
            observations.add("contradiction", line)
        self._labels.add(key(prompt, chosen, rejected))
