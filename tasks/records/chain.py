"""What an entry of the ledger is, and how it hangs on the one before it. Pure: entries in, a reason out."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import rfc8785

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.records.key_chain import ROTATED, KeyChain
from tasks.records.signatures import Key, sign, verify

GENESIS = "0" * 64  # the parent of entry 0
RESTORE = "Restore the ledger from its last export; do not run on."
_PURPOSE = "ledger entry"
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


def make_entry(
    index: int, time: str, kind: str, actor: str, parent: str, payload: Mapping[str, object], key: Key
) -> Entry:
    """Form and sign an entry. Raises ValueError where the payload has no canonical JSON, or a name holds a NUL."""
    kind, actor = unicodedata.normalize("NFC", kind), unicodedata.normalize("NFC", actor)
    if "\0" in kind + actor:
        raise ValueError("kind and actor of an entry hold no NUL: not every database could keep it")
    payload_json = canonical_json(payload).decode()
    digest = entry_hash(index, time, kind, actor, parent, payload_json)
    return Entry(index, time, kind, actor, parent, payload_json, digest, key.public, sign(key, _PURPOSE, digest))


def entry_hash(index: int, time: str, kind: str, actor: str, parent: str, payload_json: str) -> str:
    """sha256 of the canonical JSON of everything that an entry says.

    Args:
        payload_json: canonical already; it stands between `parent` and `time`, as the order of the keys wants it.
    """
    said = canonical_json({"index": index, "kind": kind, "actor": actor, "parent": parent})
    return sha256_hex(b'%s,"payload":%s,"time":%s}' % (said[:-1], payload_json.encode(), canonical_json(time)))


def flaw(entry: Entry) -> str:
    """Say what is wrong with an entry taken by itself: form, hash or signature; empty where nothing is."""
    try:
        _refuse_other_form(entry)
        digest = entry_hash(entry.index, entry.time, entry.kind, entry.actor, entry.parent, entry.payload_json)
    except (ValueError, RecursionError) as error:
        return f"{entry} is not in canonical form: {error}"
    if entry.hash != digest:
        return f"{entry} names itself {short(entry.hash)} but what it says hashes to {short(digest)}"
    if not verify(entry.key, _PURPOSE, entry.hash, entry.signature):
        return f"{entry} bears a signature that its key did not make over {short(digest)}"
    return ""


def broken_link(entry: Entry, before: Entry | None, keys: KeyChain) -> str:
    """Say why an entry does not follow the one before it, by the key whose turn it is; empty where it does."""
    expected = before.index + 1 if before else 0
    if entry.index != expected:
        return f"entry {expected} is missing, the next one found is {entry}"
    parent = before.hash if before else GENESIS
    if entry.parent != parent:
        return f"{entry} names parent {short(entry.parent)} but " + (
            f"entry {before.index} hashes to {short(parent)}" if before else "the first entry has none")
    if entry.key != keys.at(entry.index):
        return (f"{entry} is signed by key {short(entry.key)}, {keys.standing(entry.key)}, but the ledger's key there "
                f"is {short(keys.at(entry.index))}")
    return ""


def keys_after(keys: KeyChain, entry: Entry) -> KeyChain:
    """The chain of keys after an entry, which is longer where it hands over to a new key.

    Raises:
        ValueError: it hands over, but to nothing that is a key.
    """
    if entry.kind != ROTATED:
        return keys
    try:
        return keys.handed_over(entry.index, str(entry.payload.get("key")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{entry} hands over to no new key: {error}") from None


def short(digest: str) -> str:
    """The beginning of a digest, for a message."""
    return f"{digest[:8]}…"


def _refuse_other_form(entry: Entry) -> None:
    if not _TIME.fullmatch(entry.time):
        raise ValueError("its time is not UTC with microseconds")
    if not (unicodedata.is_normalized("NFC", entry.kind) and unicodedata.is_normalized("NFC", entry.actor)):
        raise ValueError("its kind or actor is not in NFC")
    payload = json.loads(entry.payload_json)
    if not isinstance(payload, dict):
        raise ValueError("its payload is no object")
    if _canonical(payload, entry.payload_json) != entry.payload_json.encode():
        raise ValueError("its payload is written another way")


def _canonical(payload: object, text: str) -> bytes:
    """As canonical_json, without composing letters where there is none beyond ASCII: a third of the time."""
    if text.isascii() and "\\u" not in text:
        return rfc8785.dumps(payload)  # type: ignore[arg-type]  # its errors are ValueErrors
    return canonical_json(payload)
