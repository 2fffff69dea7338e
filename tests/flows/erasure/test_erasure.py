"""Rows are forgotten: nothing here holds their text afterwards, ids stay, and what learned from them is blocked."""

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows import workspace as workspaces
from flows.cli import main as cli
from flows.erasure.affected import refuse_rows_again
from flows.lineage.versions import told
from flows.promote import trusted_champion
from flows.promotion.approval import approve
from flows.promotion.by_hand import promote_version, roll_back
from flows.promotion.decision import decide_on, read_candidate
from flows.promotion.registration import register
from tasks.contracts.errors import DataRefused, PromotionRefused
from tasks.records.ledger import Ledger
from tasks.records.signatures import load_key
from tests.data.rows_on_disk import preferences
from tests.flows.audit_data import dvc, lay_models, prepared
from tests.flows.audit_world import ERASED, World, day
from tests.flows.hands import desk, proves, started_by

PLACE = 6  # from 0
ROW = preferences(31)[PLACE]
TEXTS = [ROW["prompt"], ROW["chosen"], ROW["rejected"]]
FILE = "preferences.jsonl.gz"
WHY = "asked by the person"


def hallmark(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The --json answer of a command that must end with this exit code."""
    capsys.readouterr()
    found = cli.run((*words, "--json"))
    said = capsys.readouterr()
    assert found == code, said
    return dict(json.loads(said.out))


def forget(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    return hallmark(capsys, "data", "forget", *words, "--reason", WHY, "--yes", "--no-retrain", code=code)


def holding(folder: Path) -> Iterator[str]:
    """Every file below a folder that holds one of the texts, packed ones looked into; own code, not the erasure's."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(folder).parts:
            content = path.read_bytes()
            content += gzip.decompress(content) if content.startswith(b"\x1f\x8b") else b""
            if any(text.encode() in content or f'"id":"{ERASED}"'.encode() in content for text in TEXTS):
                yield path.relative_to(folder).as_posix()


def lines(root: Path) -> list[bytes]:
    return gzip.decompress((root / "data" / FILE).read_bytes()).splitlines(keepends=True)


def tree(root: Path) -> dict[str, bytes]:
    """All that an erasure may change. SQLite's and DVC's own temporary files are no part of it."""
    return {path.relative_to(root).as_posix(): content(path) for top in ("data", "build", ".hallmark", "data.dvc")
            for path in sorted([root / top, *(root / top).rglob("*")])
            if path.is_file() and path.suffix not in (".lock", ".db-wal", ".db-shm")}


def without_groups(root: Path) -> dict[str, bytes]:
    """The same without the notes of processes at work, which whoever else is at work here writes and removes."""
    return {path: said for path, said in tree(root).items() if not path.startswith(".hallmark/groups/")}


def content(path: Path) -> bytes:
    """A file's bytes; of a database what is in it, since SQLite moves its pages about when it likes."""
    if path.suffix != ".db":
        return path.read_bytes()
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump()).encode()


def samples(world: World) -> None:
    """What an evaluation kept of its held-out prompts, a log line and a resumable state: they hold the text too."""
    said = json.dumps([{"prompt": ROW["prompt"], "sft": "a", "policy": "b"}])
    for path in ("build/evidence/samples.json", "build/reports/index.html", ".hallmark/logs/run/check_data.log",
                 ".hallmark/mlartifacts/ab/artifacts/evidence/samples.json", ".hallmark/checkpoints/train_sft/a/state"):
        (world.root / path).parent.mkdir(parents=True, exist_ok=True)
        (world.root / path).write_text(said)


def test_a_forgotten_row_is_in_no_data_store_output_or_log(audited: World, capsys) -> None:
    samples(audited)
    before = lines(audited.root)
    assert {path.split("/")[0] for path in holding(audited.root)} == {"data", "build", ".hallmark"}, "the twin"

    said = forget(capsys, ERASED)

    assert list(holding(audited.root)) == []
    assert lines(audited.root) == before[:PLACE] + before[PLACE + 1:]
    assert said["remaining"] == []
    assert (said["rows"], said["data_before"], said["data_after"]) == ([ERASED], 2, 4)
    assert said["rewritten"] == {FILE: 1}
    assert "build/evidence/samples.json" in said["removed"]
    assert "<state>/checkpoints/train_sft/a/state" in said["removed"]
    assert set(said["deleted"]) == {"cache", "store"}
    assert len(said["deleted"]["store"]) >= 4  # two data versions, checked and prepared rows


