"""The Merkle tree of RFC 6962, section 2.1: its hash, and proofs that need neither the tree nor who keeps it.

    MTH({}) = sha256()        leaf = sha256(0x00 || data)        node = sha256(0x01 || left || right)

A tree of n leaves splits at the largest power of two below n. Hashing neighbours level by level, and handing an odd
last one up unchanged, makes the same tree.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

HASH_BYTES = 32
EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_hash(leaves: Iterable[bytes]) -> bytes:
    """The root over the leaves' data, in their order: 32 bytes. One hash a level is in memory."""
    whole: list[tuple[int, bytes]] = []  # trees of 2**n leaves, (leaves, root), the larger ones first
    for data in leaves:
        size, root = 1, leaf_hash(data)
        while whole and whole[-1][0] == size:
            size, root = 2 * size, node_hash(whole.pop()[1], root)
        whole.append((size, root))
    return reduce(lambda right, left: node_hash(left, right), [root for _, root in reversed(whole)]) if whole else EMPTY


def inclusion_proof(leaves: Iterable[bytes], index: int) -> list[bytes]:
    """What a leaf is hashed with on its way to the root (the audit path, section 2.1.1), from the bottom up.

    Raises:
        IndexError: there is no leaf of that index.
    """
    return inclusion_proofs(leaves, [index])[index]


def inclusion_proofs(leaves: Iterable[bytes], indices: Iterable[int]) -> dict[int, list[bytes]]:
    """The inclusion proofs of some leaves, with the tree hashed once. Raises as inclusion_proof does."""
    level = [leaf_hash(data) for data in leaves]
    paths: dict[int, list[bytes]] = {index: [] for index in indices}
    for index in paths:
        if not 0 <= index < len(level):
            raise IndexError(f"no leaf {index} in a tree of {len(level)}")
    height = 0
    while len(level) > 1:
        for index, path in paths.items():
            beside = (index >> height) ^ 1
            if beside < len(level):  # else an odd last one, handed up
                path.append(level[beside])
        level, height = _level_above(level), height + 1
    return paths


def verify_inclusion(data: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `data` is leaf `index` of the tree of `size` leaves with this root. Garbage is False, never an error."""
    if not 0 <= index < size or not _are_hashes(proof):
        return False
    node, last, found = index, size - 1, leaf_hash(data)
    for other in proof:
        if last == 0:
            return False  # longer than the way up
        if node % 2 or node == last:
            found = node_hash(other, found)
            node, last = _past_handed_up(node, last)
        else:
            found = node_hash(found, other)
        node, last = node // 2, last // 2
    return last == 0 and found == root


def consistency_proof(leaves: Iterable[bytes], old_size: int) -> list[bytes]:
    """Subtrees that show the tree of the first `old_size` leaves to be the beginning of this one (section 2.1.2).

    Raises:
        IndexError: the old tree is larger than this one.
    """
    hashes = [leaf_hash(data) for data in leaves]
    if not 0 <= old_size <= len(hashes):
        raise IndexError(f"no first {old_size} leaves in a tree of {len(hashes)}")
    return list(_subproof(old_size, hashes, whole=True)) if old_size else []


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` begins with the one of `old_size`. Garbage is False, never an error."""
    if not 0 <= old_size <= size or not _are_hashes(proof):
        return False
    if old_size in (0, size):
        return not proof and old_root == (root if old_size else EMPTY)
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)  # 2**k leaves are one subtree
    if not path:
        return False
    node, last = old_size - 1, size - 1
    while node % 2:
        node, last = node // 2, last // 2
    old_found = found = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            old_found, found = node_hash(other, old_found), node_hash(other, found)
            node, last = _past_handed_up(node, last)
        else:
            found = node_hash(found, other)
        node, last = node // 2, last // 2
    return last == 0 and old_found == old_root and found == root


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree that only grows, as the roots of its whole subtrees from left to right: one for each 1 bit of its size."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where these cannot be the subtrees of a tree of that size."""
        if self.size < 0 or len(self.peaks) != self.size.bit_count() or not _are_hashes(self.peaks):
            raise ValueError(f"a tree of {self.size} leaves has {max(self.size, 0).bit_count()} whole subtrees of "
                             f"{HASH_BYTES} bytes, found {len(self.peaks)} of some")

    def grown(self, data: bytes) -> "Frontier":
        """This tree with one more leaf; as many hashes as the old size ends in 1 bits."""
        peaks, node, bits = list(self.peaks), leaf_hash(data), self.size
        while bits % 2:
            node, bits = node_hash(peaks.pop(), node), bits // 2
        return Frontier(self.size + 1, (*peaks, node))

    @property
    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        if not self.peaks:
            return EMPTY
        return reduce(lambda right, left: node_hash(left, right), reversed(self.peaks[:-1]), self.peaks[-1])


def _root(level: list[bytes]) -> bytes:
    if not level:
        return EMPTY
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def _level_above(level: list[bytes]) -> list[bytes]:
    pairs = [node_hash(level[left], level[left + 1]) for left in range(0, len(level) - 1, 2)]
    return pairs + level[len(pairs) * 2:]


def _subproof(old_size: int, hashes: list[bytes], *, whole: bool) -> Iterator[bytes]:
    """SUBPROOF of section 2.1.2. `whole`: the verifier has the root of these hashes already."""
    if old_size == len(hashes):
        if not whole:
            yield _root(hashes)
        return
    left = 1 << (len(hashes) - 1).bit_length() - 1  # the largest power of two below the number of leaves
    if old_size <= left:
        yield from _subproof(old_size, hashes[:left], whole=whole)
        yield _root(hashes[left:])
    else:
        yield from _subproof(old_size - left, hashes[left:], whole=False)
        yield _root(hashes[:left])


def _past_handed_up(node: int, last: int) -> tuple[int, int]:
    """Climb the levels on which a node had no neighbour to its right."""
    while node % 2 == 0 and node:
        node, last = node // 2, last // 2
    return node, last


def _are_hashes(values: Sequence[bytes]) -> bool:
    return all(isinstance(value, bytes) and len(value) == HASH_BYTES for value in values)
