"""What the audit's answers say of forged, reused and missing records, and what a reading command costs."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.lineage.origins import place_of
from flows.lineage.reigns import moment_of
from tasks.contracts.errors import Misused
from tests.flows.audit_world import ERASED, World

WORDS = (("row", ERASED), ("checks", "2"), ("origin", "4"), ("approvals", "4"), ("champion",),
         ("champion", "--at", "2026-01-10"), ("rollbacks",), ("who-saw", ERASED))


def answer(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.run(("audit", *words, "--json")) == code, capsys.readouterr()
    return dict(json.loads(capsys.readouterr().out))


def payload(world: World, kind: str, version: int, name: str = "policy") -> dict[str, Any]:
    """The last entry of a kind about a version, without the run that wrote it."""
    found = [one.payload for one in world.ledger.entries(kind)
             if (one.payload.get("name"), one.payload.get("version")) == (name, version)]
    return {key: value for key, value in found[-1].items() if key != "run"}


def test_a_signature_over_other_words_is_forged_and_the_exit_code_says_so(audited: World, capsys) -> None:
    said = payload(audited, "approved", 5)
    said["statement"] = said["statement"] | {"reason": "reads very well"}
    audited.ledger.append("approved", "eve", {"run": "by-hand", **said})
    found = answer(capsys, "approvals", "5", code=1)["signatures"]
    assert [one["holds"] for one in found] == [True, False]
    assert found[1]["why_not"].startswith("forged")
    assert cli.run(["audit", "approvals", "5"]) == 1
    assert "DOES NOT HOLD: forged" in capsys.readouterr().out


def test_a_signature_of_another_version_is_reused(audited: World, capsys) -> None:
    said = payload(audited, "approved", 5) | {"version": 6, "digest": payload(audited, "registered", 6)["digest"]}
    audited.ledger.append("approved", "eve", {"run": "by-hand", **said})
    (found,) = answer(capsys, "approvals", "6", code=1)["signatures"]
    assert (found["holds"], found["why_not"]) == (False, "reused: it is of another version")


def test_what_is_no_statement_is_no_signature(audited: World, capsys) -> None:
    said = payload(audited, "approved", 5) | {"statement": {"reason": "yes"}}
    audited.ledger.append("approved", "eve", {"run": "by-hand", **said})
    assert [one["holds"] for one in answer(capsys, "approvals", "5", code=1)["signatures"]] == [True, False]
    assert cli.run(["audit", "approvals", "5"]) == 1
    assert "NO SIGNATURE" in capsys.readouterr().out


def test_who_started_the_run_is_known_by_the_accounts_of_the_list_too(audited: World, capsys) -> None:
    listed = audited.root / "infra/approvers.yaml"
    listed.write_text(listed.read_text().replace("{name: ben,", "{name: ben, accounts: [anna],"))
    assert not answer(capsys, "approvals", "5")["signatures"][0]["own_run"]  # an edited list does not count
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "accounts"],
                   check=True)
    assert answer(capsys, "approvals", "5")["signatures"][0]["own_run"]
    assert cli.run(["audit", "approvals", "5"]) == 0
    assert "by ben at 2026-01-12T09:00:04Z, who started the run" in capsys.readouterr().out


def test_a_version_of_an_earlier_release_says_what_was_not_recorded(audited: World, capsys) -> None:
    old = {"run": "old", "forced": False, "commit": "c0" * 20, "dirty": True, "diff_sha256": "d1" * 32,
           "dvc_lock_sha256": None, "params_sha256": "aa" * 32, "constraints_sha256": None, "hardware": "a machine"}
    audited.ledger.append("run started", "anna", old)
    said = payload(audited, "registered", 5)
    audited.ledger.append("registered", "anna", {"run": "old", "version": 9, **{
        key: said[key] for key in ("name", "digest", "bundle", "verdict")}})
    found = answer(capsys, "origin", "9")
    assert {found[key] for key in ("python", "processor", "gpu", "driver", "cuda")} == {"not recorded"}
    assert (found["hardware"], found["dirty"], found["diff"]) == (
        "a machine", True, {"sha256": "d1" * 32, "path": "not kept"})
    assert found["packages"]["versions"] == found["packages"]["differ"] == "not recorded"
    assert answer(capsys, "checks", "9")["verdict"] == "not recorded"
    gate = answer(capsys, "approvals", "9")["gate"]
    assert (gate["verdict"], gate["findings"], gate["entry"]) == ("not recorded", [], None)
    for words in (("origin", "9"), ("checks", "9"), ("approvals", "9")):
        assert cli.run(["audit", *words]) == 0


def test_a_decision_that_is_not_that_of_the_bundle_is_seen(audited: World, capsys) -> None:
    decided = next(one.payload for one in reversed(audited.ledger.entries("gate decided"))
                   if one.payload["candidate"] == payload(audited, "registered", 5)["digest"])
    decided["decision"]["findings"][0]["found"] = 0.99
    audited.ledger.append("gate decided", "eve", decided)
    audited.ledger.append("registered", "eve", {"run": decided["run"], **payload(audited, "registered", 5)})
    assert "another decision" in answer(capsys, "approvals", "5")["gate"]["bundle"]


def test_a_reward_model_has_a_base_and_an_sft_model_and_no_gate_of_its_own(audited: World, capsys) -> None:
    found = answer(capsys, "origin", "5", "--model", "reward-model")
    assert (found["name"], [one["role"] for one in found["parents"]]) == ("reward-model", ["base", "sft"])
    assert "knows no version 5 of sft" in answer(capsys, "origin", "5", "--model", "sft", code=2)["error"]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_an_answer_in_words_ends_with_the_entries_that_it_rests_on(audited: World, capsys, words) -> None:
    entries = answer(capsys, *words)["entries"]
    capsys.readouterr()
    assert cli.run(("audit", *words)) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"rests on ledger {'entry' if len(entries) == 1 else 'entries'} {', '.join(map(str, entries))}"


def test_no_reading_command_loads_mlflow_prefect_pandas_or_torch(audited: World) -> None:
    asked = [*WORDS, ("refused",), ("leaks", "5"), ("report", "--out", "told"), ("verify",)]
    program = ("import sys\nfrom flows.cli.main import run\n"
               f"codes = [run(('audit', *words)) for words in {asked!r}]\n"
               "assert codes == [0] * len(codes), codes\n"
               "print([name for name in ('mlflow', 'prefect', 'torch', 'dvc', 'pandas') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("said", "moment"), [
    ("2026-01-10", datetime(2026, 1, 10, 23, 59, 59, 999999, UTC)),
    ("20260110", datetime(2026, 1, 10, 23, 59, 59, 999999, UTC)),
    ("2026-01-10T09:30", datetime(2026, 1, 10, 9, 30, 0, 0, UTC)),
    ("2026-01-10T09:30:00+02:00", datetime(2026, 1, 10, 7, 30, 0, 0, UTC))])
def test_a_day_is_meant_to_its_end_and_a_time_without_a_zone_in_utc(said: str, moment: datetime) -> None:
    assert moment_of(said) == moment


@pytest.mark.parametrize("said", ["", "now", "2026-13-01", "2026-02-30T10:00", "2026-01-10T25:00"])
def test_what_is_no_time_is_misuse(said: str) -> None:
    with pytest.raises(Misused, match="is no time"):
        moment_of(said)


def test_an_id_is_found_in_a_column_and_not_across_the_border_of_two() -> None:
    import pyarrow as pa

    ids = [bytes([number]) * 32 for number in range(4)]
    column = pa.array(ids, pa.binary(32))
    assert [place_of(column, one) for one in ids] == [0, 1, 2, 3]
    assert place_of(column, b"\x01" * 31 + b"\x02") is None
    assert place_of(column.slice(1), ids[1]) == 0
    assert [place_of(column.slice(0, count), ids[2]) for count in (0, 2, 3)] == [None, None, 2]


def test_data_docs_and_reports_in_an_answer_hold_no_text_of_a_row(audited: World, capsys) -> None:
    row = (audited.root / "data/demonstrations.jsonl").read_text().splitlines()[0]
    for words in (("row", ERASED), ("checks", "2"), ("origin", "4")):
        assert json.loads(row)["prompt"] not in json.dumps(answer(capsys, *words))
    assert Path("build/checked/demonstrations.jsonl").is_file()  # where it does stand
