"""Digests of a run, on real git checkouts."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tasks.contracts.errors import NotAWorkspace
from tasks.records.digests import RunDigests, run_digests, stage_lock_digest, working_diff
from tasks.records.machine import installed_packages, machine


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments], cwd=root, check=True,
        capture_output=True, text=True).stdout.strip()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "infra").mkdir(parents=True)
    (root / "params.yaml").write_text("seed: 1\n")
    (root / "dvc.lock").write_text("stages: {}\n")
    (root / "infra" / "constraints.txt").write_text("torch==2.13.0\n")
    (root / ".gitignore").write_text("/build/\n")
    git(tmp_path, "init", "-q", "-b", "main", "workspace")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_clean_checkout_is_named_by_its_commit_and_its_files(workspace):
    digests = run_digests(workspace)
    assert digests == RunDigests(
        commit=git(workspace, "rev-parse", "HEAD"), dirty=False, diff_sha256=None,
        dvc_lock_sha256=sha256(b"stages: {}\n"), params_sha256=sha256(b"seed: 1\n"),
        constraints_sha256=sha256(b"torch==2.13.0\n"), packages_sha256=sha256(installed_packages().encode()),
        **machine())
    assert run_digests(workspace).digest == digests.digest


def test_a_changed_lock_and_ignored_files_do_not_make_a_tree_dirty(workspace):
    before = run_digests(workspace)
    (workspace / "dvc.lock").write_text("stages: {a: {cmd: b}}\n")
    (workspace / "build").mkdir()
    (workspace / "build" / "model").touch()
    git(workspace, "add", "dvc.lock")
    digests = run_digests(workspace)
    assert not digests.dirty
    assert digests.dvc_lock_sha256 == sha256(b"stages: {a: {cmd: b}}\n")
    assert digests.digest != before.digest


def changes() -> dict[str, list[str]]:
    return {
        "changed": ["sh", "-c", "echo 'seed: 2' > params.yaml"],
        "staged": ["sh", "-c", "echo 'seed: 2' > params.yaml && git add params.yaml"],
        "deleted": ["rm", ".gitignore"],
        "untracked": ["sh", "-c", "echo new > 'a file \u00e9.txt'"],
        "untracked binary": ["sh", "-c", "printf '\\000\\001' > binary"],
        "executable": ["chmod", "+x", "params.yaml"],
        "another dvc.lock": ["sh", "-c", "echo x > infra/dvc.lock"],
    }


@pytest.mark.parametrize("change", changes())
def test_any_other_change_is_dirty_and_its_patch_makes_it_again(workspace, tmp_path, change):
    subprocess.run(changes()[change], cwd=workspace, check=True)
    status, index = git(workspace, "status", "--porcelain"), (workspace / ".git" / "index").read_bytes()
    digests = run_digests(workspace, keep_diff_in=tmp_path / "diffs")
    assert digests.dirty
    patch = tmp_path / "diffs" / f"{digests.diff_sha256}.patch"
    assert sha256(patch.read_bytes()) == digests.diff_sha256
    assert (workspace / ".git" / "index").read_bytes() == index  # the checkout itself is left alone
    assert git(workspace, "status", "--porcelain") == status

    git(tmp_path, "clone", "-q", "workspace", "copy")
    git(tmp_path / "copy", "apply", str(patch))
    assert working_diff(tmp_path / "copy") == patch.read_bytes()


def test_a_clean_tree_keeps_no_patch(workspace, tmp_path):
    run_digests(workspace, keep_diff_in=tmp_path / "diffs")
    assert not (tmp_path / "diffs").exists()


def test_the_settings_of_whoever_runs_git_do_not_change_the_patch(workspace):
    (workspace / "params.yaml").write_text("seed: 2\n")
    before = working_diff(workspace)
    for name, value in (("diff.noprefix", "true"), ("diff.mnemonicPrefix", "true"), ("color.diff", "always"),
                        ("diff.external", "false"), ("diff.context", "9"), ("diff.algorithm", "histogram")):
        git(workspace, "config", name, value)
    assert working_diff(workspace) == before


def test_a_folder_without_git_is_no_workspace(tmp_path):
    with pytest.raises(NotAWorkspace, match=r"not a git repository.*cloned with git"):
        run_digests(tmp_path)


def test_a_checkout_without_a_commit_is_no_workspace(tmp_path):
    git(tmp_path, "init", "-q")
    with pytest.raises(NotAWorkspace, match="nothing is committed yet"):
        run_digests(tmp_path)


def test_a_checkout_without_settings_is_no_workspace(workspace):
    (workspace / "params.yaml").unlink()
    with pytest.raises(NotAWorkspace, match=r"params\.yaml"):
        run_digests(workspace)


def test_a_machine_without_git_is_told_to_install_it(workspace, monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(NotAWorkspace, match="Install git"):
        run_digests(workspace)


def test_what_is_missing_has_no_digest(workspace):
    (workspace / "dvc.lock").unlink()
    (workspace / "infra" / "constraints.txt").unlink()
    digests = run_digests(workspace)
    assert (digests.dvc_lock_sha256, digests.constraints_sha256) == (None, None)


def test_a_stage_is_named_by_what_the_lock_says_of_it_alone(workspace):
    lock = workspace / "dvc.lock"
    assert stage_lock_digest(workspace, "evaluate") is None
    lock.write_text("schema: '2.0'\nstages:\n  a: {cmd: x, outs: [{md5: '1', size: 3}]}\n  b: {cmd: y}\n")
    first = stage_lock_digest(workspace, "a")
    assert first == sha256(b'{"cmd":"x","outs":[{"md5":"1","size":3}]}')
    lock.write_text("stages:\n  b: {cmd: z}\n  a: {outs: [{size: 3, md5: '1'}], cmd: x}\n")
    assert stage_lock_digest(workspace, "a") == first
    lock.unlink()
    assert stage_lock_digest(workspace, "a") is None
