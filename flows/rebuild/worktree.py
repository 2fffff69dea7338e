"""A clean worktree at a version's commit, in a folder of its own below the state folder, and its end.

Whatever a killed rebuild left is taken away by the next one: only what lies in the folder of rebuilds, never a worktree
of somebody else.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.rebuild.subject import Subject
from tasks.contracts.canonical import sha256_hex
from tasks.contracts.errors import DigestMismatch, Refused, WorkspaceBusy
from tasks.contracts.places import DVC_LOCK, PARAMS
from tasks.records.digests import working_diff
from tasks.records.git import git, git_output

REBUILDS = "rebuild"  # below home()
KEPT = "kept"  # a file that marks a rebuild whose folder stays


@contextmanager
def alone(home: Path) -> Iterator[Path]:
    """The folder of rebuilds, to oneself: one at a time, what killed ones left is gone.

    Raises:
        WorkspaceBusy: another rebuild is at work.
    """
    from filelock import FileLock, Timeout

    folder = home.absolute() / REBUILDS
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "rebuild.lock")
    try:
        lock.acquire(timeout=0.5)
    except Timeout:
        raise WorkspaceBusy("another rebuild is at work", where=str(folder), next_step="Wait for it.") from None
    try:
        yield folder
    finally:
        lock.release()


@contextmanager
def checkout(root: Path, place: Path, subject: Subject, *, keep: bool) -> Iterator[Path]:
    """PLACE/tree as the run had its files: the commit, its uncommitted changes, params.yaml and dvc.lock.

    Args:
        keep: leave the folder behind; git lists it among its worktrees.

    Raises:
        Refused: the commit is not in this repository.
        DigestMismatch: the files that result are not those of then.
    """
    tree = place / "tree"
    _refuse_without_commit(root, subject)
    try:
        place.mkdir(parents=True)
        if keep:
            (place / KEPT).touch()
        git_output(root, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(tree),
                   subject.commit)
        _lay_over(tree, subject)
        yield tree
    finally:
        if not keep:
            remove(root, place)


def remove_left_behind(root: Path, folder: Path) -> list[str]:
    """Take away what killed rebuilds left, with the rebuilds alone; return the names of their folders."""
    ours = {Path(line.removeprefix("worktree ")).parent for line in _listed(root)}
    left = sorted(place for place in {*folder.iterdir(), *(one for one in ours if one.parent == folder.resolve())}
                  if not (place / KEPT).exists())
    for place in left:
        remove(root, place)
    return [place.name for place in left]


def remove(root: Path, place: Path) -> None:
    """Take one rebuild's folder away, and git's note of the worktree in it."""
    tree = place / "tree"
    if f"worktree {tree.resolve()}" in _listed(root):
        git_output(root, "worktree", "remove", "--force", "--force", str(tree))  # twice: also one that was half made
    shutil.rmtree(place, ignore_errors=True)


def _listed(root: Path) -> list[str]:
    return git_output(root, "worktree", "list", "--porcelain").decode().splitlines()


def _refuse_without_commit(root: Path, subject: Subject) -> None:
    if git(root, "cat-file", "-e", f"{subject.commit}^{{commit}}").returncode:
        raise Refused("the commit that it was made at is not in this repository", where=str(subject.one),
                      wanted=subject.commit, next_step="Fetch it (`git fetch`), from whoever has it.")


def _lay_over(tree: Path, subject: Subject) -> None:
    """The uncommitted changes, held against their digest, then settings and lock as they were kept."""
    if subject.diff:
        git_output(tree, "apply", "--binary", "--whitespace=nowarn", "-", stdin=subject.diff)
    found = working_diff(tree)
    if found != (subject.diff or b""):
        raise DigestMismatch(
            "the files of its run do not come out of commit and patch", where=subject.commit,
            wanted=f"a diff of sha256 {sha256_hex(subject.diff or b'')}", found=f"sha256 {sha256_hex(found)}",
            next_step="See which git settings change files at checkout (core.autocrlf, filters).")
    for path, text in ((PARAMS, subject.params), (DVC_LOCK, subject.lock)):
        (tree / path).write_text(text, encoding="utf-8", newline="")
