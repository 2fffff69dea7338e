"""docs/audit.md names commands that exist, and its links lead somewhere."""

import re
from pathlib import Path

from typer.main import get_command

from flows.cli import main as cli


def page(repository: Path) -> str:
    return (repository / "docs/audit.md").read_text(encoding="utf-8")


def known(words: list[str]) -> bool:
    """Whether words of a command line, as far as they name groups and a command, do so."""
    here: object = get_command(cli.app)
    for word in words:
        if not hasattr(here, "commands"):
            return True  # its arguments
        here = here.commands.get(word)
        if here is None:
            return False
    return True


def test_every_command_of_the_page_exists(repository: Path) -> None:
    named = re.findall(r"hallmark ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)", page(repository))
    assert len(named) >= 25
    assert [words for words in named if not known(words.split())] == []
    assert not known(["audit", "nonsense"])


def test_the_page_has_the_twenty_questions_and_its_links_lead_to_them(repository: Path) -> None:
    text = page(repository)
    heads = re.findall(r"^## (\d+\. .+)$", text, re.MULTILINE)
    assert [int(head.split(".")[0]) for head in heads] == list(range(1, 21))
    anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) == anchors


def test_each_question_has_a_test(repository: Path) -> None:
    tests = (repository / "tests/flows/lineage/test_twenty_questions.py").read_text(encoding="utf-8")
    assert {int(number) for number in re.findall(r"^def test_(\d+)_", tests, re.MULTILINE)} == set(range(1, 21))
