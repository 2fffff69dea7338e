"""Reading a ledger from its first entry to its head, and naming the first thing that does not hold.

Form, hash and signature of an entry need no other entry: where there are many, every core checks some.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from tasks.records.chain import RESTORE, Entry, broken_link, flaw, keys_after
from tasks.records.heads import Head, broken_head
from tasks.records.key_chain import KeyChain
from tasks.records.merkle import consistency_proof, tree_hash, verify_consistency
from tasks.records.table import End

MANY = 20_000  # entries; below, starting processes costs more than it saves


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


@dataclass(frozen=True)
class Ends:
    """What was found beside the entries, at one moment: the database's signed head, and the one in its file.

    Args:
        rows: how many rows the table held.
        last: index of the last one, -1 where there was none.
    """

    stored: End | None
    beside: Head | None
    rows: int
    last: int


class Walk:
    """What is known of a chain after the entries read so far."""

    def __init__(self, first_key: str):
        self.keys = KeyChain(first_key)
        self.leaves: list[bytes] = []  # the hash of each entry
        self.last: Entry | None = None
        self.named: dict[int, Entry] = {}  # those that a head may name, by index

    def step(self, entry: Entry, flawed: str) -> str:
        """Go on to an entry; say why it does not hold, by itself (`flawed`) or after the one before, else nothing."""
        reason = broken_link(entry, self.last, self.keys) or flawed
        if reason:
            return reason
        try:
            self.keys = keys_after(self.keys, entry)
        except ValueError as error:
            return str(error)
        self.leaves.append(bytes.fromhex(entry.hash))
        self.last = entry
        return ""


def verify_chain(
    batches: Iterable[list[Entry]], ends: Ends, first_key: str, *, most_behind: int | None, since: Head | None = None
) -> Verification:
    """Check each entry, then the end against the signed heads, and that it all continues an older head.

    Args:
        first_key: the public key that is trusted from outside, 64 hex.
        most_behind: by how many entries the head beside the tables may lag; None where by any number.
        since: a head that was exported earlier.
    """
    walk = Walk(first_key)
    names = {head.size - 1 for head in (ends.beside, since) if head}
    for batch, flawed in _checked(batches, ends.rows):
        for position, entry in enumerate(batch):
            reason = walk.step(entry, flawed[1] if flawed and flawed[0] == position else "")
            if reason:
                return _broken(len(walk.leaves), reason)
            if entry.index in names:
                walk.named[entry.index] = entry
    count = len(walk.leaves)
    reason = _broken_end(walk, ends, most_behind)
    if reason:
        return _broken(count, reason)
    reason = not_continued(since, walk.leaves, walk.keys) if since else ""
    if reason and since:
        return Verification(False, count, Broken(min(count, since.size - 1), f"{reason}. {RESTORE}"))
    return Verification(True, count)


def not_continued(since: Head, leaves: Sequence[bytes], keys: KeyChain) -> str:
    """Say why a ledger does not continue the one that an exported head was made of; empty where it does.

    Args:
        leaves: the 32 bytes of each entry's hash.
    """
    exported = f"the exported head of {since.size} entries ({since.time[:16]}Z)"
    if not since.signed:
        return f"{exported} was changed: the key that it names did not sign it"
    if since.key not in keys.all:
        return f"{exported} is signed by another key, {since.key[:8]}…, {keys.standing(since.key)}"
    if since.size > len(leaves):
        return f"the ledger was cut: {exported} goes to entry {since.size - 1}, and {len(leaves)} entries are left"
    if since.key != keys.at(since.size):
        return f"{exported} is signed by key {since.key[:8]}…, {keys.standing(since.key)}, whose turn it was not"
    proof = consistency_proof(leaves, since.size)
    if not verify_consistency(since.size, bytes.fromhex(since.root), len(leaves), tree_hash(leaves), proof):
        return (f"the ledger was rewritten: {exported} has another Merkle root, so an entry up to {since.size - 1} is "
                "not what it was")
    return ""


def _broken_end(walk: Walk, ends: Ends, most_behind: int | None) -> str:
    last, count = walk.last, len(walk.leaves)
    if ends.rows != count:
        return f"the table holds {ends.rows} rows, and only {count} of them are the chain"
    stored, head = ends.stored, ends.stored.head if ends.stored else None
    reason = broken_head(head, last, last, walk.keys, 0)
    if not reason and stored:
        root = tree_hash(walk.leaves)
        if stored.head.root != root.hex():
            reason = f"the head's Merkle root is {stored.head.root[:8]}… but the entries' is {root.hex()[:8]}…"
        elif (stored.tree.size, stored.tree.root) != (count, root):
            reason = "the stored subtrees are not those of the entries"
    return reason or _broken_file(walk, ends.beside, most_behind)


def _broken_file(walk: Walk, head: Head | None, most_behind: int | None) -> str:
    """The same of the head beside the tables, which may lag."""
    reason = broken_head(head, walk.last, walk.named.get(head.size - 1) if head else None, walk.keys, most_behind)
    if not reason and head and tree_hash(walk.leaves[:head.size]).hex() != head.root:
        reason = f"the head beside the ledger has another Merkle root than its first {head.size} entries"
    return reason


def _broken(count: int, reason: str) -> Verification:
    intact = {0: "no entry before it is intact", 1: "entry 0 is intact"}.get(count, f"entries 0–{count - 1} are intact")
    return Verification(False, count, Broken(count, f"{reason}; {intact}. {RESTORE}"))


def first_flaw(batch: Sequence[Entry]) -> tuple[int, str] | None:
    """Position and reason of the first entry that is wrong by itself."""
    for position, entry in enumerate(batch):
        reason = flaw(entry)
        if reason:
            return position, reason
    return None


def _checked(batches: Iterable[list[Entry]], rows: int) -> Iterator[tuple[list[Entry], tuple[int, str] | None]]:
    """Each batch with its first flaw, in order; some batches are on their way while others are checked."""
    cores = len(os.sched_getaffinity(0))
    if rows < MANY or cores == 1:
        yield from ((batch, first_flaw(batch)) for batch in batches)
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:  # a fork copies locks of other threads
        under_way: deque[tuple[list[Entry], Future[tuple[int, str] | None]]] = deque()
        for batch in batches:
            under_way.append((batch, pool.submit(first_flaw, batch)))
            if len(under_way) > 2 * cores:
                done, found = under_way.popleft()
                yield done, found.result()
        yield from ((done, found.result()) for done, found in under_way)
