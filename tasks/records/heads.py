"""The ledger's signed head, a small file beside the table: without it a cut tail would leave a sound, shorter chain.

It is replaced after each append, by one writer at a time, so it is the last entry or, after a kill, the one before.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

from tasks.contracts.canonical import canonical_json
from tasks.contracts.errors import LedgerBroken
from tasks.records.chain import RESTORE, Head


def read_head(path: Path) -> Head | None:
    """Read the head; None where there is none. Raises LedgerBroken where the file is something else."""
    try:
        raw = json.loads(path.read_bytes())
        head = Head(**raw)
        if [type(value) for value in asdict(head).values()] != [int, str, str, str]:
            raise ValueError("a field has the wrong type")
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, RecursionError):
        raise LedgerBroken("is no head of a ledger", where=str(path), next_step=RESTORE) from None
    return head


def write_head(path: Path, head: Head) -> None:
    """Replace the head; a reader sees the old one or the new one, whole."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(canonical_json(asdict(head)))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
