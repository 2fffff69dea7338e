"""A row that was masked before it trained is found by the id that it trained under, and by the one it had before."""

from pathlib import Path

import pytest

from flows.erasure.data_rows import Read, find
from flows.lineage.given import id_of_json, id_of_line
from tasks.contracts.canonical import canonical_json, row_id
from tests.data.rows_on_disk import demonstrations, write_rows
from tests.flows.laid_data import lay_data

PLAIN = {"prompt": "Who knows?", "response": "jane@example.org does."}
MASKED = {"prompt": "Who knows?", "response": "[email] does."}


@pytest.mark.parametrize("known_as", [PLAIN, MASKED], ids=["as it stands", "as it trained"])
def test_a_row_is_found_in_its_file_under_either_id(tmp_path, known_as):
    path = write_rows(tmp_path / "sft.jsonl", [*demonstrations(3), PLAIN])

    found = find(path, Read(), {row_id(known_as)}.__contains__)

    assert [(one.row, one.line) for one in found] == [(row_id(known_as), 4)]
    assert PLAIN["response"] in found[0].texts  # the text to search for is the one in the file


def test_a_row_that_was_never_there_is_not_found(tmp_path):
    path = write_rows(tmp_path / "sft.jsonl", [*demonstrations(3), PLAIN])
    assert find(path, Read(), {row_id(PLAIN | {"response": "[email] does"})}.__contains__) == []


@pytest.mark.parametrize(("policy", "trained"), [("mask", MASKED), ("warn", PLAIN), ("refuse", PLAIN)])
def test_a_line_is_asked_for_by_the_id_that_the_settings_give_it(workspace: Path, policy: str, trained: dict) -> None:
    lay_data(workspace)
    settings = workspace / "params.yaml"
    settings.write_text(settings.read_text().replace(
        "  minimum_rows: 10\n", f"  minimum_rows: 10\n  personal_data: {policy}\n"))
    write_rows(workspace / "data/sft.jsonl", [PLAIN])

    assert id_of_line(Path("data/sft.jsonl"), 1) == row_id(trained)
    assert id_of_json(canonical_json(PLAIN)) == row_id(trained)
