"""A file becomes part of the data whole or not at all, and a call that broke off is ended by the same call."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows import workspace
from flows.cli import main as cli
from flows.data import adding as data_adding
from flows.data import store as data_store
from flows.data import versions as data_versions
from flows.scheduling.data_watch import DataWatch, data_digest
from tasks.contracts.config import load_params
from tasks.contracts.data_config import SourceConfig
from tasks.records.ledger import Ledger
from tests.data.rows_on_disk import preferences, write_rows
from tests.flows.hands import desk
from tests.flows.laid_data import data_md5, lay_data

WORDS = ("--licence", "CC0-1.0", "--source", "the desk", "--collected-by", "Anna, Ben", "--guideline", "3")


@pytest.fixture
def laid(workspace: Path) -> Path:
    """A workspace with two sources and a remote to write to; beside it new.jsonl with 20 other comparisons."""
    lay_data(workspace)
    subprocess.run([sys.executable, "-m", "dvc", "remote", "add", "-q", "store", str(workspace.parent / "store")],
                   cwd=workspace, check=True)
    write_rows(workspace.parent / "new.jsonl", preferences(20, 100))
    return workspace


def hallmark(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict:
    capsys.readouterr()
    assert cli.run(["data", *words, "--json"]) == code, capsys.readouterr()
    return dict(json.loads(capsys.readouterr().out))


def state(root: Path) -> dict[str, bytes]:
    """Every file that says what the data is."""
    paths = [root / "params.yaml", root / "data.dvc", *sorted((root / "data").rglob("*"))]
    return {path.name: path.read_bytes() for path in paths}


def versions() -> list[data_versions.DataVersion]:
    return data_versions.data_versions(Ledger().entries())


def in_remote(root: Path, md5: str) -> bool:
    return (root.parent / "store/files/md5" / md5[:2] / md5[2:]).is_file()


def test_an_accepted_file_is_in_data_in_the_settings_under_dvc_in_the_ledger_and_pushed(
    laid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (laid / "params.yaml").read_text()

    said = hallmark(capsys, "add", "../new.jsonl", "--split", "test", *WORDS)

    assert (said["verdict"], said["rows_accepted"], said["version"], said["rows"]) == ("accept", 20, 2, 70)
    assert (said["path"], said["pushed"], said["told"]) == ("data/new.jsonl", "store", False)
    line = ("    - {path: data/new.jsonl, split: test, licence: CC0-1.0, source: the desk, guideline: '3', "
            "collected_by: 'Anna, Ben'}\n")
    assert (laid / "params.yaml").read_text() == before.replace("    - {path: data/sft.jsonl}\n",
                                                                f"    - {{path: data/sft.jsonl}}\n{line}")
    assert (laid / "data/new.jsonl").read_bytes() == (laid.parent / "new.jsonl").read_bytes()
    first, second = versions()
    assert (first.version, first.accepted, second.parent, second.why) == (1, 50, 1, "added")
    assert second.data == data_md5(laid) == said["data"]
    assert in_remote(laid, second.data)
    sheet = data_versions.sheet_of(laid / ".hallmark", second)
    assert sheet["sources"][2]["licence"] == "CC0-1.0"
    assert sheet["sources"][2]["collected"] == "not recorded"
    assert Ledger().verify().ok


def test_a_refused_file_changes_nothing_and_says_why(laid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(laid)
    write_rows(laid.parent / "bad.jsonl", [b"{"] * 20)
    write_rows(laid.parent / "leak.jsonl", [row | {"id": "x" + row["id"], "margin": 1.0} for row in preferences(20)])

    bad = hallmark(capsys, "add", "../bad.jsonl", "--kind", "preferences", code=1)
    leak = hallmark(capsys, "add", "../leak.jsonl", "--split", "test", code=1)

    assert (bad["verdict"], bad["rows_rejected"][0]["line"], bad["version"]) == ("refuse", 1, None)
    assert "overlap with data/pairs.jsonl" in leak["error"]
    assert state(laid) == before
    assert Ledger().entries() == []


@pytest.mark.parametrize(("words", "code", "said"), [
    (("../none.jsonl",), 1, "there is no such file"),
    (("../new.jsonl", "--name", "sft.jsonl"), 2, "another file has this name already"),
    (("../new.jsonl", "--name", "../out.jsonl"), 2, "is no name for this file"),
    (("../new.jsonl", "--name", "new.csv"), 2, "wanted a plain name that ends in .jsonl"),
    (("../new.jsonl", "--split", "all"), 2, "--split"),
    (("../new.jsonl", "--column", "prompt"), 2, "wanted OURS=THEIRS"),
])
def test_a_wrong_call_changes_nothing(
    laid: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    before = state(laid)

    assert said in hallmark(capsys, "add", *words, code=code)["error"]
    assert state(laid) == before


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_what_broke_off_after_any_step_is_ended_by_the_same_call(
    laid: Path, capsys: pytest.CaptureFixture[str], steps: int
) -> None:
    new = SourceConfig(path="data/new.jsonl")
    done = [lambda: data_adding.put(laid, laid.parent / "new.jsonl", new), lambda: data_store.track(laid),
            lambda: data_versions.record(desk(laid), "added")]
    for step in done[:steps]:
        step()

    hallmark(capsys, "add", "../new.jsonl")
    again = hallmark(capsys, "add", "../new.jsonl")

    assert [one.path for one in load_params().data.sources].count("data/new.jsonl") == 1
    assert (versions()[-1].accepted, versions()[-1].data) == (70, data_md5(laid))
    assert again["version"] == len(versions())
    assert in_remote(laid, data_md5(laid))


def test_a_killed_call_leaves_no_part_of_a_file_and_the_next_one_ends_it(
    laid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [sys.executable, "-c", "from flows.cli.main import main; main()", "data", "add", "../new.jsonl"]
    with subprocess.Popen(words, cwd=laid, start_new_session=True, stdout=subprocess.DEVNULL) as killed:
        while not (laid / "data/new.jsonl").exists():
            assert killed.poll() is None
            time.sleep(0.005)
        os.killpg(killed.pid, signal.SIGKILL)
    assert (laid / "data/new.jsonl").read_bytes() == (laid.parent / "new.jsonl").read_bytes()
    (laid / ".dvc/tmp/lock").unlink(missing_ok=True)  # DVC's own, which heals when the process id is gone

    said = hallmark(capsys, "add", "../new.jsonl")

    assert (said["rows"], said["data"]) == (70, data_md5(laid))


def test_a_remote_that_does_not_answer_is_said_and_the_same_call_pushes_later(
    laid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (laid.parent / "store").write_text("no folder")

    assert "ServiceUnreachable: " in hallmark(capsys, "add", "../new.jsonl", code=3)["error"]
    (laid.parent / "store").unlink()
    hallmark(capsys, "add", "../new.jsonl")

    assert in_remote(laid, data_md5(laid))
    assert len(versions()) == 2


def test_a_folder_is_added_through_the_datasets_library_or_says_what_is_missing(
    laid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(laid.parent / "set/train.jsonl", preferences(20, 100))
    if importlib.util.find_spec("datasets") is None:
        assert "the package datasets is not installed" in hallmark(capsys, "add", "../set", code=2)["error"]
        return
    said = hallmark(capsys, "add", "../set")

    assert (said["path"], said["rows"]) == ("data/set.jsonl.gz", 70)
    assert load_params().data.sources[-1].source == "set#train"


def test_what_was_added_is_fetched_again_from_where_it_was_pushed(
    laid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "seed", str(laid.parent / "seed")],
                   cwd=laid, check=True)
    hallmark(capsys, "add", "../new.jsonl")
    before = state(laid)
    shutil.rmtree(laid / "data")
    shutil.rmtree(laid / ".dvc/cache")

    assert workspace.fetch_data(laid)
    assert state(laid) == before


def test_nothing_is_added_while_a_run_is_at_work(laid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with workspace.hold(laid / ".hallmark"):
        said = hallmark(capsys, "add", "../new.jsonl", code=2)

    assert said["error"].startswith("WorkspaceBusy: ")
    assert not (laid / "data/new.jsonl").exists()


def test_a_schedule_at_work_hears_of_it_once(
    laid: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    home = laid / ".hallmark"

    assert data_store.tell_change(laid, home)
    assert DataWatch(laid, home).told() == data_digest(laid)
    watch = DataWatch(laid, home)
    assert [watch.look(), watch.look()] == [None, None]


def test_two_versions_are_shown_side_by_side(laid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hallmark(capsys, "add", "../new.jsonl", "--licence", "CC0-1.0")
    write_rows(laid / "data/sft.jsonl", [json.loads(line) for line in (laid / "data/sft.jsonl").open()][1:])
    data_store.track(laid)
    data_versions.record(desk(laid), "rows forgotten")

    listed = hallmark(capsys, "show")["versions"]
    one = hallmark(capsys, "show", "2")
    said = hallmark(capsys, "show", "1", "3", "--rows")

    assert [(row["version"], row["rows"], row["why"]) for row in listed] == [
        (1, 50, "added"), (2, 70, "added"), (3, 69, "rows forgotten")]
    assert one["sheet"]["sources"][2]["licence"] == "CC0-1.0"
    assert (said["rows_in"], said["rows_out"], said["rows_in_both"]) == (20, 1, 49)
    assert (len(said["row_ids"]["in"]), len(said["row_ids"]["out"][0])) == (20, 64)
    assert said["sources"]["data/new.jsonl"]["before"] is None
    assert said["sources"]["data/sft.jsonl"]["after"]["rows"] == 29
    assert set(said["sources"]) == {"data/new.jsonl", "data/sft.jsonl"}
    assert said["distributions"]["before"]["preferences"]["rows"] == 20
    assert said["distributions"]["after"]["preferences"]["rows"] == 40
    assert "UnknownVersion" in hallmark(capsys, "show", "4", code=2)["error"]

    assert cli.run(["data", "show", "1", "3"]) == 0
    shown = capsys.readouterr().out
    assert "from data version 1 to 3: 20 rows came, 1 went, 49 are in both" in shown
    assert "characters chosen p50" in shown
    (laid / ".hallmark/files" / one["sheet"]["origins"]).write_bytes(b"")
    assert "DigestMismatch" in hallmark(capsys, "show", "2", "3", code=1)["error"]
