"""The commands around a promotion, with a real model that is loaded and answers: exit codes, --json, messages."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.promotion import succession
from tasks.contracts.config import load_params
from tests.flows.hands import decided, people, started_by


def policy(seed: int, folder: Path) -> None:
    """A policy of random weights with a tokenizer, so small that it is loaded in a moment."""
    from tasks.data.preparing.tokenizer import train_tokenizer
    from tasks.models.folders import save_model
    from tests.models.tiny import tiny_model

    tokenizer = train_tokenizer(["my printer is offline how do i fix it"], load_params().tokens)
    tokenizer.save_pretrained(folder)
    save_model(tiny_model(seed, vocabulary=len(tokenizer)), folder)


def hallmark(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code of a command, and all that it said."""
    code = cli.run(words)
    said = capsys.readouterr()
    return code, said.out + said.err


def status(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    code, said = hallmark(capsys, "status", "--json")
    assert code == 0
    return dict(json.loads(said))


def test_from_a_waiting_version_to_a_champion_and_back(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people(workspace, "ann", "bob")
    ann, run = str(workspace.parent / "ann.pem"), started_by("carol", workspace)
    first = decided(run, "one", fill=lambda folder: policy(1, folder))
    (waits,) = status(capsys)["pending_approvals"]
    assert (waits["version"], waits["wanted"], waits["approved_by"]) == (1, 1, [])
    assert hallmark(capsys, "promote", "1") == (1, (
        "PromotionRefused: policy version 1: too few signatures count; wanted 1 to approve it, found 0. "
        "`hallmark approve 1 --key FILE --reason TEXT` adds one.\n"))

    code, said = hallmark(capsys, "approve", "1", "--key", ann, "--reason", "reads well")
    assert (code, said.splitlines()[1]) == (0, "1 of 1 signature(s); `hallmark promote 1` promotes it")
    assert status(capsys)["pending_approvals"][0]["approved_by"] == ["ann"]
    code, said = hallmark(capsys, "promote", "1")
    assert (code, said.splitlines()[-1]) == (0, "promoted: policy version 1 is the champion; before it: nobody")
    assert status(capsys)["champion"]["digest"] == first.digest
    assert status(capsys)["pending_approvals"] == []

    decided(run, "two", low=0.1, fill=lambda folder: policy(2, folder))
    for name in ("ann", "bob"):
        key = str(workspace.parent / f"{name}.pem")
        assert hallmark(capsys, "approve", "2", "--override", "--key", key, "--reason", "judge is wrong")[0] == 0
    assert hallmark(capsys, "promote", "2", "--override", "--reason", "judge is wrong")[0] == 0
    said = status(capsys)["champion"]["override"]
    assert said == "judge is wrong (ann, bob)"
    assert "OVERRIDE" in hallmark(capsys, "status")[1]
    code, shown = hallmark(capsys, "gate", "2")
    assert (code, shown.splitlines()[-1]) == (1, "version 2: refuse")
    assert "OVERRIDDEN: promoted though the gate refused it: judge is wrong (ann, bob)" in shown
    answer = json.loads(hallmark(capsys, "gate", "2", "--json")[1])
    assert (answer["verdict"], answer["override"], len(answer["approvals"])) == ("refuse", said, 2)

    code, said = hallmark(capsys, "rollback", "--reason", "it swears")
    assert (code, said.splitlines()[-1]) == (
        0, "rolled back: policy version 1 is the champion again; taken back: policy version 2")
    assert hallmark(capsys, "reject", "2", "--key", ann, "--reason", "it swears")[0] == 0
    assert "was rejected by ann" in hallmark(capsys, "rollback", "--to", "2", "--reason", "no")[1]
    assert [one.version for one in succession.line(run.ledger.entries(), "policy")] == [1]
    assert run.ledger.verify().ok


def test_a_model_that_does_not_load_does_not_become_champion(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people(workspace, "ann")
    decided(started_by("carol", workspace), "no weights at all")
    assert hallmark(capsys, "approve", "1", "--key", str(workspace.parent / "ann.pem"), "--reason", "blind")[0] == 0

    code, said = hallmark(capsys, "promote", "1")

    assert code == 3
    assert "did not prove itself and was taken back, nobody is champion now" in said
    assert status(capsys)["champion"] is None


def test_a_key_pair_is_made_with_the_entry_that_the_list_wants(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = workspace.parent / "ann.pem"
    assert cli.run(["keys", "new", "--name", "ann", "--out", str(made)]) == 0
    entry = capsys.readouterr().out
    assert stat.S_IMODE(made.stat().st_mode) == 0o600

    (workspace / "infra").mkdir()
    (workspace / "infra/approvers.yaml").write_text("approvers:\n" + entry)
    from tasks.records.approvals import read_approvers
    from tasks.records.signatures import load_own_key
    from tests.flows.toy import run

    assert read_approvers(workspace) == ()  # not committed yet
    run(workspace, "git", "add", "infra")
    run(workspace, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "ann approves")
    (one,) = read_approvers(workspace)
    assert (one.name, one.key) == ("ann", load_own_key(made).public)
    assert hallmark(capsys, "keys", "new", "--name", "ann", "--out", str(made))[0] == 2


@pytest.mark.parametrize(("words", "code", "said"), [
    (["approve", "7", "--key", "ann.pem", "--reason", "x"], 2, "knows no version 7"),
    (["reject", "7", "--key", "ann.pem", "--reason", "x"], 2, "knows no version 7"),
    (["approve", "7", "--key", "gone.pem", "--reason", "x"], 2, "cannot be read"),
    (["approve", "7", "--key", "open.pem", "--reason", "x"], 1, "others may read this private key"),
    (["approve", "7", "--key", "ann.pem"], 2, "--reason"),
    (["promote", "7"], 2, "knows no version 7"),
    (["promote", "7", "--override"], 2, "an override wants a reason"),
    (["rollback", "--reason", "x"], 1, "there is no champion to take back"),
    (["rollback", "--reason", " "], 2, "a rollback wants a reason"),
    (["rollback"], 2, "--reason"),
])
def test_a_wrong_call_is_one_message_and_its_code(
    workspace: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int,
    said: str
) -> None:
    people(workspace, "ann", "open")
    for name in ("ann", "open"):
        (workspace.parent / f"{name}.pem").rename(workspace / f"{name}.pem")
    (workspace / "open.pem").chmod(0o644)

    found, shown = hallmark(capsys, *words)

    assert (found, "Traceback" in shown) == (code, False)
    assert said in shown
