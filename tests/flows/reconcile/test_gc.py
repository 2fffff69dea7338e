"""Garbage collection on the audited world: the real `dvc gc` and `mlflow gc`, each behind its guard."""

import json
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from flows.cli import main as cli
from flows.dvc_lock import read_locks
from flows.lineage.versions import Names, told
from flows.reconcile.retention import Keep, deleted, free, kept
from tasks.records.mlflow_gc import doomed
from tasks.records.mlflow_store import connect, tracking_uri
from tests.flows.audit_world import World, day
from tests.flows.reconcile.test_reconcile import asked, cached, reconciled, registered, runs_of

NAMES = Names("policy", "reward-model")
Capture = pytest.CaptureFixture[str]


def objects(world: World, store: str = "cache") -> set[str]:
    folder = world.home / store / "files/md5"
    return {path.parent.name + path.name for path in folder.glob("??/*") if not path.name.startswith(".")}


def made_of(world: World, version: int) -> set[str]:
    """Every object of the outputs of a version's stages, by its kept dvc.lock."""
    kept = world.home / "files" / registered(world, version).files["dvc.lock"]
    locks = read_locks(kept.read_text(encoding="utf-8"))
    folders = {md5 for stage in locks.values() for md5 in stage.writes.values()}
    return folders | {one["md5"] for folder in folders if cached(world, folder).is_file()
                      for one in json.loads(cached(world, folder).read_bytes())}


