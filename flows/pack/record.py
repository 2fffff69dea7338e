"""The part of the ledger that a pack carries: the entries about a version, each proved below one signed head.

The head is made over the ledger as far as the last of these entries, and not further, so that a version packed again
makes the same bytes until something more is recorded about it.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import reduce

from flows.data import versions as data_versions
from flows.lineage.versions import Registration, Told
from flows.pack.subject import Subject, forgotten
from tasks.contracts.canonical import canonical_json
from tasks.records.chain import Entry
from tasks.records.heads import Head, make_head
from tasks.records.key_chain import ROTATED
from tasks.records.merkle import Frontier, inclusion_proofs
from tasks.records.signatures import Key

ABOUT_ITSELF = "packed"  # a pack that told of packs would never be the same twice


@dataclass(frozen=True)
class Extract:
    """Entries with the way of each up to the head."""

    head: Head
    lines: tuple[tuple[Entry, tuple[bytes, ...]], ...]

    def head_json(self) -> bytes:
        return canonical_json(self.head.as_json()) + b"\n"

    def entries_jsonl(self) -> bytes:
        return b"".join(canonical_json({"entry": asdict(entry), "path": [node.hex() for node in path]}) + b"\n"
                        for entry, path in self.lines)


def extract(subject: Subject, key: Key, *, whole: bool = False) -> Extract:
    """The entries about a version, or all up to the last of these.

    Args:
        key: the private key of the ledger's present key; a rotation is always among the entries, so that it is this
            key's turn at the end of them.
    """
    wanted = {entry.index for entry in concerning(subject.told, subject.one, subject.data_version)}
    covered = subject.entries[:max(wanted) + 1]
    leaves = [bytes.fromhex(entry.hash) for entry in covered]
    head = make_head(covered[-1], reduce(Frontier.grown, leaves, Frontier()), key)
    shown = [entry for entry in covered if whole or entry.index in wanted]
    paths = inclusion_proofs(leaves, [entry.index for entry in shown])
    return Extract(head, tuple((entry, tuple(paths[entry.index])) for entry in shown))


def concerning(
    told: Iterable[Told], one: Registration, data: data_versions.DataVersion | None
) -> list[Told]:
    """The entries about a version: its runs, its data, what people and promotions did with it, and the keys."""
    entries = [entry for entry in told if entry.kind != ABOUT_ITSELF]
    runs = {entry.payload["run"] for entry in entries if entry.kind == "registered" and _names(entry, one)}
    erasures = {entry.payload["run"] for entry in forgotten(entries, one)}
    return [entry for entry in entries if entry.kind == ROTATED or entry.payload.get("run") in runs
            or _names(entry, one) or one.digest in (entry.payload.get("digest"), entry.payload.get("candidate"))
            or (data is not None and entry.index == data.entry) or entry.payload.get("run") in erasures]


def _names(entry: Told, one: Registration) -> bool:
    """Whether an entry is about this version, or about who took its place as champion."""
    said = entry.payload
    return said.get("name") == one.name and (
        said.get("version") == one.version or (entry.kind == "promoted" and said.get("previous") == one.version))

