"""The command: exit codes, --json, and one message instead of a traceback."""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.cli.up import refuse_taken
from flows.run import begin
from tasks.contracts.errors import PortTaken

HALLMARK = str(Path(sys.executable).with_name("hallmark"))


def hallmark(*words: str) -> int:
    """The command in this process; its output is what capsys holds."""
    return cli.run(words)


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one object on stdout; anything else there fails."""
    return dict(json.loads(capsys.readouterr().out))


def test_status_of_a_workspace_in_which_nothing_ran(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hallmark("status", "--json") == 0

    assert answer(capsys) == {"champion": None, "challengers": [], "pending_approvals": [], "last_run": None,
                              "ledger": {"entries": 0, "head": "0" * 64},
                              "forgotten": {"champion_learned_from": [], "open": []}}


def test_status_tells_from_the_ledger_alone(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = begin(workspace, force=False)
    for version, kind in ((1, "registered"), (1, "promoted"), (2, "registered")):
        one.record(kind, name="policy", version=version, digest=str(version) * 64, bundle="b", previous=None)

    assert hallmark("status", "--json") == 0
    said = answer(capsys)

    assert (said["champion"]["version"], said["champion"]["digest"]) == (1, "1" * 64)
    assert [(one["version"], one["wanted"]) for one in said["pending_approvals"]] == [(2, 1)]
    assert said["last_run"] == {"id": one.id, "outcome": "crashed"}  # it has no end, and nobody holds the workspace
    assert said["ledger"]["entries"] == 4
    assert hallmark("status") == 0
    assert "version 2 wants 1 approval(s)" in capsys.readouterr().out


def test_a_whole_ledger_verifies_and_a_changed_one_does_not(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3

    one = begin(workspace, force=False)
    one.record("registered", name="policy", version=1, digest="d", bundle="b")
    assert hallmark("audit", "verify", "--json") == 0
    assert answer(capsys) == {"ok": True, "entries": 2, "broken": None}

    with sqlite3.connect(one.ledger.path) as table:
        table.execute("DROP TRIGGER ledger_no_update")
        table.execute("UPDATE ledger SET payload = replace(payload, '\"d\"', '\"e\"') WHERE entry_index = 1")

    assert hallmark("audit", "verify", "--json") == 1
    said = answer(capsys)
    assert (said["ok"], said["broken"]["index"]) == (False, 1)
    assert hallmark("audit", "verify") == 1
    assert "broken at entry 1" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "code", "said"), [
    (["gate", "7"], 2, "UnknownVersion: the ledger knows no version 7 of policy; wanted one of: none"),
    (["gate", "seven"], 2, "valid integer"),
    (["no-such-command"], 2, "no-such-command"),
    (["retrain", "--set", "ppo.updates=0"], 2, "ppo.updates: Input should be greater than or equal to 1"),
    (["retrain", "--set", "nothing"], 2, "wanted KEY=VALUE"),
])
def test_a_wrong_call_is_one_message_and_2(
    workspace: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert hallmark(*words) == code

    shown = capsys.readouterr()
    assert said in shown.err
    assert "Traceback" not in shown.err + shown.out
    assert shown.out == ""


def test_with_json_the_error_is_the_object_on_stdout(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hallmark("gate", "7", "--json") == 2

    assert answer(capsys)["error"].startswith("UnknownVersion: ")


@pytest.mark.parametrize(("words", "missing", "said"), [
    (["retrain"], ".git", "wanted a git checkout"),
    (["retrain"], "dvc.yaml", "wanted a folder with dvc.yaml"),
    (["retrain"], "params.yaml", "params.yaml: there are no settings"),
    (["retrain"], "data", "there is no data"),
    (["status"], ".git", "wanted a git checkout"),
])
def test_what_is_missing_is_named_before_anything_is_done(
    workspace: Path, capsys: pytest.CaptureFixture[str], words: list[str], missing: str, said: str
) -> None:
    shutil.rmtree(workspace / missing) if (workspace / missing).is_dir() else (workspace / missing).unlink()
    shutil.rmtree(workspace / ".hallmark")

    assert hallmark(*words) == 2

    assert said in capsys.readouterr().err
    assert not (workspace / ".hallmark").exists()
    assert not (workspace / "build").exists()


def test_a_broken_params_yaml_is_one_message(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "params.yaml").write_text("seed: [")

    assert hallmark("retrain") == 2
    assert "does not parse as YAML" in capsys.readouterr().err


def test_a_fault_of_ours_is_one_line_and_its_traceback_is_kept(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / ".hallmark" / "ledger.db").mkdir()  # a folder where the ledger's file should be
    (workspace / "params.yaml").unlink()
    (workspace / "params.yaml").mkdir()

    assert hallmark("status") == 3

    assert capsys.readouterr().err.count("\n") == 1
    assert "IsADirectoryError" in (workspace / ".hallmark/logs/hallmark.log").read_text()


def test_a_file_of_rows_is_checked_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"question {i}?", "response": f"the answer is {i}"}) + "\n"
                            for i in range(40)))

    assert hallmark("data", "check", str(rows), "--json") == 0
    said = answer(capsys)
    assert (said["verdict"], said["rows_read"], said["rows_rejected"], said["error"]) == ("accept", 40, [], None)

    rows.write_text("no json\n" * 40)
    assert hallmark("data", "check", str(rows), "--json") == 1
    assert answer(capsys)["verdict"] == "refuse"
    assert hallmark("data", "check", str(tmp_path / "gone.jsonl"), "--json") == 1
    assert answer(capsys)["error"]


def test_the_last_word_of_a_check_is_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"prompt": f"question {i}?", "response": f"the answer is {i}"}) + "\n" for i in range(40)]
    rows = tmp_path / "rows.jsonl"
    for more, wanted in ([], "accepted"), (lines[:1], "accepted with warnings"):
        rows.write_text("".join([*lines, *more]))
        assert hallmark("data", "check", str(rows)) == 0
        assert capsys.readouterr().out.splitlines()[-1] == wanted


def test_a_taken_port_is_named_with_its_option() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port}: another program .* --mlflow-port"):
            refuse_taken(port, "--mlflow-port")
    refuse_taken(port, "--mlflow-port")


@pytest.mark.parametrize("words", [["--help"], ["status"], ["status", "--json"], ["audit", "verify"]])
def test_reading_commands_answer_within_a_second(workspace: Path, words: list[str]) -> None:
    seconds = []
    for _ in range(2):  # the first may have to read files from the disk
        began = time.monotonic()
        done = subprocess.run([HALLMARK, *words], capture_output=True, check=False)
        seconds.append(time.monotonic() - began)
        assert done.returncode == 0, done.stderr

    assert min(seconds) < 1.0


@pytest.mark.slow
def test_up_serves_both_until_ctrl_c_and_leaves_nothing(workspace: Path) -> None:
    import signal
    from urllib.request import urlopen

    import psutil

    ports = []
    for _ in range(2):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            ports.append(one.getsockname()[1])
    served = subprocess.Popen(
        [HALLMARK, "up", "--mlflow-port", str(ports[0]), "--prefect-port", str(ports[1])], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    assert served.stdout is not None
    said = [served.stdout.readline() for _ in range(3)]
    assert [str(port) in line for port, line in zip(ports, said, strict=False)] == [True, True]
    children = psutil.Process(served.pid).children(recursive=True)
    for port, path in zip(ports, ("", "/api/health"), strict=True):
        assert urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).status == 200

    served.send_signal(signal.SIGINT)
    served.communicate(timeout=180)

    assert served.returncode == 0
    assert psutil.wait_procs(children, timeout=10)[1] == []
