"""A version is made again from commit, patch, settings and data of then: real git, real DVC, real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.rebuild.rebuild import Answer, Wanted, rebuild
from tasks.contracts.errors import DigestMismatch, Misused, Refused
from tests.flows.hands import AUTHOR, desk
from tests.flows.rebuild.rebuilding import call, package, rebuild_in_background, workspace_with_a_version
from tests.flows.running.test_groups import alive, wait_until


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The workspace with its version, made once; each test gets a copy."""
    folder, before = tmp_path_factory.mktemp("made"), Path.cwd()
    package(folder / "packages", "1.0")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "packages"))
        patch.setenv("HALLMARK_HOME", str(folder / "workspace/.hallmark"))
        patch.setenv("PYTHONPATH", str(repository))
        workspace_with_a_version(folder / "workspace", repository)
    os.chdir(before)
    return folder


@pytest.fixture
def root(template: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(template, tmp_path / "made", symlinks=True)
    root = tmp_path / "made/workspace"
    monkeypatch.chdir(root)
    monkeypatch.setenv("HALLMARK_HOME", str(root / ".hallmark"))
    packages = str(tmp_path / "made/packages")
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([packages, str(repository)]))
    return root


def again(root: Path, **wanted: Any) -> Answer:
    return rebuild(desk(root), Wanted("policy", 1, **wanted))


def verdicts(answer: Answer) -> list[tuple[str, str]]:
    return [(one.name, one.verdict) for one in answer.stages]


