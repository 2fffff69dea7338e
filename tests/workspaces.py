"""Copies of the checkout in which a whole retraining can run, with the real code, git and DVC."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

FILES = ("text", "demonstrations", "preferences", "preferences_heldout", "prompts_heldout")


def copy_of(repository: Path, root: Path, settings: Path) -> Path:
    """Copy the checkout's files to root, with other settings as params.yaml, as a git repository without data."""
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=repository,
                           capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (repository / name).is_file() and not name.startswith(("tests/", "infra/seed-data/", "docs/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / name, root / name)
    (root / "data.dvc").unlink(missing_ok=True)
    shutil.copyfile(settings, root / "params.yaml")
    call(root, "git", "init", "-q", "-b", "main")
    return root


def demo_rows(root: Path, world: Path, rows: int) -> None:
    """Put the first rows of each file of a demo world into the workspace's data."""
    (root / "data").mkdir()
    for name in FILES:
        with gzip.open(world / f"{name}.jsonl.gz", "rt", encoding="utf-8") as source:
            kept = [line for line, _ in zip(source, range(rows), strict=False)]
        assert all(json.loads(line) for line in kept)
        with gzip.open(root / "data" / f"{name}.jsonl.gz", "wt", encoding="utf-8") as target:
            target.writelines(kept)


def commit(root: Path) -> None:
    """Track the data with DVC and everything else with git."""
    call(root, sys.executable, "-m", "dvc", "add", "-q", "data")
    call(root, "git", "add", "-A")
    call(root, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "workspace")


def hallmark(root: Path, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run the command in the workspace and hold it to its exit code; None: any."""
    done = call(root, sys.executable, "-c", "from flows.cli.main import main; main()", *words, check=False)
    said = f"hallmark {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert expect in (None, done.returncode), said
    return done


def call(root: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    return subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=check, timeout=1800)