def test_the_ledger_says_so_before_it_happens_and_holds_no_text(audited: World, capsys) -> None:
    entries = len(audited.ledger.entries())
    forget(capsys, ERASED)
    found = told(audited.ledger.entries())[entries:]
    assert [one.kind for one in found] == ["row forgotten", "data version", "erasure finished"]
    assert found[0].payload["rows"] == [ERASED]
    assert found[0].payload["reason"] == WHY
    met = {(one["name"], one["version"]) for one in found[0].payload["affected"]}
    assert met >= {("policy", 1), ("reward-model", 6)}
    assert (found[1].payload["why"], found[1].payload["parent"]) == ("rows forgotten", 3)
    assert audited.ledger.verify().ok
    kept = json.loads((audited.home / "files" / found[2].payload["receipt"]).read_text())
    assert kept["rows"] == [ERASED]


def test_the_new_data_version_can_be_fetched_and_the_old_one_cannot(audited: World, capsys) -> None:
    old = (audited.root / "data.dvc").read_text()
    forget(capsys, ERASED)
    for place in (audited.root / "data", audited.home / "cache"):
        shutil.rmtree(place)
    with dvc(audited.root) as repo:
        repo.pull(targets=["data.dvc"])
    assert len(lines(audited.root)) == 30
    (audited.root / "data.dvc").write_text(old)
    done = subprocess.run([sys.executable, "-m", "dvc", "pull", "data.dvc"], capture_output=True, check=False)
    assert done.returncode != 0


def test_a_dry_run_says_it_all_and_changes_nothing(audited: World, capsys) -> None:
    samples(audited)
    before = tree(audited.root)
    said = hallmark(capsys, "data", "forget", ERASED[:12], "--dry-run")
    assert tree(audited.root) == before
    assert said["rows"] == [ERASED]
    assert said["rewritten"] == {FILE: [PLACE + 1]}
    assert f"data/{FILE}" in said["paths"].values()
    assert "build/checked/preferences.jsonl" in said["paths"].values()
    assert "build/reports/index.html" in said["removed"]
    assert any((one["name"], one["version"], one["aliases"]) == ("policy", 5, ["champion"]) for one in said["affected"])


def test_what_learned_from_it_is_not_promoted_overridden_or_rolled_back_to(audited: World, capsys) -> None:
    forget(capsys, ERASED)
    here = desk(audited.root, lambda: day(13, 9))  # while version 6 waits for approval
    approve(here, 6, load_key(audited.keys["ben"]), "looks well")
    for act in (lambda: promote_version(here, 6, proves), lambda: roll_back(here, None, proves, "it is rude")):
        with pytest.raises(PromotionRefused, match=rf"learned from row {ERASED}.*retrain"):
            act()
    assert trusted_champion(here).version == 5
    status = hallmark(capsys, "status")
    assert status["champion"]["version"] == 5
    assert status["forgotten"]["champion_learned_from"] == [ERASED]
    assert cli.run(["status"]) == 0
    assert "FORGOTTEN" in capsys.readouterr().out


def test_without_an_erasure_the_same_promotion_goes_through(audited: World) -> None:
    here = desk(audited.root, lambda: day(13, 9))  # while version 6 waits for approval
    approve(here, 6, load_key(audited.keys["ben"]), "looks well")
    assert promote_version(here, 6, proves)[0].version == 6


