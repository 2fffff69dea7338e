"""One entry, proved to somebody who has not the ledger: the entry, its way up the Merkle tree, and the signed head."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tasks.contracts.errors import LedgerBroken, Misused
from tasks.records.chain import Entry, flaw, keys_after, short
from tasks.records.heads import Head, parse_head
from tasks.records.key_chain import ROTATED, KeyChain
from tasks.records.merkle import inclusion_proof, verify_inclusion

FORMAT = "hallmark ledger proof 1"


@dataclass(frozen=True)
class Proof:
    """What a proof file holds.

    Args:
        path: what the entry is hashed with on its way to the root, from the bottom up.
        handovers: the entries that lead from the ledger's first key to the one that signed the head.
    """

    entry: Entry
    path: tuple[bytes, ...]
    head: Head
    handovers: tuple[Entry, ...]

    def as_json(self) -> dict[str, object]:
        return {"format": FORMAT, "entry": asdict(self.entry), "path": [one.hex() for one in self.path],
                "head": self.head.as_json(), "handovers": [asdict(one) for one in self.handovers]}


def prove(entries: Sequence[Entry], index: int, head: Head) -> Proof:
    """Prove one of the entries under a head over the first of them. Raises Misused where the head has no such entry."""
    if not 0 <= index < head.size:
        raise Misused("the ledger has no such entry", where=f"entry {index}", wanted=f"0 to {head.size - 1}")
    covered = entries[:head.size]
    path = inclusion_proof((bytes.fromhex(entry.hash) for entry in covered), index)
    return Proof(entries[index], tuple(path), head, tuple(one for one in covered if one.kind == ROTATED))


def parse_proof(raw: bytes | str) -> Proof:
    """Read a proof from its JSON. Raises LedgerBroken where it is something else; does not check it."""
    try:
        said = json.loads(raw)
        if said["format"] != FORMAT or set(said) != {"format", "entry", "path", "head", "handovers"}:
            raise ValueError("another format, or another set of fields")
        path = tuple(bytes.fromhex(one) for one in said["path"])
        if [one.hex() for one in path] != said["path"]:
            raise ValueError("a hash is spelled another way")
        return Proof(_entry(said["entry"]), path, parse_head(json.dumps(said["head"])),
                     tuple(_entry(one) for one in said["handovers"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerBroken(f"is no {FORMAT}", found=" ".join(str(error).split())[:200]) from None


def refuse_false_proof(proof: Proof, trusted: str) -> None:
    """Raise LedgerBroken where a proof does not hold by this public key, which signed the head or leads to who did.

    A retired key is taken too, by the entries that hand over from it. So whoever stole one could make such a chain:
    check by the newest key that you know.
    """
    entry, head = proof.entry, proof.head
    signer = _signer(proof.handovers, trusted)
    if head.key != signer:
        raise LedgerBroken("the head is signed by another key", wanted=short(signer), found=short(head.key))
    if not head.signed:
        raise LedgerBroken("the head was changed: the key that it names did not sign it")
    reason = flaw(entry)
    if reason:
        raise LedgerBroken(reason)
    if not verify_inclusion(bytes.fromhex(entry.hash), entry.index, head.size, proof.path, bytes.fromhex(head.root)):
        raise LedgerBroken(f"{entry} is not in the ledger that the head was signed over",
                           where=f"{head.size} entries with Merkle root {short(head.root)}")


def _signer(handovers: Sequence[Entry], trusted: str) -> str:
    """Who signs after these, starting from a key that is one of the chain; those before it are passed over."""
    keys = KeyChain(trusted)
    for entry in handovers:
        if entry.key == keys.current:
            reason = flaw(entry)
            if reason:
                raise LedgerBroken(reason)
            try:
                keys = keys_after(keys, entry)
            except ValueError as error:
                raise LedgerBroken(str(error)) from None
    return keys.current


def _entry(said: Mapping[str, object]) -> Entry:
    entry = Entry(**said)  # type: ignore[arg-type]  # the next line looks
    if [type(value) for value in asdict(entry).values()] != [int] + [str] * 8:
        raise ValueError("a field of an entry has the wrong type")
    return entry
