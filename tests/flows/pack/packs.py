"""Packs, laid out and checked as whoever gets one does: plain Python, an empty folder, no package."""

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from flows.pack import verify
from tasks.contracts.canonical import canonical_json
from tasks.records.signatures import Key, load_key, sign

PLAIN_PYTHON = "/usr/bin/env"  # with an empty environment, so that no package of ours can be found


def check(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the verify.py of an unpacked pack on it, by plain python3."""
    return subprocess.run(
        [PLAIN_PYTHON, "-i", "PATH=/usr/bin:/bin", "python3", "-I", "-S", "verify.py", *words], cwd=folder,
        capture_output=True, text=True, check=False, timeout=60)


def unpacked(archive: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(folder)
    return folder


def faults(folder: Path, *words: str) -> list[str]:
    """What does not hold, one line a fault; the last line and the exit code are held to it."""
    done = check(folder, *words)
    wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert done.returncode == (1 if wrong else 0), done
    assert done.stdout.splitlines()[-1].startswith("NOT verified" if wrong else ("verified", "consistent")), done
    assert not done.stderr, done
    return wrong


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a text file; it must differ afterwards."""
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before, path
    path.write_text(after, encoding="utf-8")


def sign_anew(folder: Path, private: Path | Key) -> None:
    """List and sign the files of a pack as whoever holds the private key could do after a change."""
    key = private if isinstance(private, Key) else load_key(private)
    names = sorted(name for name in verify.files_below(folder) if not name.startswith("MANIFEST."))
    listed = "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (folder / "MANIFEST.sha256").write_text(listed)
    digest = hashlib.sha256(listed.encode()).hexdigest()
    (folder / "MANIFEST.sig").write_bytes(canonical_json({
        "digest": digest, "key": key.public, "purpose": "audit pack", "signature": sign(key, "audit pack", digest)}))


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]
