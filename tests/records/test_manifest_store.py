"""Manifests of many versions: shared, kept as changes, and found damaged."""

import pytest

from tasks.contracts.errors import DigestMismatch
from tasks.records.manifest_store import ManifestStore
from tasks.records.manifests import write_manifest


def ids(*numbers: int) -> list[str]:
    return [f"{number:064x}" for number in numbers]


@pytest.fixture
def store(tmp_path):
    return ManifestStore(tmp_path / "home")


@pytest.fixture
def written(tmp_path):
    def write(rows: list[str]):
        path = tmp_path / "rows"
        return path, write_manifest(rows, path)
    return write


def files(store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir() if path.name != "index.db")


def numbers(store, root: str) -> list[int]:
    return [int.from_bytes(row) for row in store.checked(root)]


def test_what_is_kept_is_read_back_under_its_root_and_kept_once(store, written):
    path, root = written(ids(3, 1, 2))
    assert (store.keep(path, root), store.keep(path, root)) == (3, 3)
    assert files(store) == [root]
    assert numbers(store, root) == [1, 2, 3]


def test_a_file_that_lists_other_rows_than_its_root_says_is_not_kept(store, written):
    path, root = written(ids(1, 2))
    written(ids(1, 2, 3))
    with pytest.raises(DigestMismatch, match="lists other rows"):
        store.keep(path, root)
    assert not store.holds(root)
    assert not store.folder.exists()


def test_a_list_that_differs_little_is_kept_as_a_change_and_holds_the_same(store, written):
    first = written(ids(*range(100)))
    store.keep(*first)
    path, second = written(ids(*range(5, 101)))  # 0 to 4 removed, 100 added: 6 of 96
    store.keep(path, second, like=first[1])
    assert files(store) == sorted([first[1], f"{second}.change"])
    assert (store.folder / f"{second}.change").stat().st_size == 32 + 8 + 6 * 32
    assert numbers(store, second) == list(range(5, 101))
    with store.opened(second) as rows:
        assert len(rows) == 96
        assert [number for number in range(110) if number.to_bytes(32) in rows] == list(range(5, 101))


def test_a_change_of_a_change_is_one_of_the_whole_list(store, written):
    first = written(ids(*range(100)))
    store.keep(*first)
    second = written(ids(*range(101)))
    store.keep(*second, like=first[1])
    third = written(ids(*range(102)))
    store.keep(*third, like=second[1])
    (store.folder / f"{second[1]}.change").unlink()
    assert numbers(store, third[1]) == list(range(102))


def test_a_list_that_differs_much_is_kept_whole(store, written):
    first = written(ids(*range(100)))
    store.keep(*first)
    path, second = written(ids(*range(50, 150)))
    store.keep(path, second, like=first[1])
    assert files(store) == sorted([first[1], second])


def test_a_list_like_one_that_is_gone_is_kept_whole(store, written):
    path, root = written(ids(1, 2))
    store.keep(path, root, like="ab" * 32)
    assert files(store) == [root]


@pytest.mark.parametrize("spoil", [
    lambda whole: whole[:-1], lambda whole: whole[:-32], lambda whole: whole[:20], lambda whole: whole + bytes(32),
    lambda whole: whole[:32] + b"\xff" + whole[33:], lambda whole: bytes(32) + whole[32:],
    lambda whole: whole[:-1] + b"\xee"])
def test_a_damaged_change_is_found(store, written, spoil):
    first = written(ids(*range(100)))
    store.keep(*first)
    path, root = written(ids(*range(5, 101)))
    store.keep(path, root, like=first[1])
    change = store.folder / f"{root}.change"
    change.write_bytes(spoil(change.read_bytes()))
    with pytest.raises(DigestMismatch):
        store.checked(root)


@pytest.fixture
def many(store, written) -> dict[str, range]:
    """Ten lists: every third one whole, the others changes of it; root -> its numbers."""
    kept: dict[str, range] = {}
    last = None
    for number in range(10):
        start = 100 * (number // 3) + number % 3
        path, root = written(ids(*range(start, start + 100)))
        store.keep(path, root, like=last)
        kept[root] = range(start, start + 100)
        last = root
    return kept


def holding(store, many, number: int) -> set[str]:
    held, unreadable = store.holding(number.to_bytes(32), many)
    assert unreadable == set()
    return held


@pytest.mark.parametrize("spoil", [
    lambda index: None, lambda index: index.unlink(), lambda index: index.write_bytes(b"no database at all"),
    lambda index: index.write_bytes(index.read_bytes()[:4096])], ids=["whole", "deleted", "no database", "cut"])
def test_each_list_that_holds_a_row_is_found_whatever_became_of_the_index(store, many, spoil):
    assert len([name for name in files(store) if name.endswith(".change")]) == 6
    spoil(store.folder / "index.db")
    for number in (0, 1, 2, 50, 99, 100, 101, 102, 201, 399, 400):
        assert holding(store, many, number) == {root for root, rows in many.items() if number in rows}, number


def test_lists_that_were_not_asked_for_are_not_answered(store, many):
    one = next(iter(many))
    assert store.holding((50).to_bytes(32), [one]) == ({one}, set())


@pytest.mark.parametrize("spoil", [lambda index: index.unlink(), lambda index: index.write_bytes(b"no database" * 99)])
def test_a_damaged_index_keeps_nothing_from_being_kept_or_found(store, many, written, spoil):
    spoil(store.folder / "index.db")
    path, root = written(ids(*range(302, 402)))
    store.keep(path, root, like=list(many)[9])
    for _ in range(2):
        assert store.holding((401).to_bytes(32), [*many, root]) == ({root}, set())


def test_a_change_is_found_in_an_index_made_anew_for_it_alone(store, many):
    root = list(many)[1]
    (store.folder / "index.db").unlink()
    assert store.holding((50).to_bytes(32), [root]) == ({root}, set())


def test_a_file_that_is_gone_or_cut_makes_its_lists_unreadable_and_those_that_change_it(store, many):
    whole, *changes = list(many)[:3]
    (store.folder / f"{changes[0]}.change").unlink()
    assert store.holding((50).to_bytes(32), many) == (set(many) & {whole, changes[1]}, {changes[0]})
    (store.folder / whole).write_bytes(b"")
    assert store.holding((50).to_bytes(32), many)[1] == {whole, *changes}
    (store.folder / whole).unlink()
    assert store.holding((50).to_bytes(32), [changes[1]]) == (set(), {changes[1]})


def test_a_list_that_is_nowhere_is_unreadable(store, many):
    assert store.holding((50).to_bytes(32), ["ab" * 32]) == (set(), {"ab" * 32})


def test_a_manifest_that_is_gone_is_no_empty_one(store):
    with pytest.raises(DigestMismatch, match="cannot be read"), store.opened("ab" * 32):
        pass
