"""A source more changes one line of params.yaml and nothing else."""

from pathlib import Path

import pytest
import yaml

from flows.data.source_settings import with_source
from tasks.contracts.errors import ParamsInvalid

NEW = {"path": "data/new.jsonl", "split": "test", "licence": "CC-BY-4.0: a, b", "collected": "2026-10"}
LINE = "{path: data/new.jsonl, split: test, licence: 'CC-BY-4.0: a, b', collected: 2026-10}"


def with_sources(repository: Path, sources: str) -> str:
    """The settings that are shipped, with other sources."""
    before, _, after = (repository / "params.yaml").read_text().partition("  sources:\n")
    return before + sources + after[after.index("  validation_share"):]


@pytest.mark.parametrize(("before", "after"), [
    ("  sources:\n    - {path: data/a.jsonl}  # the first\n", f"    - {LINE}\n"),
    ("  sources:\n  - path: data/a.jsonl\n    kind: text  # the first\n", f"  - {LINE}\n"),
    ("  sources:\n    - path: data/a.jsonl\n      columns:\n        text: body\n", f"    - {LINE}\n"),
])
def test_it_is_the_line_after_the_last_source(repository: Path, before: str, after: str) -> None:
    rest = "\n  # about what follows\n"

    changed = with_source(with_sources(repository, before + rest), NEW)

    assert changed == with_sources(repository, before + after + rest)
    assert yaml.safe_load(changed)["data"]["sources"][-1] == NEW


def test_a_list_in_brackets_stays_one(repository: Path) -> None:
    text = with_sources(repository, "  sources: [{path: data/a.jsonl}]\n")

    assert with_source(text, NEW) == text.replace("a.jsonl}]", f"a.jsonl}}, {LINE}]")


def test_what_is_no_source_changes_nothing(repository: Path) -> None:
    with pytest.raises(ParamsInvalid, match="split"):
        with_source((repository / "params.yaml").read_text(), NEW | {"split": "everywhere"})


def test_a_layout_that_no_line_fits_into_is_named(repository: Path) -> None:
    text = with_sources(repository, "  sources:\n    - path: |\n        data/a.jsonl\n\n")

    with pytest.raises(ParamsInvalid, match=r"Add it by hand: - \{path: data/new.jsonl"):
        with_source(text, NEW)