def test_a_row_that_only_measured_blocks_nothing(audited: World, capsys) -> None:
    measured = hallmark(capsys, "data", "forget", "--file", "data/held_out.jsonl", "--line", "3", "--dry-run")
    assert {one["through"] for one in measured["affected"]} == {"measured on it only"}
    forget(capsys, *measured["rows"])
    here = desk(audited.root, lambda: day(13, 9))  # while version 6 waits for approval
    approve(here, 6, load_key(audited.keys["ben"]), "looks well")
    assert promote_version(here, 6, proves)[0].version == 6


def test_what_a_deleted_folder_also_named_is_known_to_the_next_erasure(audited: World, capsys) -> None:
    forget(capsys, ERASED)
    said = hallmark(capsys, "data", "forget", "--file", "data/demonstrations.jsonl", "--line", "3", "--dry-run")
    assert "build/checked/demonstrations.jsonl" in said["paths"].values(), "its folder's list went with the first row"
    assert "unknown" not in said["paths"].values()


def test_who_saw_it_is_still_answered_and_says_that_it_was_forgotten(audited: World, capsys) -> None:
    before = hallmark(capsys, "audit", "who-saw", ERASED)
    said = forget(capsys, ERASED)
    after = hallmark(capsys, "audit", "who-saw", ERASED)
    assert after["model_versions"] == before["model_versions"]
    assert before["forgotten"] is None
    assert audited.ledger.entries()[after["forgotten"]["entry"]].kind == "row forgotten"
    assert audited.ledger.entries()[after["forgotten"]["finished"]].payload["receipt"] == said["receipt"]
    assert cli.run(["audit", "who-saw", ERASED]) == 0
    assert "FORGOTTEN at 20" in capsys.readouterr().out


def without_it(world: World) -> None:
    """A run after the erasure, which registers a version of what data/ holds now."""
    run = started_by("anna", world.root)
    prepared(world.root)
    lay_models(world.root, "without it", 0.9)
    found = read_candidate(world.root)
    register(run, found, found.evidence, decide_on(run, found, found.evidence, trusted_champion(run)), [])
    run.record("run finished", outcome="waiting for approval", reason="", candidate=found.digest, version=7)


def test_the_receipt_proves_absence_to_somebody_without_the_installation(
    audited: World, capsys, tmp_path: Path, monkeypatch
) -> None:
    forget(capsys, ERASED)
    early = hallmark(capsys, "data", "receipt", ERASED, "--out", str(tmp_path / "early.json"))
    assert early["absence"] is None
    without_it(audited)
    said = hallmark(capsys, "data", "receipt", ERASED, "--out", str(tmp_path / "receipt.json"))
    assert (said["absence"]["version"], len(said["absence"]["proofs"]) > 5) == (7, True)
    assert "does not prove that weights forgot" in said["says"]
    assert {"name": "policy", "version": 5} in [
        {key: one[key] for key in ("name", "version")} for one in said["learned_from_them"]]
    assert any("clones" in text for text in said["not_reached"])

    key = Ledger(audited.home).keys().current
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HALLMARK_HOME", str(tmp_path / "nothing"))
    found = hallmark(capsys, "data", "check-receipt", "receipt.json", "--key", key)
    assert (found["rows"], found["absent_from"]["version"]) == ([ERASED], 7)
    assert hallmark(capsys, "data", "check-receipt", "early.json", "--key", key)["absent_from"] is None
    wrong = hallmark(capsys, "data", "check-receipt", "receipt.json", "--key", "ab" * 32, code=1)
    assert "signed by another key" in wrong["error"]


