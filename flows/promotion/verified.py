"""The one door to a registered model: its bytes are those that the ledger approved, or nothing is loaded.

MLflow's own tags are not asked: whoever edits a version's bytes can edit them too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.lineage.reading import kept_text
from flows.promotion.succession import Entry
from tasks.contracts.errors import DigestMismatch, UnknownVersion
from tasks.records import model_store
from tasks.records.ledger import Ledger
from tasks.records.registry import Version

NAMING = ("registered", "promoting", "promoted")  # kinds of entries that give a version its digest
MODEL_FILES = "model_files"  # in a registration: sha256 of the kept list of the model's files


@dataclass(frozen=True)
class Approved:
    """A version's bytes as the ledger has them."""

    name: str
    version: int
    digest: str
    files: Mapping[str, str] | None  # path -> sha256; None: registered by a release that kept no list, or it is lost
    entry: int  # index of the last entry that says so

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def verified_model(ledger: Ledger, name: str, version: int) -> Path:
    """A folder with a registered version's bytes, checked at each call: what serves, answers or measures loads this.

    It is a copy of our own in the state folder, whose name is the model's digest.

    Raises:
        DigestMismatch: the bytes differ from the approved ones; the message names the file. Nothing may be loaded.
        UnknownVersion: the ledger knows no such version.
    """
    one = approved(ledger.entries_of(NAMING), ledger.home, name, version)
    return model_store.fetch(Version(name, version, one.digest, None), one.files)


def approved(entries: Iterable[Entry], home: Path, name: str, version: int) -> Approved:
    """What the ledger says of a version's bytes.

    Raises:
        UnknownVersion: it says nothing.
        DigestMismatch: what was promoted under this number is not what was registered last.
    """
    ours = [entry for entry in entries if entry.kind in NAMING
            and (entry.payload["name"], entry.payload["version"]) == (name, version)]
    if not ours:
        raise UnknownVersion(f"the ledger knows no version {version} of {name}",
                             next_step="`hallmark status` lists what is registered.")
    registered = [number for number, entry in enumerate(ours) if entry.kind == "registered"]
    ours = ours[registered[-1]:] if registered else ours  # a registry that was made anew counts from 1 again
    digests = list(dict.fromkeys(entry.payload["digest"] for entry in ours))
    if len(digests) > 1:
        raise DigestMismatch("the ledger names other bytes for one version", where=f"{name} version {version}",
                             wanted=digests[0], found=", ".join(digests[1:]))
    lists = [entry.payload[MODEL_FILES] for entry in ours if MODEL_FILES in entry.payload]
    kept = kept_text(home, lists[-1]) if lists else None
    return Approved(name, version, digests[0], json.loads(kept) if kept else None, ours[-1].index)
