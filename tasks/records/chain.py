"""What makes the ledger a chain, and where it breaks. Pure: entries and a head in, a verdict out."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.records.signatures import Key, sign, verify

GENESIS = "0" * 64  # the parent of entry 0
RESTORE = "Restore the ledger from its last export; do not run on."
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the ledger. `payload_json` is canonical JSON; `key` names who signed `hash`."""

    index: int
    time: str  # UTC, 2026-11-02T10:04:05.123456Z
    kind: str
    actor: str
    parent: str  # hash of the entry before
    payload_json: str
    hash: str
    key: str  # public key, 64 hex
    signature: str

    @property
    def payload(self) -> dict[str, object]:
        """What was recorded."""
        return dict(json.loads(self.payload_json))

    def __str__(self) -> str:
        return f"entry {self.index} ({self.kind}, {self.time[:16]}Z)"


@dataclass(frozen=True, slots=True)
class Head:
    """The signed word on how far the ledger goes. It may lag one entry behind, after a kill; never run ahead."""

    index: int
    hash: str
    key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first break: the index at which it shows, and the reason in words."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    ok: bool
    entries: int
    broken: Broken | None = None


def make_entry(
    index: int, time: str, kind: str, actor: str, parent: str, payload: Mapping[str, object], key: Key
) -> Entry:
    """Form and sign an entry. Raises ValueError where the payload has no canonical JSON."""
    kind, actor = unicodedata.normalize("NFC", kind), unicodedata.normalize("NFC", actor)
    payload_json = canonical_json(payload).decode()
    digest = entry_hash(index, time, kind, actor, parent, json.loads(payload_json))
    return Entry(index, time, kind, actor, parent, payload_json, digest, key.public, sign(key, "ledger entry", digest))


def entry_hash(index: int, time: str, kind: str, actor: str, parent: str, payload: object) -> str:
    """sha256 of the canonical JSON of everything that an entry says."""
    return sha256_hex(canonical_json(
        {"index": index, "time": time, "kind": kind, "actor": actor, "parent": parent, "payload": payload}))


def make_head(entry: Entry, key: Key) -> Head:
    return Head(entry.index, entry.hash, key.public, sign(key, "ledger head", _head_digest(entry.index, entry.hash)))


def verify_chain(entries: Iterable[Entry], head: Head | None, trusted: str) -> Verification:
    """Check index, form, parent, hash and signature of each entry, then the tail against the signed head.

    Args:
        trusted: the public key that may sign, 64 hex.
    """
    tail: list[Entry] = []
    count = 0
    for entry in entries:
        reason = broken_entry(entry, tail[-1] if tail else None, trusted)
        if reason:
            return _broken(count, reason)
        tail = [*tail[-1:], entry]
        count += 1
    reason = broken_head(tail, head, trusted)
    return _broken(count, reason) if reason else Verification(True, count)


def _broken(count: int, reason: str) -> Verification:
    intact = {0: "no entry before it is intact", 1: "entry 0 is intact"}.get(count, f"entries 0–{count - 1} are intact")
    return Verification(False, count, Broken(count, f"{reason}; {intact}. {RESTORE}"))


def broken_entry(entry: Entry, before: Entry | None, trusted: str) -> str:
    """Say why an entry does not follow the one before it; empty where it does."""
    expected = before.index + 1 if before else 0
    if entry.index != expected:
        return f"entry {expected} is missing, the next one found is {entry}"
    parent = before.hash if before else GENESIS
    if entry.parent != parent:
        return f"{entry} names parent {_short(entry.parent)} but " + (
            f"entry {before.index} hashes to {_short(parent)}" if before else "the first entry has none")
    try:
        payload = _canonical_payload(entry)
        digest = entry_hash(entry.index, entry.time, entry.kind, entry.actor, entry.parent, payload)
    except (ValueError, RecursionError) as error:
        return f"{entry} is not in canonical form: {error}"
    if entry.hash != digest:
        return f"{entry} names itself {_short(entry.hash)} but what it says hashes to {_short(digest)}"
    if entry.key != trusted:
        return f"{entry} is signed by key {_short(entry.key)} but the ledger's key is {_short(trusted)}"
    if not verify(entry.key, "ledger entry", entry.hash, entry.signature):
        return f"{entry} bears a signature that its key did not make over {_short(digest)}"
    return ""


def broken_head(tail: Sequence[Entry], head: Head | None, trusted: str) -> str:
    """Say why the last entries of a chain are not the end that the signed head names; empty where they are.

    Args:
        tail: the last two entries, or all where there are fewer.
    """
    last = tail[-1].index if tail else -1
    if head is None:
        return "" if last < 1 else f"the signed head is gone, though the ledger holds {last + 1} entries"
    if head.key != trusted or not verify(head.key, "ledger head", _head_digest(head.index, head.hash), head.signature):
        return f"the head names entry {head.index} but is not signed by the ledger's key {_short(trusted)}"
    if head.index > last:
        return f"the tail is cut: the head names entry {head.index} but " + (
            f"the last one found is {tail[-1]}" if tail else "the ledger is empty")
    if head.index < last - 1:
        return f"the head is an old one: it names entry {head.index} but the last one is {tail[-1]}"
    named = next(entry for entry in tail if entry.index == head.index)
    if named.hash != head.hash:
        return f"the head names {_short(head.hash)} as entry {head.index} but that hashes to {_short(named.hash)}"
    return ""


def _canonical_payload(entry: Entry) -> object:
    if not _TIME.fullmatch(entry.time):
        raise ValueError("its time is not UTC with microseconds")
    if not (unicodedata.is_normalized("NFC", entry.kind) and unicodedata.is_normalized("NFC", entry.actor)):
        raise ValueError("its kind or actor is not in NFC")
    payload = json.loads(entry.payload_json)
    if not isinstance(payload, dict):
        raise ValueError("its payload is no object")
    if canonical_json(payload).decode() != entry.payload_json:
        raise ValueError("its payload is written another way")
    return payload


def _head_digest(index: int, digest: str) -> str:
    return sha256_hex(canonical_json({"index": index, "hash": digest}))


def _short(digest: str) -> str:
    return f"{digest[:8]}…"
