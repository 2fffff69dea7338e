"""Writes the page and the trees into a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flows.lineage.picture import page as tree_page
from flows.lineage.reading import kept_text
from flows.lineage.reigns import reigns
from flows.lineage.trace import trace
from flows.lineage.versions import Names, Told, registrations, told
from flows.promotion import history
from flows.timeline.page import page
from tasks.records.ledger import Ledger
from tasks.records.verification import Verification
from tasks.stage.files import write_whole

RECENT_TREES = 100  # the newest versions have a tree, and every one that was champion or waits


@dataclass(frozen=True)
class Written:
    page: Path
    verified: Verification
    versions: int
    trees: list[int]


def write(
    ledger: Ledger, names: Names, folder: Path, now: datetime, *, every_tree: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Written:
    """Write index.html and version-N.html; each file whole or not at all.

    Args:
        every_tree: the tree of every version, not only of those that somebody is likely to ask for.
        say: told what is being done, where it takes long.
    """
    verified = ledger.verify()
    entries = trusted(ledger, verified)
    versions = sorted({one.version for one in registrations(entries, names.policy)})
    trees = versions if every_tree else asked_for(entries, names.policy, versions)
    if verified.broken:
        trees = []
    for number, version in enumerate(trees):
        if number % 25 == 0 and len(trees) > 25:
            say(f"tree {number + 1} of {len(trees)}")
        write_whole(folder / f"version-{version}.html", tree_page(trace(
            ledger.home, entries, names, names.policy, version), "index.html"))
    text = page(entries, names.policy, verified, entries[-1].hash if entries else "", set(trees), now,
                lambda digest: kept_text(ledger.home, digest))
    return Written(write_whole(folder / "index.html", text), verified, len(versions), trees)


def trusted(ledger: Ledger, verified: Verification) -> list[Told]:
    """The entries before the first that does not verify; all of a whole ledger."""
    if verified.broken is None:
        return told(ledger.entries())
    return told(ledger.entries()[:verified.broken.index]) if verified.broken.index > 0 else []


def asked_for(entries: Sequence[Told], name: str, versions: Sequence[int]) -> list[int]:
    """The newest versions, every one that was champion, and those that wait."""
    wanted = {one.version for one in reigns(entries, name)} | {
        one.version for one in history.challengers(entries, name)}
    return sorted(wanted | set(versions[-RECENT_TREES:]))
