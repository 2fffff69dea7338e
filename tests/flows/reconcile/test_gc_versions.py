"""Versions whose retention has ended: deleted through Hallmark they are explained, past Hallmark they are a finding."""

import pytest

from flows.cli import main as cli
from flows.lineage.versions import Names, told
from flows.reconcile.retention import deleted_version
from tasks.records import registry
from tasks.records.mlflow_gc import doomed
from tasks.records.mlflow_store import connect
from tasks.records.model_store import stored_at
from tests.flows.audit_world import World
from tests.flows.reconcile.test_gc import keep_days
from tests.flows.reconcile.test_reconcile import asked, reconciled, registered

Capture = pytest.CaptureFixture[str]
FREE = [f"{name} version {version}" for version in (1, 3, 4) for name in ("reward-model", "policy")]


def versions(name: str = "policy") -> list[int]:
    return [one.version for one in registry.versions(name)]


def test_a_version_deleted_after_its_retention_is_explained_and_no_finding(audited: World, capsys: Capture) -> None:
    keep_days(audited, 0)
    assert asked(capsys, "gc", "mlflow")[1]["versions"] == [], "the twin: it is not asked for"
    said = asked(capsys, "gc", "mlflow", "--versions", "--dry-run")[1]
    assert (said["versions"], versions()) == (FREE, [1, 2, 3, 4, 5, 6])
    files = [stored_at(one) for one in registry.versions("policy") if one.version == 1]

    code, said = asked(capsys, "gc", "mlflow", "--versions")

    assert (code, said["versions"], len(said["models"])) == (0, FREE, len(FREE))
    assert versions() == versions("reward-model") == [2, 5, 6]
    assert doomed().models == ()
    assert not any(audited.root.joinpath(path.removeprefix("file://")).exists() for path in files)
    entry = next(one for one in told(audited.ledger.entries("deleted")) if one.payload["what"] == "mlflow version")
    assert (entry.payload["ids"], entry.payload["keep_days"]) == (FREE, 0)
    assert reconciled(capsys) == {}
    explained = asked(capsys, "audit", "reconcile")[1]["explained"]
    assert sorted(explained) == sorted(
        f"{one}: deleted after retention, entry {entry.index}, {entry.time[:10]}" for one in FREE)
    assert cli.run(["audit", "reconcile"]) == 0
    assert f"policy version 1: deleted after retention, entry {entry.index}" in capsys.readouterr().out
    assert asked(capsys, "gc", "mlflow", "--versions")[1]["versions"] == [], "nothing is left to delete"


def test_a_version_deleted_past_hallmark_stays_a_finding_also_after_its_retention(
    audited: World, capsys: Capture
) -> None:
    keep_days(audited, 0)
    connect().delete_model_version("policy", "3")
    others = [one for one in FREE if one != "policy version 3"]
    assert asked(capsys, "gc", "mlflow", "--versions")[1]["versions"] == others
    assert reconciled(capsys).keys() == {("mlflow", "deleted", "policy version 3")}


def test_a_version_whose_retention_has_not_ended_is_not_deleted_and_a_record_of_force_is_a_finding(
    audited: World, capsys: Capture
) -> None:
    assert asked(capsys, "gc", "mlflow", "--versions")[1]["versions"] == []
    assert versions() == [1, 2, 3, 4, 5, 6]
    for version, days in ((1, 3650), (3, None)):
        said = {} if days is None else {"keep_days": days}
        audited.ledger.append("deleted", "dan", {
            "run": "gc", "what": "mlflow version", "ids": [f"policy version {version}"], "reason": "away", **said})
        connect().delete_model_version("policy", str(version))
    audited.ledger.append("deleted", "dan", {
        "run": "gc", "what": "mlflow version", "ids": ["policy version 2"], "reason": "away", "keep_days": 0})
    connect().delete_registered_model_alias("policy", "previous")
    connect().delete_model_version("policy", "2")

    found = {name: one["found"] for (_, what, name), one in reconciled(capsys).items() if what == "deleted"}

    assert found["policy version 1"].startswith("deleted before its retention ended: it was to be kept until 20")
    assert found["policy version 2"] == "deleted before its retention ended: it was to be kept as previous"
    assert found["policy version 3"].endswith("nobody wrote down how long versions were kept then")


def test_an_entry_from_before_a_version_was_registered_again_explains_nothing(audited: World) -> None:
    entry = audited.ledger.append("deleted", "anna", {
        "run": "gc", "what": "mlflow version", "ids": ["policy version 3"], "reason": "over", "keep_days": 0})
    one, names = registered(audited, 3), Names("policy", "reward-model")
    found = deleted_version(told(audited.ledger.entries()), names, one)
    assert found is not None
    assert (found.entry, found.early) == (entry.index, "")
    again = next(entry.payload for entry in audited.ledger.entries("registered") if entry.index == one.entry)
    audited.ledger.append("registered", "anna", again)
    assert deleted_version(told(audited.ledger.entries()), names, one) is None


def test_a_version_that_bears_an_alias_past_the_ledger_is_not_deleted(audited: World, capsys: Capture) -> None:
    keep_days(audited, 0)
    connect().set_registered_model_alias("policy", "canary", "4")
    assert cli.run(["gc", "mlflow", "--versions"]) == 1
    assert "policy version 4: bears the alias canary in MLflow" in capsys.readouterr().err
    assert versions() == [1, 2, 3, 4, 5, 6]
    assert audited.ledger.entries("deleted") == []