def test_a_changed_receipt_is_found_also_with_a_new_signature(audited: World, capsys, tmp_path: Path) -> None:
    from tasks.records.erasure_receipts import signed
    from tasks.records.signatures import key_paths

    forget(capsys, ERASED)
    without_it(audited)
    whole = hallmark(capsys, "data", "receipt", ERASED, "--out", str(tmp_path / "receipt.json"))
    key, out = load_key(key_paths(audited.home)[0]), tmp_path / "receipt.json"

    def without(kind: str) -> list[dict[str, Any]]:
        return [one for one in whole["entries"] if one["entry"]["kind"] != kind]

    unsigned = {name: value for name, value in whole.items() if name not in ("sha256", "signature")}
    out.write_text(json.dumps(signed(unsigned, key)))
    assert hallmark(capsys, "data", "check-receipt", str(out), "--key", key.public)["absent_from"], "the twin"
    for change in ({"rows": [*whole["rows"], "ab" * 32]}, {"entries": without("row forgotten")},
                   {"entries": without("registered")},
                   {"absence": whole["absence"] | {"proofs": whole["absence"]["proofs"][1:]}},
                   {"absence": whole["absence"] | {"version": 8}}):
        out.write_text(json.dumps(signed({**unsigned, **change}, key)))
        said = hallmark(capsys, "data", "check-receipt", str(out), "--key", key.public, code=1)
        assert "the receipt was changed" not in said["error"], change
    for change in ({"deleted": {}}, {"says": "all is well"}, {"remaining": ["x"]}):
        out.write_text(json.dumps({name: value for name, value in whole.items() if name != "sha256"} | change))
        said = hallmark(capsys, "data", "check-receipt", str(out), "--key", key.public, code=1)
        assert "the receipt was changed" in said["error"], change


def test_a_row_that_nobody_knows_is_misuse(audited: World, capsys) -> None:
    entries = len(audited.ledger.entries())
    assert "nobody knows" in forget(capsys, "ab" * 32, code=2)["error"]
    assert "begins no known row" in forget(capsys, "0123456789", code=2)["error"]
    assert "at least the first 8" in forget(capsys, ERASED[:7], code=2)["error"]
    assert "wants a reason" in hallmark(capsys, "data", "forget", ERASED, "--yes", code=2)["error"]
    quoted = hallmark(capsys, "data", "forget", ERASED, "--reason", f"he said {ROW['chosen']}", "--yes", code=2)
    assert "quotes the row" in quoted["error"]
    assert "--dry-run" in hallmark(capsys, "data", "forget", ERASED, "--reason", WHY, code=2)["error"]
    assert "say which rows" in forget(capsys, code=2)["error"]
    assert "was never forgotten" in hallmark(capsys, "data", "receipt", ERASED, code=1)["error"]
    assert len(audited.ledger.entries()) == entries


def test_a_row_that_was_forgotten_already_is_an_answer_and_changes_nothing(audited: World, capsys) -> None:
    forget(capsys, ERASED)
    entries = len(audited.ledger.entries())
    said = forget(capsys, ERASED)
    assert (said["already"], said["rows"], said["erasure"]) == ([ERASED], [], None)
    assert len(audited.ledger.entries()) == entries


def test_a_no_changes_nothing(audited: World, capsys, monkeypatch) -> None:
    before = without_groups(audited.root)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert cli.run(["data", "forget", ERASED, "--reason", WHY, "--no-retrain"]) == 1
    assert "was not confirmed" in capsys.readouterr().err
    assert without_groups(audited.root) == before


def test_a_remote_that_does_not_answer_leaves_the_erasure_open_until_it_does(audited: World, capsys, tmp_path) -> None:
    remote = tmp_path / "disk" / "remote"
    with dvc(audited.root) as repo, repo.config.edit() as config:
        config["remote"]["far"] = {"url": str(remote)}
    remote.mkdir(parents=True)
    with dvc(audited.root) as repo:
        repo.push(remote="far")
    assert list(holding(tmp_path / "disk"))
    away = remote.parent.rename(tmp_path / "unmounted")

    said = forget(capsys, ERASED, code=3)
    assert "far" in said["error"]
    assert "has not ended" in said["error"]
    assert list(holding(away)), "nothing was reached there"
    assert list(holding(audited.root / "data")) == []
    assert "is being forgotten" in hallmark(capsys, "data", "receipt", ERASED, code=1)["error"]
    assert hallmark(capsys, "status")["forgotten"]["open"]

    away.rename(remote.parent)
    ended = forget(capsys, ERASED)
    assert list(holding(remote)) == []
    assert ended["deleted"]["far"]
    assert ended["deleted"]["cache"], "what the first call deleted is told too"
    kinds = [one.kind for one in audited.ledger.entries()]
    assert (kinds.count("row forgotten"), kinds.count("erasure finished")) == (1, 1)
    assert not list((audited.home / "erasures").iterdir())