def keep_days(world: World, days: float) -> None:
    """Set how long versions are kept."""
    with (world.root / "params.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"\nretention: {{keep_days: {days}}}\n")


def raw(world: World, *words: str) -> None:
    """A tool past Hallmark."""
    subprocess.run([sys.executable, "-m", *words], cwd=world.root, check=True, capture_output=True)


def test_dvc_gc_is_refused_with_object_and_version_and_deletes_nothing(audited: World, capsys: Capture) -> None:
    before = objects(audited)

    code = cli.run(["gc", "dvc"])

    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("Refused: dvc gc: dvc gc would delete ")
    assert "build/policy of policy version 4" in said or "of policy version 5" in said
    assert objects(audited) == before
    assert audited.ledger.entries("deleted") == []


def test_dvc_gc_takes_what_no_kept_version_needs_and_reconcile_misses_nothing(
    audited: World, capsys: Capture
) -> None:
    keep_days(audited, 0)  # what is not in use may go: versions 1, 3 and 4
    (audited.root / "junk").write_text("nobody needs this")
    raw(audited, "dvc", "add", "-q", "junk")
    (audited.root / "junk.dvc").unlink()
    before = objects(audited)

    assert cli.run(["gc", "dvc"]) == 1  # the champion's would go too
    code, said = asked(capsys, "gc", "dvc", "--spare-kept", "--dry-run")
    assert (code, said["deleted"]) == (0, False)
    assert objects(audited) == before
    of_four = made_of(audited, 4)
    data = told(audited.ledger.entries("data version"))[0].payload["data"]  # which version 1 alone read
    assert data in before
    needed = {name for version in (2, 5, 6) for name in made_of(audited, version)}
    code, said = asked(capsys, "gc", "dvc", "--spare-kept")

    assert needed <= objects(audited)
    assert not (of_four - needed) & objects(audited)
    assert data not in objects(audited)
    assert (code, said["deleted"]) == (0, True)
    (entry,) = told(audited.ledger.entries("deleted"))
    assert before - objects(audited) == set(entry.payload["ids"]) == set(said["objects"]["cache"])
    assert entry.payload["what"] == "dvc object"
    assert reconciled(capsys) == {}


def test_an_object_may_leave_the_cache_while_a_remote_keeps_it(audited: World, capsys: Capture) -> None:
    keep_days(audited, 0)
    store = audited.home / "store/files/md5"
    for name in objects(audited):
        (store / name[:2]).mkdir(parents=True, exist_ok=True)
        (store / name[:2] / name[2:]).write_bytes(cached(audited, name).read_bytes())
    raw(audited, "dvc", "remove", "data.dvc")  # so that all of it is garbage to DVC
    (audited.root / "dvc.yaml").write_text("stages: {}\n")

    code, said = asked(capsys, "gc", "dvc")

    assert code == 0
    assert set(said["kept_in_a_remote"]) == set(said["objects"]["cache"])
    assert reconciled(capsys) == {}
    first = sorted(said["kept_in_a_remote"])[0]
    (store / first[:2] / first[2:]).unlink()
    assert [key[:2] for key in reconciled(capsys)] in ([("dvc", "garbage-collected")], [])


def test_flags_that_dvc_does_not_take_are_misuse(audited: World, capsys: Capture) -> None:
    assert cli.run(["gc", "dvc", "--", "--bogus"]) == 2
    assert "unrecognized arguments: --bogus" in capsys.readouterr().err
    assert cli.run(["gc", "dvc", "--", "-w", "--dry"]) == 2


def test_what_dvc_gc_took_past_the_guard_is_named_afterwards(audited: World, capsys: Capture) -> None:
    raw(audited, "dvc", "gc", "--workspace", "--force")

    found = reconciled(capsys)

    assert {key[:2] for key in found} == {("dvc", "garbage-collected")}
    assert any("build/policy of policy version 5" in name for _, _, name in found)


def test_mlflow_gc_is_refused_for_a_run_behind_the_champion(audited: World, capsys: Capture) -> None:
    runs = runs_of(audited, registered(audited, 5).run)
    connect().delete_run(runs["train_policy"])

    assert cli.run(["gc", "mlflow"]) == 1

    said = capsys.readouterr().err
    assert f"{runs['train_policy']}: policy version 5" in said
    assert f"`mlflow runs restore --run-id {runs['train_policy']}`" in said
    assert doomed().runs == (runs["train_policy"],)
    assert audited.ledger.entries("deleted") == []
    connect().restore_run(runs["train_policy"])
    assert reconciled(capsys) == {}


def test_mlflow_gc_is_refused_for_the_model_behind_a_challenger(audited: World, capsys: Capture) -> None:
    source = connect().get_model_version("policy", "6").source
    connect().delete_logged_model(source.removeprefix("models:/"))

    assert cli.run(["gc", "mlflow"]) == 1

    assert f"{source.removeprefix('models:/')}: policy version 6" in capsys.readouterr().err


def test_mlflow_gc_takes_what_nobody_needs_and_it_is_on_record(audited: World, capsys: Capture) -> None:
    client = connect()
    trial = client.create_run("1").info.run_id
    client.log_text(trial, "a", "a.txt")
    kept_run = client.create_run("1").info.run_id
    for run in (trial, kept_run):
        client.delete_run(run)

    code, said = asked(capsys, "gc", "mlflow", "--dry-run")
    assert (code, set(said["runs"])) == (0, {trial, kept_run})
    assert cli.run(["gc", "mlflow", "--json", "--", "--run-ids", trial]) == 0

    assert json.loads(capsys.readouterr().out)["runs"] == [trial]
    assert doomed().runs == (kept_run,)
    assert [(entry.payload["what"], entry.payload["ids"]) for entry in audited.ledger.entries("deleted")] == [
        ("mlflow run", [trial])]
    assert cli.run(["gc", "mlflow", "--", "--older-than", "1d"]) == 2  # nobody could say what that takes
    assert reconciled(capsys) == {}


def test_what_mlflow_gc_took_past_the_guard_is_named_afterwards(audited: World, capsys: Capture) -> None:
    runs = runs_of(audited, registered(audited, 5).run)
    connect().delete_run(runs["train_policy"])
    subprocess.run([sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", tracking_uri(), "--tracking-uri",
                    tracking_uri()], cwd=audited.root, check=True, capture_output=True)

    assert reconciled(capsys).keys() == {
        ("mlflow", "garbage-collected", f"run {runs['train_policy'][:12]} (train_policy)")}


def test_a_collection_waits_for_no_run_at_work(audited: World, capsys: Capture) -> None:
    from flows.workspace import hold

    with hold(audited.home):
        assert cli.run(["gc", "dvc"]) == 2
    assert "another run is at work" in capsys.readouterr().err


def test_copies_of_models_without_an_alias_go_and_are_fetched_again(audited: World) -> None:
    from flows.promotion.verified import verified_model

    champion, third = (verified_model(audited.ledger, "policy", version) for version in (5, 3))

    assert cli.run(["gc", "mlflow"]) == 0

    assert champion.is_dir()
    assert not third.exists()
    assert verified_model(audited.ledger, "policy", 3) == third


def keeps(world: World, now: datetime, days: float = 10) -> dict[int, Keep]:
    return {one.version: one for one in kept(told(world.ledger.entries()), NAMES, days, now) if one.name == "policy"}


def test_versions_are_kept_while_in_use_and_for_some_days_after_their_last_day(audited: World) -> None:
    # champion: 1 day 5-6, 2 day 6-10, 4 day 10-11, 2 day 11-12, 5 from day 12; 3 registered day 8; 6 waits
    now = keeps(audited, day(13))

    assert {version: (one.why, (one.until or "")[:10]) for version, one in now.items()} == {
        1: ("was champion", "2026-01-16"), 2: ("previous", ""), 3: ("registered", "2026-01-18"),
        4: ("was champion", "2026-01-21"), 5: ("champion", ""), 6: ("challenger", "")}
    assert set(keeps(audited, day(17))) == {2, 3, 4, 5, 6}
    assert set(keeps(audited, day(20))) == {2, 4, 5, 6}
    later = kept(told(audited.ledger.entries()), NAMES, 10, day(5) + timedelta(days=400))
    assert {(one.name, one.version) for one in later} == {
        (name, version) for name in ("policy", "reward-model") for version in (2, 5, 6)}
    assert free(told(audited.ledger.entries()), later) == [
        f"{name} version {version}" for version in (1, 3, 4) for name in ("reward-model", "policy")]


def test_retention_says_what_is_kept_and_what_was_deleted(audited: World, capsys: Capture) -> None:
    code, said = asked(capsys, "audit", "retention")
    assert (code, said["keep_days"], said["deleted"], said["free"]) == (0, 3650, [], [])
    assert len(said["keep"]) == 12
    audited.ledger.append("deleted", "anna", {"run": "gc", "what": "dvc object", "ids": ["a" * 32], "reason": "old"})
    audited.ledger.append("row forgotten", "anna", {"run": "f", "rows": ["b" * 64], "reason": "asked", "affected": []})
    audited.ledger.append("erasure finished", "anna", {
        "run": "f", "rows": ["b" * 64], "deleted": {"cache": ["c" * 32, "d" * 32]}, "receipt": "e" * 64})

    found = deleted(told(audited.ledger.entries()))

    assert [(one["what"], one["reason"]) for one in found] == [("dvc object", "old"), ("rows", "asked")]
    assert found[1]["objects"] == 2
    assert cli.run(["audit", "retention"]) == 0
    assert "deleted  1 rows on " in capsys.readouterr().out
