"""The Merkle tree of RFC 6962 and its proofs: each worked by hand once, and every byte of each proof counts."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.records.merkle import (
    EMPTY,
    Frontier,
    consistency_proof,
    inclusion_proof,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [bytes([number]) * 3 for number in range(8)]
SIZES = st.integers(1, 70)


def leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


a, b, c, d, e, f, g, h = (leaf(data) for data in LEAVES)
ab, cd, ef, gh = node(a, b), node(c, d), node(e, f), node(g, h)
abcd, efgh = node(ab, cd), node(ef, gh)
efg = node(ef, g)
# a tree of n leaves splits at the largest power of two below n
ROOTS = [sha256(b"").digest(), a, ab, node(ab, c), abcd, node(abcd, e), node(abcd, ef), node(abcd, efg),
         node(abcd, efgh)]

PATHS = [  # size, index, audit path
    (1, 0, []),
    (2, 0, [b]), (2, 1, [a]),
    (3, 0, [b, c]), (3, 2, [ab]),
    (4, 1, [a, cd]), (4, 3, [c, ab]),
    (5, 0, [b, cd, e]), (5, 4, [abcd]),
    (6, 3, [c, ab, ef]), (6, 4, [f, abcd]),
    (7, 0, [b, cd, efg]), (7, 3, [c, ab, efg]), (7, 4, [f, g, abcd]), (7, 6, [ef, abcd]),
    (8, 5, [e, gh, abcd]), (8, 7, [g, ef, abcd]),
]

PROOFS = [  # old size, size, subtrees
    (1, 2, [b]), (1, 4, [b, cd]),
    (2, 3, [c]), (2, 5, [cd, e]),
    (3, 4, [c, d, ab]), (3, 7, [c, d, ab, efg]),
    (4, 7, [efg]), (4, 8, [efgh]),
    (5, 6, [e, f, abcd]), (5, 8, [e, f, gh, abcd]),
    (6, 7, [ef, g, abcd]), (6, 8, [ef, gh, abcd]),
    (7, 8, [g, h, ef, abcd]),
]


def numbered(size: int) -> list[bytes]:
    return [number.to_bytes(4) for number in range(size)]


def twisted(proof: list[bytes], position: int) -> list[bytes]:
    """The proof with one byte changed."""
    at, byte = divmod(position, 32)
    bad = bytearray(proof[at])
    bad[byte] ^= 1
    return [*proof[:at], bytes(bad), *proof[at + 1:]]


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_the_one_worked_by_hand_and_a_growing_tree_has_it_too(size):
    assert tree_hash(LEAVES[:size]) == ROOTS[size]
    tree = Frontier()
    for data in LEAVES[:size]:
        tree = tree.grown(data)
    assert (tree.size, tree.root) == (size, ROOTS[size])
    assert len(tree.peaks) == bin(size).count("1")


def test_the_empty_tree_hashes_nothing():
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("size", "index", "path"), PATHS)
def test_an_audit_path_is_the_one_worked_by_hand(size, index, path):
    assert inclusion_proof(LEAVES[:size], index) == path
    assert verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


@pytest.mark.parametrize(("old", "size", "subtrees"), PROOFS)
def test_a_consistency_proof_is_the_one_worked_by_hand(old, size, subtrees):
    assert consistency_proof(LEAVES[:size], old) == subtrees
    assert verify_consistency(old, ROOTS[old], size, ROOTS[size], subtrees)


@pytest.mark.parametrize(("size", "index", "path"), PATHS)
def test_an_audit_path_with_any_byte_changed_or_a_hash_more_or_less_proves_nothing(size, index, path):
    data, root = LEAVES[index], ROOTS[size]
    bad = [twisted(path, position) for position in range(32 * len(path))]
    bad += [path[:-1]] * bool(path) + [[*path, a], [a, *path], [*path[:-1], b"short"]]
    assert not any(verify_inclusion(data, index, size, one, root) for one in bad)
    for other in range(-1, 10):  # another index or another leaf
        assert verify_inclusion(data, other, size, path, root) == (other == index)
    assert not verify_inclusion(b"another", index, size, path, root)
    assert not verify_inclusion(data, index, size, path, ROOTS[size - 1])


@pytest.mark.parametrize(("old", "size", "subtrees"), PROOFS)
def test_a_consistency_proof_with_any_byte_changed_or_a_hash_more_or_less_proves_nothing(old, size, subtrees):
    bad = [twisted(subtrees, position) for position in range(32 * len(subtrees))]
    bad += [subtrees[:-1], [*subtrees, a], [a, *subtrees], [*subtrees[:-1], b"short"]]
    assert not any(verify_consistency(old, ROOTS[old], size, ROOTS[size], one) for one in bad)
    assert not verify_consistency(old, ROOTS[old - 1], size, ROOTS[size], subtrees)
    assert not verify_consistency(old, ROOTS[old], size, ROOTS[size - 1], subtrees)
    assert not verify_consistency(size, ROOTS[size], old, ROOTS[old], subtrees)


def test_a_tree_continues_itself_and_the_empty_one_by_no_proof_at_all():
    for size in range(1, 9):
        assert verify_consistency(size, ROOTS[size], size, ROOTS[size], [])
        assert verify_consistency(0, EMPTY, size, ROOTS[size], [])
        assert not verify_consistency(size, ROOTS[size], size, ROOTS[size - 1], [])
        assert not verify_consistency(0, a, size, ROOTS[size], [])
        assert not verify_consistency(size, ROOTS[size], size, ROOTS[size], [a])


def test_there_is_no_proof_of_what_is_not_in_the_tree():
    for index in (-1, 8):
        with pytest.raises(IndexError, match="tree of 8"):
            inclusion_proof(LEAVES, index)
    for old in (-1, 9):
        with pytest.raises(IndexError, match="tree of 8"):
            consistency_proof(LEAVES, old)


@given(SIZES, st.data())
def test_every_leaf_of_every_tree_is_proved_and_no_changed_proof_holds(size, data):
    leaves = numbered(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(leaves, index), tree_hash(leaves)
    assert verify_inclusion(leaves[index], index, size, proof, root)
    assert not verify_inclusion(leaves[index] + b"x", index, size, proof, root)
    if proof:
        position = data.draw(st.integers(0, 32 * len(proof) - 1))
        assert not verify_inclusion(leaves[index], index, size, twisted(proof, position), root)


@given(SIZES, st.data())
def test_every_tree_continues_all_before_it_and_no_changed_proof_or_leaf_does(size, data):
    leaves = numbered(size)
    old = data.draw(st.integers(1, size))
    proof, root, old_root = consistency_proof(leaves, old), tree_hash(leaves), tree_hash(leaves[:old])
    assert verify_consistency(old, old_root, size, root, proof)
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*leaves[:changed], b"rewritten", *leaves[changed + 1:]]
    assert not verify_consistency(old, old_root, size, tree_hash(rewritten), consistency_proof(rewritten, old))
    if proof:
        position = data.draw(st.integers(0, 32 * len(proof) - 1))
        assert not verify_consistency(old, old_root, size, root, twisted(proof, position))


@given(SIZES)
def test_a_tree_grown_leaf_by_leaf_has_the_root_of_the_whole(size):
    tree = Frontier()
    for data in numbered(size):
        tree = tree.grown(data)
    assert tree.root == tree_hash(numbered(size))


@pytest.mark.parametrize(("size", "peaks"), [(1, ()), (3, (a,)), (2, (b"short",)), (-1, ()), (0, (a,))])
def test_a_frontier_that_fits_no_tree_is_refused(size, peaks):
    with pytest.raises(ValueError, match="whole subtrees"):
        Frontier(size, peaks)
