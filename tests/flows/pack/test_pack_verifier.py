"""verify.py by itself: its mathematics against the standards' own vectors and against other programs of the same."""

import ast
import hashlib
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.pack import verify
from tasks.contracts.canonical import canonical_json
from tasks.records import merkle
from tests.flows.pack.packs import check

SOURCE = Path(verify.__file__).read_text(encoding="utf-8")
VECTORS = [  # RFC 8032, section 7.1: public key, message, signature; tests 1, 2, 3 and SHA(abc)
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     ("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
      "655141438e7a100b")),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     ("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
      "b00d291612bb0c00")),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     ("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
      "c027beceea1ec40a")),
    ("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     ("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
      "2a9ac94fa54ca49f"),
     ("dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17a"
      "d9bef1177331a704"))]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_ed25519_takes_the_vectors_of_rfc_8032_and_nothing_beside_them(key: str, message: str, signature: str) -> None:
    said = bytes.fromhex(message)
    assert verify.signed(key, said, signature)
    assert not verify.signed(key, said + b"x", signature)
    assert not verify.signed(VECTORS[0][0] if key != VECTORS[0][0] else VECTORS[1][0], said, signature)
    for place in (0, 31, 32, 62):
        raw = bytearray.fromhex(signature)
        raw[place] ^= 1
        assert not verify.signed(key, said, raw.hex())


def test_a_signature_made_larger_by_the_order_of_the_group_does_not_count() -> None:
    key, message, signature = VECTORS[1]
    raw = bytes.fromhex(signature)
    larger = int.from_bytes(raw[32:], "little") + verify.ORDER  # the same equation, another spelling: section 8.4
    assert not verify.signed(key, bytes.fromhex(message), (raw[:32] + larger.to_bytes(32, "little")).hex())


@pytest.mark.parametrize("garbage", ["", "zz", "00", "ff" * 32, "00" * 64, "ff" * 64, None, 7])
def test_garbage_is_no_signature_and_no_key(garbage: object) -> None:
    key, message, signature = VECTORS[0]
    assert not verify.signed(key, bytes.fromhex(message), garbage)
    assert not verify.signed(garbage, bytes.fromhex(message), signature)


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_ed25519_agrees_with_another_program(seed: bytes, message: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw().hex(), private.sign(message).hex()
    assert verify.signed(public, message, signature)
    assert not verify.signed(public, message + b"\0", signature)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 100])
def test_the_way_up_a_tree_is_the_one_of_the_ledger(size: int) -> None:
    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(size)]
    root = merkle.tree_hash(leaves).hex()
    assert verify.root_of(leaves) == root
    for index, nodes in merkle.inclusion_proofs(leaves, range(size)).items():
        path = [node.hex() for node in nodes]
        assert nodes == merkle.inclusion_proof(leaves, index)
        assert verify.included(leaves[index], index, size, path, root)
        assert not verify.included(leaves[index], index, size, [*path, "0" * 64], root)
        assert not verify.included(leaves[index], index + 1, size, path, root)
        if path:
            assert not verify.included(leaves[index], index, size, path[:-1], root)
        if size > 1:
            assert not verify.included(leaves[index - 1], index, size, path, root)


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert verify.root_of([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text("abcxyz_", min_size=1), st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Lm", "Mn"]), max_size=9).filter(str.isascii),
    st.integers(-2**53 + 1, 2**53 - 1), st.none(), st.booleans())))
def test_texts_and_whole_numbers_are_written_as_the_ledger_writes_them(value: dict[str, object]) -> None:
    assert verify.canonical(value) == canonical_json(value)


def test_it_is_one_file_of_the_standard_library_for_python_3_9() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    younger = {"tomllib", "file_digest", "strict=True", "pairwise", "StrEnum"}  # of 3.10 and 3.11
    assert not [word for word in younger if word in SOURCE]


def test_it_is_short_enough_to_read() -> None:
    code = [line for line in SOURCE.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(code) < 360


def test_it_runs_without_its_surroundings(tmp_path: Path) -> None:
    (tmp_path / "verify.py").write_text(SOURCE, encoding="utf-8")
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nothing was checked: ")