def test_a_remote_inside_the_repository_loses_its_objects_and_git_keeps_them_by_name(audited: World, capsys) -> None:
    with dvc(audited.root) as repo, repo.config.edit() as config:
        config["remote"]["seed"] = {"url": str(audited.root / "infra/seed-data")}
    with dvc(audited.root) as repo:
        repo.push(remote="seed", targets=["data.dvc"])
    for words in (("add", "-A"), ("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "seed")):
        subprocess.run(["git", *words], cwd=audited.root, check=True)
    said = forget(capsys, ERASED)
    assert said["deleted"]["seed"]
    assert list(holding(audited.root / "infra")) == []
    history = [text for text in said["not_reached"] if "git history of infra/seed-data" in text]
    assert any(name in history[0] for name in said["deleted"]["seed"])


def test_a_second_writer_holds_the_workspace(audited: World, capsys) -> None:
    with workspaces.hold(audited.home):
        assert "another run is at work" in forget(capsys, ERASED, code=2)["error"]
    assert list(holding(audited.root / "data"))


STEPS = ("recording", "rewriting", "making a data version", "searching", "deleting", "removing files",
         "looking for what is left", "removing the note")
KILLED = """
import os, sys
from pathlib import Path
from flows.desk import open_desk
from flows.erasure.whole import forget_rows

def say(text):
    if text.startswith(sys.argv[2]):
        os.kill(os.getpid(), 9)

forget_rows(open_desk(Path.cwd(), "forget"), [sys.argv[1]], "asked by the person", say, lambda _: True)
"""


def test_killed_at_one_step_after_another_the_same_call_goes_on_to_the_end(audited: World, capsys) -> None:
    samples(audited)
    for step in STEPS:
        killed = subprocess.run([sys.executable, "-c", KILLED, ERASED, step], cwd=audited.root, env=os.environ,
                                check=False, capture_output=True, text=True)
        assert killed.returncode == -9, (step, killed.stderr)
        assert audited.ledger.verify().ok

    said = forget(capsys, ERASED)

    assert said["rows"] == [ERASED]
    assert list(holding(audited.root)) == []
    assert said["data_before"] == 2
    assert said["deleted"]["cache"]
    assert "build/evidence/samples.json" in said["removed"]
    kinds = [one.kind for one in audited.ledger.entries()]
    assert (kinds.count("row forgotten"), kinds.count("erasure finished")) == (1, 1)


def test_a_row_that_comes_back_is_refused_before_it_trains_and_forgotten_once_more(audited: World, capsys) -> None:
    forget(capsys, ERASED)
    with gzip.open(audited.root / "data" / FILE, "ab") as file:
        file.write(json.dumps(ROW | {"annotator": "nia"}).encode() + b"\n")
    prepared(audited.root)
    with pytest.raises(DataRefused, match=f"row {ERASED} was forgotten .*is in data/ again"):
        refuse_rows_again(audited.root, audited.ledger)
    with pytest.raises(DataRefused, match="is not registered again"):
        without_it(audited)
    said = forget(capsys, ERASED)
    assert said["rewritten"] == {FILE: 1}
    assert list(holding(audited.root)) == []
    without_it(audited)
    refuse_rows_again(audited.root, audited.ledger)
    assert hallmark(capsys, "data", "receipt", ERASED)["absence"]["version"] == 7


def test_a_row_that_is_only_in_earlier_data_versions_leaves_the_stores(audited: World, capsys) -> None:
    path = audited.root / "data" / FILE
    path.write_bytes(gzip.compress(b"".join(lines(audited.root)[:PLACE] + lines(audited.root)[PLACE + 1:])))
    with dvc(audited.root) as repo:
        repo.add("data")
    assert list(holding(audited.root))
    said = forget(capsys, ERASED)
    assert said["rewritten"] == {}
    assert list(holding(audited.root)) == []
