"""Row manifests and their Merkle roots."""

import hashlib

import pytest

from tasks.contracts.errors import DigestMismatch
from tasks.records.manifests import merkle_root, opened, read_manifest, write_manifest

IDS = [f"{number:064x}" for number in range(1, 6)]


def leaf(number: int) -> bytes:
    return hashlib.sha256(b"\x00" + number.to_bytes(32)).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_roots_are_those_of_rfc_6962():
    one, two, three, four, five = map(leaf, range(1, 6))
    pair, pairs = node(one, two), node(node(one, two), node(three, four))
    assert merkle_root([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle_root(IDS[:1]) == one.hex()
    assert merkle_root(IDS[:2]) == pair.hex()
    assert merkle_root(IDS[:3]) == node(pair, three).hex()  # 3 = 2 + 1
    assert merkle_root(IDS[:4]) == pairs.hex()
    assert merkle_root(IDS[:5]) == node(pairs, five).hex()  # 5 = 4 + 1, not 3 + 2


@pytest.mark.parametrize("ids", [IDS[1::-1], [IDS[0], IDS[0]], ["AB" * 32], ["ab"], ["g" * 64], [IDS[0] + "\n"]])
def test_unsorted_repeated_or_false_ids_have_no_root(ids):
    with pytest.raises(ValueError, match=r"line|row"):
        merkle_root(ids)


def test_a_manifest_is_sorted_each_row_once_and_reads_back_under_its_root(tmp_path):
    path = tmp_path / "rows.manifest"
    root = write_manifest([IDS[2], IDS[0], IDS[1], IDS[0]], path)
    assert path.read_bytes() == bytes.fromhex("".join(IDS[:3]))
    assert root == merkle_root(IDS[:3])
    assert read_manifest(path, root) == IDS[:3]
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.manifest"]


def test_a_manifest_with_a_row_changed_added_or_lost_is_refused(tmp_path):
    path = tmp_path / "rows.manifest"
    root = write_manifest(IDS[:3], path)
    whole = path.read_bytes()
    for rows in (IDS[:2], IDS[:4], [*IDS[:2], IDS[3]], [IDS[1], IDS[0], IDS[2]]):
        path.write_bytes(bytes.fromhex("".join(rows)))
        with pytest.raises(DigestMismatch, match=r"rows\.manifest"):
            read_manifest(path, root)
    for cut in (whole[:-1], whole[1:], b"nonsense"):
        path.write_bytes(cut)
        with pytest.raises(DigestMismatch, match="no whole number of ids"):
            read_manifest(path, root)
    path.unlink()
    with pytest.raises(DigestMismatch, match="cannot be read"):
        read_manifest(path, root)


def test_a_row_is_found_where_it_is_and_not_where_it_is_not(tmp_path):
    path = tmp_path / "rows.manifest"
    odd = [f"{number:064x}" for number in range(1, 200, 2)]
    write_manifest(odd, path)
    with opened(path) as rows:
        assert len(rows) == 100
        assert [number for number in range(202) if number.to_bytes(32) in rows] == list(range(1, 200, 2))
        assert rows.place((7).to_bytes(32)) == 3  # 1, 3 and 5 lie below
        assert rows.place((8).to_bytes(32)) == 4
        assert rows.place((300).to_bytes(32)) == 100


def test_a_manifest_without_rows_holds_none(tmp_path):
    assert write_manifest([], tmp_path / "none") == merkle_root([])
    with opened(tmp_path / "none") as rows:
        assert (len(rows), bytes(32) in rows) == (0, False)
