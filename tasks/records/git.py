"""git, asked in one way: nobody's language, settings of colour or waiting locks change what it says."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tasks.contracts.errors import Fault, NotAWorkspace


def git(root: Path, *words: str, stdin: bytes | None = None,
        env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run git in a folder and return how it ended, well or not.

    Args:
        env: variables beside those of this process.

    Raises:
        NotAWorkspace: git is not installed, or there is no such folder.
    """
    try:
        return subprocess.run(
            ["git", *words], cwd=root, input=stdin, capture_output=True, check=False,
            env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", **(env or {})})
    except OSError as error:
        raise NotAWorkspace(
            "git cannot be started here", where=str(root), found=error.strerror or "",
            next_step="Install git and see that the folder exists: a run is named by its commit.") from None


def git_output(root: Path, *words: str, stdin: bytes | None = None) -> bytes:
    """What git prints. Raises Fault where it fails, and NotAWorkspace as `git` does."""
    done = git(root, *words, stdin=stdin)
    if done.returncode:
        raise Fault(f"`git {' '.join(words)}` failed", where=str(root), found=fault_of(done))
    return done.stdout


def fault_of(done: "subprocess.CompletedProcess[bytes]") -> str:
    """What git said of its failure, in one line."""
    said = " ".join(done.stderr.decode(errors="replace").split())
    return said or f"git ended with {done.returncode}"
