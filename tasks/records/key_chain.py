"""Whose signature counts where: the first public key, and after each `key rotated` entry the key that it names."""

import re
from dataclasses import dataclass

ROTATED = "key rotated"  # the kind of an entry that hands over: signed by the old key, payload.key is the new one
_PUBLIC = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class KeyChain:
    """The keys of a ledger in the order of their time.

    Args:
        first: the public key that is trusted from outside, 64 hex.
        handovers: index of a `key rotated` entry, and the key that signs from the entry after it on.
    """

    first: str
    handovers: tuple[tuple[int, str], ...] = ()

    def at(self, index: int) -> str:
        """The key that signs entry `index`, and the head over the `index` entries before it."""
        found = self.first
        for handed_over, key in self.handovers:
            if handed_over < index:
                found = key
        return found

    @property
    def current(self) -> str:
        """The key that signs the next entry."""
        return self.handovers[-1][1] if self.handovers else self.first

    @property
    def all(self) -> tuple[str, ...]:
        """Every key that ever signed, the first one first."""
        return (self.first, *(key for _, key in self.handovers))

    def standing(self, key: str) -> str:
        """What a key is to this ledger, in words for a message."""
        retired = dict(zip(self.all, (index for index, _ in self.handovers), strict=False))
        if key in retired:
            return f"which was retired at entry {retired[key]}"
        return "its current one" if key == self.current else "which is unknown to it"

    def handed_over(self, index: int, key: str) -> "KeyChain":
        """This chain after entry `index` named a new key. Raises ValueError where that is no key, or not a new one."""
        if not _PUBLIC.fullmatch(key):
            raise ValueError("a public key is 64 characters of lower hex")
        if key in self.all:
            raise ValueError("the key had its turn already")
        return KeyChain(self.first, (*self.handovers, (index, key)))