def worktrees(root: Path) -> list[str]:
    listed = call(root, "git", "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]


def last_entry(root: Path) -> Any:
    return desk(root).ledger.entries()[-1]


def test_a_version_of_a_dirty_tree_and_of_data_that_changed_since_comes_out_bit_for_bit(root: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()
              and not {".hallmark", ".git", "tmp"} & set(path.relative_to(root).parts)}

    answer = again(root)

    assert verdicts(answer) == [("learn", "identical"), ("measure", "identical")]
    assert answer.sentence == "policy version 1 comes out again bit for bit: 2 stages, the same bytes in every file."
    assert answer.digest == answer.subject.one.digest
    assert answer.conditions == ()
    entry = last_entry(root)
    assert (entry.kind, entry.payload["name"], entry.payload["version"]) == ("rebuilt", "policy", 1)
    assert [(one["name"], one["verdict"]) for one in entry.payload["stages"]] == verdicts(answer)
    assert worktrees(root) == [str(root)]
    assert list((root / ".hallmark/rebuild").iterdir()) == []
    assert {path: path.read_bytes() for path in before} == before
    assert not (root / "build").exists()
    assert call(root, "git", "status", "--porcelain") == ""


def test_one_that_is_off_by_rounding_is_within_tolerance_and_says_by_how_much(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOISE", "1e-9")

    answer = again(root, stages=["learn"])

    (learn,) = answer.stages
    assert learn.verdict == "within tolerance"
    assert learn.amount == pytest.approx(1e-9 / 1.5, rel=1e-6)
    assert learn.detail == (
        "build/policy/model.safetensors differs by at most 1e-09, 6.67e-10 of the value, in tensor weight")
    assert again(root, stages=["learn"], tolerance=1e-10).verdict == "different"


def test_one_that_is_off_by_more_is_different_and_so_is_what_reads_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOISE", "1e-3")

    answer = again(root)

    assert verdicts(answer) == [("learn", "different"), ("measure", "different")]
    assert answer.cause == ("learn: on the same inputs build/policy/model.safetensors differs by at most 0.001, "
                            "0.000667 of the value, in tensor weight")
    assert answer.stages[1].detail == ("its input build/policy differs (made by learn); build/evidence/evidence.json "
                                       "differs in value candidate")
    assert answer.sentence.startswith("policy version 1 does NOT come out again: learn: on the same inputs ")
    assert answer.digest != answer.subject.one.digest


def test_a_stage_alone_is_run_on_the_recorded_outputs_of_the_others(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOISE", "1")  # learn is not run

    assert verdicts(again(root, stages=["measure"])) == [("measure", "identical")]
    with pytest.raises(Misused, match="wanted one of learn, measure"):
        again(root, stages=["nonsense"])


def cached(root: Path, file: str) -> Path:
    """Where DVC's cache has the object of data.dvc of then."""
    commit = desk(root).ledger.entries()[0].payload["commit"]
    digest = call(root, "git", "show", f"{commit}:{file}").partition("md5: ")[2].split()[0]
    return root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]


def test_data_that_are_gone_are_named_and_a_remote_that_has_them_is_asked(root: Path) -> None:
    call(root, sys.executable, "-m", "dvc", "remote", "add", "-q", "store", str(root / ".hallmark/store"))
    listed = cached(root, "data.dvc")
    (file,) = json.loads(listed.read_text())
    kept = root / ".hallmark/store/files/md5"
    for path in (listed, listed.parents[1] / file["md5"][:2] / file["md5"][2:]):
        (kept / path.parent.name).mkdir(parents=True)
        shutil.move(path, kept / path.parent.name / path.name)
    assert verdicts(again(root)) == [("learn", "identical"), ("measure", "identical")]

    shutil.rmtree(kept)
    with pytest.raises(Refused, match="data: its bytes are in neither cache nor remote any more"):
        again(root)
    assert last_entry(root).kind == "rebuilt"  # the first one

    desk(root).record("data version", version=1, data=f"{listed.parent.name}{listed.name}")
    desk(root).record("erasure finished", rows=[], data_before=1, data_after=2)
    with pytest.raises(Refused, match="They were deleted on purpose: ledger entry"):
        again(root)
    assert worktrees(root) == [str(root)]


def test_data_of_other_bytes_under_the_same_name_are_refused(root: Path) -> None:
    listed = cached(root, "data.dvc")
    (file,) = json.loads(listed.read_text())
    path = listed.parents[1] / file["md5"][:2] / file["md5"][2:]
    path.chmod(0o644)
    path.write_text("forged rows")

    with pytest.raises(DigestMismatch, match="data: is not what it was then"):
        again(root)
    assert last_entry(root).kind == "run finished"


def test_other_packages_are_refused_unless_they_are_asked_for_and_then_are_the_first_suspects(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(root.parent / "packages", "2.0")
    monkeypatch.setenv("NOISE", "1")

    with pytest.raises(Refused, match=r"found ghost 1\.0 then, 2\.0 now"):
        again(root)
    answer = again(root, stages=["learn"], other_packages=True)

    assert answer.conditions == ("ghost 1.0 then, 2.0 now",)
    assert answer.sentence.endswith("First suspects: ghost 1.0 then, 2.0 now.")


def lose_the_commit(root: Path) -> None:
    call(root, "git", "checkout", "-q", "--orphan", "anew")
    call(root, "git", *AUTHOR, "commit", "-qm", "history begins here")
    call(root, "git", "branch", "-D", "master")
    call(root, "git", "reflog", "expire", "--expire=now", "--all")
    call(root, "git", "gc", "-q", "--prune=now")


def lose_the_patch(root: Path) -> None:
    next((root / ".hallmark/diffs").glob("*.patch")).unlink()


def forge_the_patch(root: Path) -> None:
    patch = next((root / ".hallmark/diffs").glob("*.patch"))
    patch.write_bytes(patch.read_bytes().replace(b"+0.5", b"+0.7"))


def forge_the_settings(root: Path) -> None:
    path = root / ".hallmark/files" / registered(root)["files"]["params.yaml"]
    path.write_text(path.read_text().replace("seed: 5", "seed: 6"))


def registered(root: Path) -> dict[str, Any]:
    return next(entry.payload for entry in desk(root).ledger.entries() if entry.kind == "registered")


@pytest.mark.parametrize(("spoil", "error", "said"), [
    (lose_the_commit, Refused, "the commit that it was made at is not in this repository"),
    (lose_the_patch, DigestMismatch, r"uncommitted changes of its run are gone or were changed; .* no such file"),
    (forge_the_patch, DigestMismatch, "uncommitted changes of its run are gone or were changed"),
    (forge_the_settings, DigestMismatch, r"params\.yaml of its run is gone from the state folder or was changed")])
def test_what_is_gone_or_forged_is_named_and_nothing_runs(
    root: Path, spoil: Callable[[Path], None], error: type[Exception], said: str
) -> None:
    spoil(root)

    with pytest.raises(error, match=said):
        again(root)

    assert last_entry(root).kind == "run finished"
    assert worktrees(root) == [str(root)]


def test_the_command_answers_in_json_and_its_exit_code_is_the_verdict(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.run(["audit", "rebuild", "1", "--stage", "measure", "--json", "--keep"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["verdict"], one["detail"]) for one in said["stages"]] == [
        ("measure", "identical", "the same bytes in 1 output")]
    assert (said["verdict"], said["dirty"], said["cause"]) == ("identical", True, None)
    assert (Path(said["kept"]) / "tree/new.txt").read_bytes() == b"\x00 of no stage"

    monkeypatch.setenv("NOISE", "1")
    assert cli.run(["audit", "rebuild", "1", "--stage", "learn"]) == 1
    out = capsys.readouterr().out
    assert "does NOT come out again" in out.splitlines()[-1]
    assert Path(said["kept"]).is_dir()  # it is not taken for a leftover
    assert cli.run(["audit", "rebuild", "9"]) == 2
    assert cli.run(["audit", "rebuild", "1", "--tolerance", "-1"]) == 2


def start_and_sleep(root: Path, note: Path) -> tuple["subprocess.Popen[str]", int]:
    process = rebuild_in_background(root, SLEEP=str(note))
    assert wait_until(lambda: note.exists() and bool(note.read_text()), 60)
    return process, int(note.read_text())


def test_a_rebuild_that_is_interrupted_leaves_nothing(root: Path, tmp_path: Path) -> None:
    process, stage = start_and_sleep(root, tmp_path / "pid")
    assert len(worktrees(root)) == 2

    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=60)

    assert (process.returncode, said.startswith("Interrupted")) == (3, True)
    assert wait_until(lambda: not alive(stage))
    assert worktrees(root) == [str(root)]
    assert last_entry(root).kind == "run finished"


def test_what_a_killed_rebuild_left_goes_with_the_next_and_foreign_worktrees_stay(root: Path, tmp_path: Path) -> None:
    call(root, "git", "worktree", "add", "-q", str(tmp_path / "mine"))
    call(root, "git", "worktree", "add", "-q", str(tmp_path / "away"))
    shutil.move(tmp_path / "away", tmp_path / "on another disk")
    process, stage = start_and_sleep(root, tmp_path / "pid")
    process.kill()
    process.wait()
    assert len(worktrees(root)) == 4
    assert alive(stage)

    assert verdicts(again(root, stages=["measure"])) == [("measure", "identical")]

    assert wait_until(lambda: not alive(stage))
    assert sorted(worktrees(root)) == sorted(map(str, (root, tmp_path / "mine", tmp_path / "away")))
    assert (tmp_path / "mine/make.py").exists()
    assert list((root / ".hallmark/rebuild").iterdir()) == []
