"""What `hallmark audit rebuild --keep` left is searched by an erasure like everything else below the state folder."""

import shutil
from pathlib import Path

from tests.flows.audit_world import ERASED, World
from tests.flows.erasure.test_erasure import forget, hallmark, holding


def left(world: World) -> list[str]:
    """Files of kept rebuilds that hold the row's text, or its id where a shard has it."""
    return [path for path in holding(world.root) if path.startswith(".hallmark/rebuild/")]


def test_a_forgotten_row_is_in_no_kept_rebuild(audited: World, capsys) -> None:
    kept = Path(hallmark(capsys, "audit", "rebuild", "2", "--stage", "check_data", "--stage", "prepare_data",
                         "--keep", "--json")["kept"])
    before = {path.relative_to(kept).as_posix() for path in kept.rglob("*")}
    held = {Path(path).relative_to(kept.relative_to(audited.root)).as_posix() for path in left(audited)}
    shard = next((kept / "tree/build/prepared").glob("preferences_train.jsonl"))
    assert {"tree/data/preferences.jsonl.gz", "tree/build/checked/preferences.jsonl"} <= held, "the twin"
    assert ERASED in shard.read_text()
    resumable = kept / "state/checkpoints/train_sft/a/state"
    resumable.parent.mkdir(parents=True)
    resumable.write_bytes(b"tokens of who knows which rows")

    said = forget(capsys, ERASED)

    assert left(audited) == []
    assert said["remaining"] == []
    assert not shard.exists(), "its lines begin with the row's id, and are its tokens"
    assert not resumable.exists()
    assert f"<state>/{shard.relative_to(audited.home).as_posix()}" in said["removed"]
    after = {path.relative_to(kept).as_posix() for path in kept.rglob("*")}
    assert {"tree/params.yaml", "tree/dvc.lock", "tree/data/later.jsonl"} <= after, "what holds no row stays"
    assert before - after >= held
    shutil.rmtree(kept)
