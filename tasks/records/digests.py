"""What a run was made of: digests of code, uncommitted changes, dvc.lock, settings, packages, and the hardware."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from tasks.contracts.canonical import canonical_json, file_sha256, sha256_hex
from tasks.contracts.errors import NotAWorkspace
from tasks.contracts.frozen import Frozen
from tasks.contracts.places import CONSTRAINTS, DVC_LOCK, PARAMS
from tasks.contracts.yaml_text import read_yaml
from tasks.records.git import fault_of, git
from tasks.records.machine import installed_packages, machine
from tasks.records.whole_files import write_whole

# written out, so that nobody's git settings change the bytes of the diff
_DIFF = ("-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "core.quotePath=true",
         "diff", "--cached", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames",
         "--unified=3", "--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/", "HEAD")
NOT_RECORDED = "not recorded"  # of what entries of earlier releases lack
_ALL_BUT_LOCK = ("--", ":(top)", f":(exclude){DVC_LOCK}")


class RunDigests(Frozen):
    """The identity of a run: the same digests on the same kind of hardware make the same bytes."""

    commit: str = Field(description="of the checkout, 40 or 64 hex")
    dirty: bool = Field(description="whether files differ from the commit; dvc.lock does not count")
    diff_sha256: str | None = Field(description="of the patch from the commit to the files; null where clean")
    dvc_lock_sha256: str | None = Field(description="null where no stage ever ran")
    params_sha256: str
    constraints_sha256: str | None = Field(description="of the lock file of packages; null where there is none")
    packages_sha256: str | None = Field(None, description="of the list of installed packages; null: not recorded")
    hardware: str = Field(description="system, processor, cores and GPUs in words")
    python: str = Field(NOT_RECORDED, description="version of the interpreter")
    processor: str = Field(NOT_RECORDED, description="its name, and the number of cores")
    gpu: str = Field(NOT_RECORDED, description="names of the GPUs; none where there is none")
    driver: str = Field(NOT_RECORDED, description="of NVIDIA; none where there is no GPU")
    cuda: str = Field(NOT_RECORDED, description="that torch computes with; none where it uses no GPU")

    @property
    def digest(self) -> str:
        """One name for all of it."""
        return sha256_hex(canonical_json(self.model_dump()))


def run_digests(root: Path, keep_diff_in: Path | None = None, keep_packages_in: Path | None = None) -> RunDigests:
    """Digest the workspace as it is now.

    Args:
        root: the workspace, in a git checkout.
        keep_diff_in: where the patch of a dirty tree is stored as SHA256.patch, e.g. `<home>/diffs`.
        keep_packages_in: where the list of installed packages is stored as SHA256, e.g. `<home>/files`.

    Raises:
        NotAWorkspace: git is not installed, the folder is in no checkout, nothing is committed, no params.yaml.
    """
    commit = _commit(root)
    diff = working_diff(root)
    if not (root / PARAMS).is_file():
        raise NotAWorkspace("holds no settings", where=str(root), wanted=str(PARAMS),
                            next_step="Run this in the root of a Hallmark checkout.")
    packages = installed_packages().encode()
    if diff and keep_diff_in:
        _keep(diff, keep_diff_in / f"{sha256_hex(diff)}.patch")
    if keep_packages_in:
        _keep(packages, keep_packages_in / sha256_hex(packages))
    return RunDigests(
        commit=commit, dirty=bool(diff), diff_sha256=sha256_hex(diff) if diff else None,
        dvc_lock_sha256=_digest_if_there(root / DVC_LOCK), params_sha256=file_sha256(root / PARAMS),
        constraints_sha256=_digest_if_there(root / CONSTRAINTS),
        packages_sha256=sha256_hex(packages), **machine())


def working_diff(root: Path) -> bytes:
    """The patch from the commit to the files as they are, empty where there is no change. `git apply` takes it.

    Changed, staged, deleted and untracked files count; ignored ones and dvc.lock do not. The checkout's own index
    and object store are not touched.
    """
    _commit(root)
    index = Path(_git(root, "rev-parse", "--path-format=absolute", "--git-path", "index").decode().rstrip("\n"))
    objects = _git(root, "rev-parse", "--path-format=absolute", "--git-path", "objects").decode().rstrip("\n")
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "objects").mkdir()
        if index.exists():
            shutil.copy2(index, Path(scratch) / "index")  # with what git knows of unchanged files, which makes it fast
        aside = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_OBJECT_DIRECTORY": f"{scratch}/objects",
                 "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects}
        _git(root, "add", "--all", "--", ":(top)", env=aside)
        return _git(root, *_DIFF, *_ALL_BUT_LOCK, env=aside)


def stage_lock_digest(root: Path, stage: str) -> str | None:
    """The digest of what dvc.lock says of a stage, inputs and outputs; None where it says nothing."""
    try:
        lock = read_yaml((root / DVC_LOCK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    stages = lock.get("stages") if isinstance(lock, dict) else None
    said = stages.get(stage) if isinstance(stages, dict) else None
    return sha256_hex(canonical_json(said)) if said is not None else None


def _commit(root: Path) -> str:
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
    except NotAWorkspace:
        _git(root, "rev-parse", "--git-dir")  # says first where there is no checkout at all
        raise NotAWorkspace("nothing is committed yet", where=str(root), wanted="a commit that the run can name",
                            next_step="Commit the workspace first.") from None


def _git(root: Path, *words: str, env: Mapping[str, str] | None = None) -> bytes:
    done = git(root, *words, env=env)
    if done.returncode:
        raise NotAWorkspace(
            "git cannot say what is in this folder", where=str(root), wanted="a git checkout", found=fault_of(done),
            next_step="Run this in the root of a Hallmark checkout that was cloned with git.")
    return done.stdout


def _keep(content: bytes, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, content)


def _digest_if_there(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None
