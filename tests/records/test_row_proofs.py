"""Proofs of rows: every wrong one is refused."""

import json

import pytest

from tasks.contracts.errors import DigestMismatch
from tasks.records.manifests import root_of
from tasks.records.row_proofs import check_row_proof, prove_row


def row(number: int) -> str:
    return f"{number:064x}"


def bundle(rows: list[bytes]) -> bytes:
    return json.dumps({"manifest_roots": {"all": root_of(rows)}, "manifest_rows": {"all": len(rows)},
                       "models": {"policy": "5e" * 32}}).encode()


def proof(size: int, number: int) -> dict:
    """Of a list of the odd numbers below twice its size."""
    rows = [(2 * place + 1).to_bytes(32) for place in range(size)]
    return prove_row(row(number), rows, use="all", bundle=bundle(rows))


@pytest.mark.parametrize("size", range(10))
def test_every_row_is_shown_to_be_there_and_every_gap_to_be_none(size):
    for number in range(2 * size + 2):
        said = check_row_proof(proof(size, number))
        assert said["present"] is (number % 2 == 1 and number < 2 * size), number
        assert (said["rows"], said["models"]) == (size, {"policy": "5e" * 32})


@pytest.mark.parametrize("number", [5, 6, 0, 14])
def test_any_change_of_a_proof_makes_it_none(number):
    whole = proof(7, number)
    for place, witness in enumerate(whole["witnesses"]):
        for change in ({"index": witness["index"] + 1}, {"id": row(4)}, {"path": witness["path"][:-1]},
                       {"path": [*witness["path"], "00" * 32]}, {"path": ["00" * 32, *witness["path"][1:]]}):
            witnesses = [*whole["witnesses"]]
            witnesses[place] = witness | change
            with pytest.raises(DigestMismatch):
                check_row_proof(whole | {"witnesses": witnesses})
    for change in ({"row": row(3)}, {"row": row(number)[:-2]}, {"present": not whole["present"]},
                   {"witnesses": []}, {"use": "other"}, {"format": "x"}, {"bundle": "{}"}, {"bundle": 3}, {"row": 7}):
        with pytest.raises(DigestMismatch):
            check_row_proof(whole | change)


def test_neighbours_that_are_none_prove_no_absence():
    """Row 5 is there: 3 and 7 stand on both sides of it, but not beside one another."""
    left, right = proof(7, 3)["witnesses"][0], proof(7, 7)["witnesses"][0]
    lie = proof(7, 5) | {"present": False, "witnesses": [left, right]}
    with pytest.raises(DigestMismatch, match="does not show"):
        check_row_proof(lie)
    moved = lie | {"witnesses": [left, right | {"index": 2}]}
    with pytest.raises(DigestMismatch, match="does not show"):
        check_row_proof(moved)


def test_the_first_row_alone_proves_no_absence_above_it():
    lie = proof(7, 5) | {"present": False, "witnesses": [proof(7, 1)["witnesses"][0]]}
    with pytest.raises(DigestMismatch, match="does not show"):
        check_row_proof(lie)


def test_a_proof_under_another_bundle_than_the_trusted_one_is_refused():
    with pytest.raises(DigestMismatch, match="another evidence bundle"):
        check_row_proof(proof(3, 1), "ab" * 32)
