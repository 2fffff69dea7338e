"""Which server is told, and what a workspace is called there."""

import json
from pathlib import Path

import pytest

from flows.scheduling import served
from tasks.contracts.errors import ServiceUnreachable


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def test_a_workspace_keeps_its_name_and_two_of_one_folder_name_differ(tmp_path: Path) -> None:
    first = served.name_of(tmp_path / "models", tmp_path / "a")

    assert first.startswith("models-")
    assert served.name_of(tmp_path / "models", tmp_path / "a") == first
    assert served.name_of(tmp_path / "models", tmp_path / "b") != first


def test_nobody_is_told_where_nobody_serves_or_a_killed_one_left_its_note(tmp_path: Path) -> None:
    assert served.server(tmp_path) is None
    (tmp_path / "schedule").mkdir()
    (tmp_path / "schedule/server.json").write_text(json.dumps({"url": "http://127.0.0.1:9/api"}))

    assert served.server(tmp_path) is None


def test_the_server_of_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    assert served.server(tmp_path) == "http://127.0.0.1:9/api"


def test_an_address_is_announced_while_it_serves(tmp_path: Path) -> None:
    note = tmp_path / "schedule/server.json"
    with served.announced(tmp_path, "http://127.0.0.1:9/api"):
        assert json.loads(note.read_text())["url"] == "http://127.0.0.1:9/api"

    assert not note.exists()


def test_a_server_that_does_not_hear_is_an_error_in_time() -> None:
    with pytest.raises(ServiceUnreachable, match="did not hear of hallmark"):
        served.tell("http://127.0.0.1:9/api", served.DATA_CHANGED, "w", {"digest": "a"})
