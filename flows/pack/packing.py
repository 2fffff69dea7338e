"""Packing a version: read and check, write, read back with the pack's own verifier, record."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flows.desk import Desk
from flows.lineage.versions import Names
from flows.pack.archive import with_manifest, write_archive
from flows.pack.contents import VERIFIER, contents
from flows.pack.record import extract
from flows.pack.subject import read_subject
from tasks.contracts.canonical import file_sha256
from tasks.contracts.errors import DigestMismatch
from tasks.records.installation_key import signing_key


@dataclass(frozen=True)
class Packed:
    """An archive as it was written and verified. `verified`: what its verifier said, line by line."""

    path: Path
    sha256: str
    size: int
    files: int
    key: str
    verified: tuple[str, ...]
    entry: int  # of the ledger, that says so


def pack(
    desk: Desk, version: int, out: Path, *, rows: bool = False, with_model: bool = False, whole_ledger: bool = False
) -> Packed:
    """Write the audit pack of a version of the registered policy.

    Args:
        rows: put the ids of the rows in, with whose line each was.
        with_model: put the model's bytes in.
        whole_ledger: put every entry in, up to the last about this version, and not those about it alone.

    Raises:
        UnknownVersion, Refused: there is nothing to pack.
        DigestMismatch: something is not what was recorded; nothing was written.
    """
    names = Names(desk.name, desk.params.promotion.reward_model)
    subject = read_subject(desk.root, desk.home, desk.ledger, names, version)
    key = signing_key(desk.home, desk.ledger.keys())
    record = extract(subject, key, whole=whole_ledger)
    files = with_manifest(contents(subject, record, key, rows=rows, with_model=with_model), key)
    draft = out.with_name(f".{out.name}.draft")
    try:
        write_archive(files, draft)
        said, sha256, size = read_back(draft, subject.first_key), file_sha256(draft), draft.stat().st_size
        entry = desk.record("packed", name=desk.name, version=version, archive=sha256)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return Packed(out, sha256, size, len(files), key.public, said, entry.index)


def read_back(archive: Path, key: str) -> tuple[str, ...]:
    """What the pack's own verifier says of it, without any package. Raises DigestMismatch where it does not verify."""
    done = subprocess.run([sys.executable, "-I", "-S", str(VERIFIER), "--key", key, str(archive)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        wrong = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("ok")]
        raise DigestMismatch("does not verify, so it was not kept", where=archive.name, found=" ".join(wrong)[:1000],
                             next_step="`hallmark audit verify` and `hallmark audit reconcile` say what was changed.")
    return tuple(done.stdout.splitlines())
