"""MLflow, DVC and disk against the ledger, on a world with promotions, an override, a rollback and a new key.

The tamperings of one place are done together and every finding is compared: none may be missing, and none too many.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.dvc_lock import read_locks
from flows.lineage.versions import Registration, registration, told
from flows.reconcile.needed import outputs
from flows.reconcile.snapshot import RECORDED
from tasks.records import registry
from tasks.records.mlflow_store import connect
from tasks.records.model_store import fetch, stored_at
from tests.flows.audit_world import World

Named = tuple[str, str, str]  # where, what, name


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """A command's exit code and its one JSON object."""
    capsys.readouterr()
    code = cli.run([*words, "--json"])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, said


def reconciled(capsys: pytest.CaptureFixture[str], *words: str) -> dict[Named, dict[str, Any]]:
    code, said = asked(capsys, "audit", "reconcile", *words)
    assert (code, said["ok"]) == (1 if said["findings"] else 0, not said["findings"])
    found = {(one["where"], one["what"], one["name"]): one for one in said["findings"]}
    assert len(found) == len(said["findings"])
    return found


def registered(world: World, version: int, name: str = "policy") -> Registration:
    return registration(told(world.ledger.entries()), name, version)


def runs_of(world: World, run: str) -> dict[str, str]:
    """Name -> id of the MLflow runs of a retraining."""
    entry = next(one for one in told(world.ledger.entries(RECORDED)) if one.payload["run"] == run)
    kept = json.loads((world.home / "files" / entry.payload["snapshot"]).read_text(encoding="utf-8"))
    return {said["name"]: run_id for run_id, said in kept["runs"].items()}


def stored(version: registry.Version) -> Path:
    return Path(stored_at(version).removeprefix("file://"))


