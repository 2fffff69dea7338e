"""Whether what a version was measured on is also what it was trained on: rows by id, and prompts whatever their row."""

from typing import Any

from flows.lineage.versions import Registration
from tasks.contracts.errors import Refused
from tasks.records.manifest_store import ManifestStore
from tasks.records.uses import ALL_ROWS, PROMPTS, is_measured


def leaks(one: Registration, store: ManifestStore) -> list[dict[str, Any]]:
    """Each pair of a measuring and a training use that share rows or prompts, with the ids that they share.

    Raises:
        Refused: no manifests were recorded for this version, so nobody can say.
        DigestMismatch: a manifest is not the one that was recorded.
    """
    if not one.manifests:
        raise Refused("no row manifests were recorded, so a leak cannot be ruled out", where=str(one),
                      next_step="Retrain: every registration records them now.")
    measuring, training = _uses(one)
    held_out = {use: set(_rows(one, use, store)) for use in measuring}
    found = []
    for use in training:
        rows = _rows(one, use, store)
        for other in (other for other in measuring if _comparable(use, other)):
            shared = sorted(row.hex() for row in rows if row in held_out[other])
            if shared:
                found.append({"measured": other, "trained": use, "of": "prompts" if use.endswith(PROMPTS) else "rows",
                              "shared": len(shared), "ids": shared})
    return found


def compared(one: Registration) -> list[str]:
    """Each pair that is held against one another, in words: what an answer without a leak rests on."""
    measuring, training = _uses(one)
    return [f"{other} and {use}" for use in training for other in measuring if _comparable(use, other)]


def _uses(one: Registration) -> tuple[list[str], list[str]]:
    uses = [use for use in one.manifests if use != ALL_ROWS]
    return [use for use in uses if is_measured(use)], [use for use in uses if not is_measured(use)]


def _comparable(one: str, other: str) -> bool:
    return one.endswith(PROMPTS) == other.endswith(PROMPTS)


def _rows(one: Registration, use: str, store: ManifestStore) -> list[bytes]:
    return store.checked(one.manifests[use]["root"])
