"""The end of a ledger: what an append needs of it, checked, so that nothing is built on what was tampered with."""

from dataclasses import dataclass

from tasks.contracts.errors import LedgerBroken
from tasks.records import table
from tasks.records.chain import RESTORE, Entry, broken_link, flaw, keys_after, short
from tasks.records.heads import Head, broken_head
from tasks.records.key_chain import KeyChain
from tasks.records.merkle import Frontier
from tasks.records.table import Database, End, Place


@dataclass(frozen=True)
class Settled:
    """The last entry, the signed heads in the database and beside it, and whose turn it is to sign."""

    last: Entry | None
    end: End | None
    beside: Head | None
    keys: KeyChain

    @property
    def tree(self) -> Frontier:
        """The tree over all entries, ready to grow."""
        return self.end.tree if self.end else Frontier()


def settle(database: Database, place: Place, beside: Head | None, first_key: str) -> Settled:
    """Read the end of a ledger, in one transaction.

    Args:
        beside: the head that lies in a file beside the tables.
        first_key: the public key that is trusted from outside, 64 hex.

    Raises:
        LedgerBroken: last entry, signed heads, tree or keys do not fit one another.
    """
    keys, tail, end = read_key_chain(database, first_key), table.select_tail(database), table.read_end(database)
    last, head = tail[-1] if tail else None, end.head if end else None
    named = table.select_one(database, beside.size - 1) if beside else None
    reason = _broken_tail(tail, keys) or broken_head(head, last, last, keys, 0) or _broken_tree(end)
    reason = reason or broken_head(beside, last, named, keys, place.most_behind)
    if reason:
        raise LedgerBroken(reason, where=place.name, next_step=RESTORE)
    return Settled(last, end, beside, keys)


def read_key_chain(database: Database, first_key: str) -> KeyChain:
    """The keys by the entries that hand over to the next. Raises LedgerBroken where one of them does not hold."""
    keys = KeyChain(first_key)
    for entry in table.select_handovers(database):
        reason = flaw(entry)
        if not reason and entry.key != keys.current:
            reason = f"{entry} is signed by key {short(entry.key)}, {keys.standing(entry.key)}"
        if reason:
            raise LedgerBroken(reason, next_step=RESTORE)
        try:
            keys = keys_after(keys, entry)
        except ValueError as error:
            raise LedgerBroken(str(error), next_step=RESTORE) from None
    return keys


def _broken_tail(tail: list[Entry], keys: KeyChain) -> str:
    if not tail:
        return ""
    return broken_link(tail[-1], tail[-2] if len(tail) > 1 else None, keys) or flaw(tail[-1])


def _broken_tree(end: End | None) -> str:
    if end and (end.tree.size, end.tree.root.hex()) != (end.head.size, end.head.root):
        return "the stored subtrees are not those that the head was signed over"
    return ""