def flip(path: Path) -> None:
    """Turn one bit round, and leave size and times as they were."""
    import os

    times = path.stat()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_nothing_is_found_in_the_untouched_world(audited: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconciled(capsys) == {}
    assert reconciled(capsys, "--deep") == {}
    code, said = asked(capsys, "audit", "served")
    assert (code, said["ok"]) == (0, True)
    assert {(one["name"], one["alias"]): one["version"] for one in said["served"]} == {
        ("policy", "champion"): 5, ("policy", "previous"): 2, ("policy", "challenger"): 6,
        ("reward-model", "champion"): 5}


def test_what_was_edited_in_a_run_of_mlflow_is_named(audited: World, capsys: pytest.CaptureFixture[str]) -> None:
    client = connect()
    runs = runs_of(audited, registered(audited, 5).run)
    parent = registered(audited, 5).run
    policy, reward, sft, evaluate = (runs[name] for name in ("train_policy", "train_reward", "train_sft", "evaluate"))
    client.log_metric(policy, "loss", 0.01, step=3)  # the last value
    client.log_metric(reward, "loss", 0.1, step=2)  # within the history
    client.log_metric(sft, "win_rate", 0.99)  # one that was never measured
    client.log_param(sft, "learning_rate", "0.1")
    client.set_tag(sft, "hallmark.stage", "another")
    client.delete_tag(evaluate, "hallmark.stage")
    client.set_tag(evaluate, "team", "blue")  # people's own
    client.update_run(evaluate, name="evaluated")
    evidence = Path(client.get_run(runs[parent]).info.artifact_uri.removeprefix("file://")) / "evidence"
    flip(evidence / "evidence.json")
    (evidence / "samples.json").unlink()
    (evidence.parent / "more.txt").write_text("more")  # the client remembers a run's place of the world before
    client.delete_run(runs["check_data"])
    fake = client.create_run(client.get_run(policy).info.experiment_id, tags={"mlflow.parentRunId": runs[parent]})

    found = reconciled(capsys)

    def run(name: str) -> str:
        return f"run {runs[name][:12]} ({name})"

    assert found.keys() == {
        ("mlflow", "edited", f"{run('train_policy')}: metric loss"),
        ("mlflow", "edited", f"{run('train_reward')}: metric loss"),
        ("mlflow", "unknown", f"{run('train_sft')}: metric win_rate"),
        ("mlflow", "unknown", f"{run('train_sft')}: parameter learning_rate"),
        ("mlflow", "edited", f"{run('train_sft')}: tag hallmark.stage"),
        ("mlflow", "deleted", f"{run('evaluate')}: tag hallmark.stage"),
        ("mlflow", "edited", f"{run('evaluate')}: name"),
        ("mlflow", "edited", f"{run('evaluate')}: tag mlflow.runName"),
        ("mlflow", "edited", f"{run(parent)}: artifact evidence/evidence.json"),
        ("mlflow", "deleted", f"{run(parent)}: artifact evidence/samples.json"),
        ("mlflow", "unknown", f"{run(parent)}: artifact more.txt"),
        ("mlflow", "deleted", run("check_data")),
        ("mlflow", "unknown", f"run {fake.info.run_id[:12]} below the run {parent}")}
    last = found["mlflow", "edited", f"{run('train_policy')}: metric loss"]
    assert last["wanted"].startswith("0.3333")
    assert last["found"].startswith("0.01 ")
    assert all(one["next_step"] and one["entry"] is not None for one in found.values())


def test_what_was_edited_in_the_registry_is_named(audited: World, capsys: pytest.CaptureFixture[str]) -> None:
    client, three = connect(), registry.get("policy", 3)
    client.set_model_version_tag("policy", "1", "sha256", "00" * 32)
    client.delete_model_version_tag("policy", "4", "hallmark.override")
    client.set_model_version_tag("policy", "6", "hallmark.rejected", "no (ben)")
    client.set_model_version_tag("policy", "6", "note", "people's own")
    client.delete_model_version("reward-model", "3")
    client.set_registered_model_alias("policy", "champion", "3")
    client.delete_registered_model_alias("policy", "previous")
    client.set_registered_model_alias("policy", "challenger", "4")
    client.set_registered_model_alias("policy", "best", "3")
    client.create_model_version("policy", source=three.source, run_id=three.run_id)
    flip(stored(registry.get("policy", 2)) / "model.safetensors")
    (stored(registry.get("policy", 5)) / "model.safetensors").unlink()
    shutil.rmtree(stored(registry.get("reward-model", 1)))

    found = reconciled(capsys)

    assert found.keys() == {
        ("mlflow", "edited", "policy version 1: tag sha256"),
        ("mlflow", "deleted", "policy version 4: tag hallmark.override"),
        ("mlflow", "unknown", "policy version 6: tag hallmark.rejected"),
        ("mlflow", "deleted", "reward-model version 3"),
        ("mlflow", "moved", "policy: alias champion"),
        ("mlflow", "moved", "policy: alias previous"),
        ("mlflow", "moved", "policy: alias challenger"),
        ("mlflow", "unknown", "policy: alias best"),
        ("mlflow", "unknown", "policy version 7"),
        ("mlflow", "edited", "policy version 2: file model.safetensors"),
        ("mlflow", "deleted", "policy version 5: its files"),
        ("mlflow", "deleted", "reward-model version 1: its files")}
    moved = found["mlflow", "moved", "policy: alias champion"]
    assert (moved["wanted"], moved["found"]) == ("version 5", "version 3")
    code, said = asked(capsys, "audit", "served")
    assert (code, said["ok"]) == (1, False)
    wrong = {(one["name"], one["alias"]): one["reason"] for one in said["served"] if not one["ok"]}
    assert wrong["policy", "champion"] == (
        "the alias was moved past the ledger, which names version 5: MLflow names version 3")
    assert set(wrong) == {("policy", "champion"), ("policy", "previous"), ("policy", "challenger"), ("policy", "best")}


def test_a_flipped_bit_of_the_champion_is_named_by_its_file_and_nothing_loads_it(
    audited: World, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.promotion.verified import verified_model
    from tasks.contracts.errors import DigestMismatch

    assert verified_model(audited.ledger, "policy", 5).name == registered(audited, 5).digest
    flip(stored(registry.get("policy", 5)) / "model.safetensors")

    _, said = asked(capsys, "audit", "served")

    (wrong,) = [one for one in said["served"] if not one["ok"]]
    assert (wrong["alias"], wrong["reason"]) == ("champion", "model.safetensors was changed")
    assert [(one["path"], one["how"]) for one in wrong["files"]] == [("model.safetensors", "changed")]
    assert cli.run(["audit", "served"]) == 1
    assert "NOT AS APPROVED: model.safetensors was changed" in capsys.readouterr().out
    with pytest.raises(DigestMismatch, match=r"policy version 5: model\.safetensors was changed"):
        verified_model(audited.ledger, "policy", 5)


def test_a_digest_that_was_edited_in_mlflow_beside_its_bytes_is_not_believed(audited: World) -> None:
    from flows.promotion.verified import verified_model
    from tasks.contracts.canonical import folder_digest
    from tasks.contracts.errors import DigestMismatch, UnknownVersion

    folder = stored(registry.get("policy", 5))
    (folder / "model.safetensors").write_text("another")
    connect().set_model_version_tag("policy", "5", "sha256", folder_digest(folder))

    assert fetch(registry.get("policy", 5)).is_dir()  # MLflow says so of itself
    with pytest.raises(DigestMismatch, match=r"model\.safetensors was changed"):
        verified_model(audited.ledger, "policy", 5)
    with pytest.raises(UnknownVersion):
        verified_model(audited.ledger, "policy", 9)


def cached(world: World, md5: str) -> Path:
    return world.home / "cache/files/md5" / md5[:2] / md5[2:]


def inside(world: World, folder: str, name: str) -> str:
    """The md5 of a file in a folder that DVC keeps."""
    return str(next(one["md5"] for one in json.loads(cached(world, folder).read_bytes()) if one["relpath"] == name))


def test_objects_of_dvc_that_were_changed_or_collected_are_named(
    audited: World, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = told(audited.ledger.entries())
    added = frozenset({entry.payload["data"] for entry in entries if entry.kind == "data version"})
    first, last = (outputs(audited.root, audited.home, entries, registered(audited, one), added) for one in (1, 5))
    shard = inside(audited, last["data"], "later.jsonl")  # a data shard, of data version 2 on
    policy = inside(audited, last["build/policy"], "model.safetensors")
    flip(cached(audited, shard))
    cached(audited, policy).unlink()
    cached(audited, first["build/evidence"]).unlink()
    remote = audited.home / "store/files/md5"
    flip(remote / shard[:2] / shard[2:])

    found = reconciled(capsys)

    assert {key for key in found if key[0] == "dvc"} == {
        ("dvc", "edited", f"object {shard[:12]} in the cache: data/later.jsonl of data version 2 and 6 more"),
        ("dvc", "garbage-collected",
         f"object {policy[:12]} in the cache: build/policy/model.safetensors of policy version 5"),
        ("dvc", "garbage-collected",
         f"object {first['build/evidence'][:12]} in the cache: build/evidence of policy version 1")}


def test_a_change_in_the_workspace_is_named(audited: World, capsys: pytest.CaptureFixture[str]) -> None:
    flip(audited.root / "data/preferences.jsonl.gz")
    (audited.root / "data/new.jsonl").touch()
    flip(audited.root / "build/policy/model.safetensors")
    shutil.rmtree(audited.root / "build/reward")  # as a run that broke off leaves it

    assert reconciled(capsys).keys() == {
        ("disk", "edited", "data/preferences.jsonl.gz"), ("disk", "unknown", "data/new.jsonl"),
        ("disk", "edited", "build/policy/model.safetensors")}


def test_a_remotes_object_is_read_when_it_is_asked_for(audited: World, capsys: pytest.CaptureFixture[str]) -> None:
    locks = read_locks((audited.root / "dvc.lock").read_text(encoding="utf-8"))
    name = inside(audited, locks["train_policy"].writes["build/policy"], "model.safetensors")
    flip(audited.home / "store/files/md5" / name[:2] / name[2:])

    assert reconciled(capsys) == {}
    ((key, said),) = reconciled(capsys, "--deep").items()

    assert key == ("dvc", "edited",
                   f"object {name[:12]} in the remote store: build/policy/model.safetensors of policy version 6")
    assert said["next_step"].startswith("Delete ")


def test_what_was_changed_or_lost_in_the_state_folder_is_named(
    audited: World, capsys: pytest.CaptureFixture[str]
) -> None:
    home, five, four = audited.home, registered(audited, 5), registered(audited, 4)
    (diff,) = (home / "diffs").iterdir()
    flip(home / "bundles" / f"{five.bundle}.json")
    (home / "bundles" / f"{four.bundle}.sig").unlink()
    flip(home / "files" / five.files["params.yaml"])
    (home / "files" / four.files["params.yaml"]).unlink()
    flip(diff)
    (home / "keys/ledger.pem").unlink()

    found = reconciled(capsys)

    assert {(what, name.split(" ")[0]) for where, what, name in found if where == "disk"} == {
        ("edited", f"bundles/{five.bundle}.json"), ("deleted", f"bundles/{four.bundle}.sig"),
        ("edited", f"files/{five.files['params.yaml']}"), ("deleted", f"files/{four.files['params.yaml']}"),
        ("edited", f"diffs/{diff.name}"), ("deleted", "keys/ledger.pem")}
    assert {where for where, _, _ in found} == {"disk"}


def test_a_manifest_of_rows_that_was_changed_is_named(audited: World, capsys: pytest.CaptureFixture[str]) -> None:
    six = registered(audited, 6)
    root = six.manifests["sft_train"]["root"]
    (path,) = (audited.home / "manifests").glob(f"{root}*")
    flip(path)

    found = reconciled(capsys)

    assert [(what, name.split(" ")[0]) for _, what, name in found] == [("edited", f"manifests/{root}")]


def test_a_ledger_that_does_not_verify_is_no_ground_to_compare_on(
    audited: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (audited.home / "ledger.head").unlink()

    code, said = asked(capsys, "audit", "reconcile")

    assert code == 1
    assert said["error"].startswith("LedgerBroken: ")


def test_for_people_each_finding_is_a_line_with_what_to_do(
    audited: World, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(audited.root / "data/later.jsonl")

    assert cli.run(["audit", "reconcile"]) == 1

    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("disk: edited: data/later.jsonl: wanted md5 ")
    assert "`dvc checkout data.dvc` undoes it" in first
    assert last.startswith("1 thing(s) are not as the ")


def test_a_run_that_was_killed_leaves_nothing_to_find_once_it_is_closed(
    audited: World, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.retrain import opened
    from flows.run import begin

    killed = begin(audited.root, force=False)
    opened(killed)
    (audited.root / "build/policy/model.safetensors").write_text("half of it")  # a stage was at work
    assert reconciled(capsys) == {}

    closer = begin(audited.root, force=False)

    kinds = [entry.kind for entry in audited.ledger.entries()][-4:]
    assert kinds == ["run started", "run finished", RECORDED, "run started"]
    assert reconciled(capsys) == {}
    connect().set_tag(killed.parent_run or "", "hallmark.outcome", "promoted")
    assert [key[1:] for key in reconciled(capsys)] == [
        ("unknown", f"run {(killed.parent_run or '')[:12]} ({killed.id}): tag hallmark.outcome")]
    assert closer.parent_run is None
