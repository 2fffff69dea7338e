"""Proofs that a row is in a manifest, or is not, which need neither the manifest nor this installation.

A row that is there is shown by its inclusion proof. A row that is not is shown by its two neighbours, whose places
follow one another and between which it would lie, the ids being sorted. Root and number of rows are those of a signed
evidence bundle, which the proof carries: whoever trusts the bundle's digest need trust nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.contracts.canonical import sha256_hex
from tasks.contracts.errors import DigestMismatch
from tasks.records.manifests import Manifest
from tasks.records.merkle import EMPTY, inclusion_proof, verify_inclusion

FORMAT = "hallmark row proof 1"


def prove_row(row: str, rows: Sequence[bytes], *, use: str, bundle: bytes) -> dict[str, Any]:
    """The proof that a manifest holds a row, or that it does not, with the bundle that names root and number of rows.

    Args:
        bundle: the bytes of the evidence bundle; the others as witnesses_of takes them.
    """
    return {**witnesses_of(row, rows, use=use), "bundle": bundle.decode()}


def witnesses_of(row: str, rows: Sequence[bytes], *, use: str) -> dict[str, Any]:
    """The same without a bundle, for whoever has root and number of rows from elsewhere.

    Args:
        row: its id, 64 hex.
        rows: the whole manifest, held against its root before.
        use: what the manifest is of.
    """
    place = Manifest(b"".join(rows)).place(bytes.fromhex(row))
    present = place < len(rows) and rows[place].hex() == row
    shown = [place] if present else [index for index in (place - 1, place) if 0 <= index < len(rows)]
    witnesses = [{"index": index, "id": rows[index].hex(), "path": [one.hex() for one in inclusion_proof(rows, index)]}
                 for index in shown]
    return {"format": FORMAT, "row": row, "use": use, "present": present, "witnesses": witnesses}


def check_row_proof(proof: Mapping[str, Any], bundle: str | None = None) -> dict[str, Any]:
    """Check a proof and say what it shows: `row`, `use`, `present`, `bundle`, `models`, `root`, `rows`.

    Args:
        bundle: the digest that the evidence bundle must have, e.g. from an approval or the ledger; without it the
            answer holds for whatever bundle the proof carries, whose digest it names.

    Raises:
        DigestMismatch: it shows something else, or nothing.
    """
    try:
        digest = sha256_hex(proof["bundle"].encode())
        said = json.loads(proof["bundle"])
        root, rows = said["manifest_roots"][proof["use"]], said["manifest_rows"][proof["use"]]
        models = said["models"]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _no_proof(error) from None
    if bundle not in (None, digest):
        raise DigestMismatch("the proof is about another evidence bundle", wanted=str(bundle), found=digest)
    return check_witnesses(proof, root, rows) | {"bundle": digest, "models": models, "root": root, "rows": rows}


def check_witnesses(proof: Mapping[str, Any], root: str, rows: int) -> dict[str, Any]:
    """Check what witnesses_of made against a root that is trusted, and say what it shows: `row`, `use`, `present`.

    Raises:
        DigestMismatch: it shows something else, or nothing.
    """
    try:
        held = proof["format"] == FORMAT and type(proof["present"]) is bool and _shows(proof, root, rows)
        shown = {name: proof[name] for name in ("row", "use", "present")}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _no_proof(error) from None
    if not held:
        raise DigestMismatch("the proof does not show what it says", where=shown["row"],
                             wanted=f"witnesses under the root {root} of {rows} rows")
    return shown


def _no_proof(error: Exception) -> DigestMismatch:
    return DigestMismatch("is no proof of a row", found=f"{type(error).__name__} {error}")


def _shows(proof: Mapping[str, Any], root: str, rows: int) -> bool:
    row, top = bytes.fromhex(proof["row"]), bytes.fromhex(root)
    places = [int(one["index"]) for one in proof["witnesses"]]
    ids = [bytes.fromhex(one["id"]) for one in proof["witnesses"]]
    held = all(verify_inclusion(row_id, place, rows, [bytes.fromhex(node) for node in one["path"]], top)
               for one, place, row_id in zip(proof["witnesses"], places, ids, strict=True))
    if not held or len(row) != len(top):
        return False
    return ids == [row] if proof["present"] else _lies_between(row, places, ids, rows, top)


def _lies_between(row: bytes, places: list[int], ids: list[bytes], rows: int, root: bytes) -> bool:
    """Whether the witnesses are the neighbours between which a row would lie: the whole list's ends have one."""
    if rows == 0:
        return not ids and root == EMPTY
    if len(places) == 1:
        return (places == [0] and row < ids[0]) or (places == [rows - 1] and ids[0] < row)
    return len(places) == 2 and places[1] == places[0] + 1 and ids[0] < row < ids[1]
