"""`dvc gc`, which knows branches and tags but no registered versions, behind a guard that knows them.

What it would delete is asked of DVC itself (`--dry`). An object that a kept version needs may leave the cache only
where a remote holds a whole copy that stays.
"""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flows.desk import Desk
from flows.erasure.stores import CACHE, Store, stores
from flows.lineage.versions import Names, registrations, told
from flows.reconcile.dvc_objects import holds
from flows.reconcile.findings import CACHED, DELETED, gone
from flows.reconcile.needed import Need, needed
from flows.reconcile.retention import kept
from tasks.contracts.errors import Misused, Refused

OBJECT = "dvc object"
_REMOVING = re.compile(r"^Removing (.*?)/?([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)$", re.MULTILINE)
_OURS = {"-q", "--quiet", "-v", "--verbose", "--dry", "-f", "--force"}
REASON = "dvc gc removed what no kept version needs"


@dataclass(frozen=True)
class Plan:
    """What `dvc gc` would delete: store -> names of objects, and which of them a remote holds that keeps them."""

    objects: Mapping[str, Sequence[str]]
    elsewhere: frozenset[str]

    @property
    def names(self) -> list[str]:
        return sorted({name for names in self.objects.values() for name in names})

    def as_json(self) -> dict[str, list[str]]:
        return {store: sorted(names) for store, names in self.objects.items()}


def plan(desk: Desk, flags: Sequence[str], *, spare: bool = False) -> Plan:
    """Ask DVC what it would delete.

    Args:
        spare: leave what kept versions need out of the plan, instead of refusing all of it.

    Raises:
        Misused: DVC takes no such flags.
        Refused: a kept version needs some of it; the message names object and version.
    """
    found = stores(desk.root, desk.home)
    objects = _would_delete(desk.root, found, flags)
    wanted = _needed(desk, found)
    elsewhere, lost = set(), []
    for store, names in objects.items():
        for name in names:
            stays = [one for one in found if one.name not in (CACHE, store) and name not in objects.get(one.name, ())]
            if any(holds(one, name) for one in stays):
                elsewhere.add(name)
            elif name in wanted and not _stays_in_cache(found, objects, store, name):
                lost.append((name, store, wanted[name]))
    if spare:
        needy = {(store, name) for name, store, _ in lost}
        objects = {store: [name for name in names if (store, name) not in needy] for store, names in objects.items()}
    elif lost:
        raise Refused(
            f"dvc gc would delete {len(lost)} object(s) that kept versions need", where="dvc gc", found="; ".join(
                f"{name[:12]} in {store}: {why}" for name, store, why in lost[:5]) + (" …" if len(lost) > 5 else ""),
            next_step="Nothing was deleted. `hallmark gc dvc --spare-kept` deletes the rest of it; `hallmark audit "
                      "retention` says until when each version is kept.")
    return Plan(objects, frozenset(elsewhere))


def collect(desk: Desk, planned: Plan, flags: Sequence[str], *, spare: bool = False) -> None:
    """Record what goes, then delete it. Call it with the workspace held.

    Args:
        spare: delete the plan's objects themselves, since DVC cannot be told to leave some.
    """
    for_good = [name for name in planned.names if name not in planned.elsewhere]
    for what, ids in ((OBJECT, for_good), (CACHED, sorted(planned.elsewhere))):
        if ids:
            desk.record(DELETED, what=what, ids=ids, reason=REASON)
    if planned.names and not spare:
        _dvc(desk.root, "gc", "--force", *flags)
    for store in stores(desk.root, desk.home) if spare else ():
        for name in planned.objects.get(store.name, ()):
            store.delete(name)
        if store.name != CACHE:
            store.forget_what_was_there()


def _needed(desk: Desk, found: Sequence[Store]) -> dict[str, Need]:
    entries, names = told(desk.ledger.entries()), Names(desk.name, desk.params.promotion.reward_model)
    keep_days = desk.params.retention.keep_days
    keeps = {(one.name, one.version) for one in kept(entries, names, keep_days, desk.clock())}
    ours = [one for one in registrations(entries) if (one.name, one.version) in keeps]
    since = desk.clock() - timedelta(days=keep_days)
    forgotten = gone(entries)
    return {name: why for name, why in needed(desk.root, desk.home, entries, ours, found, since).items()
            if not forgotten.has(name)}


def _would_delete(root: Path, found: Sequence[Store], flags: Sequence[str]) -> dict[str, list[str]]:
    if taken := _OURS & set(flags):
        raise Misused("is said by Hallmark itself", where="dvc gc", found=", ".join(sorted(taken)),
                      next_step="`hallmark gc dvc --dry-run` shows what would go.")
    said = _dvc(root, "gc", "--dry", *flags)
    objects: dict[str, list[str]] = {}
    for place, head, rest in _REMOVING.findall(said):
        owners = [store.name for store in found if str(store.odb.path).rstrip("/").endswith(place.rstrip("/"))]
        objects.setdefault(owners[0] if owners else place, []).append(head + rest)
    return objects


def _dvc(root: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "error", "dvc: error"))]
        raise Misused("DVC refused the call", where=f"dvc {' '.join(words)}",
                      found="; ".join(said)[:400] or done.stderr.strip()[-300:],
                      next_step="`dvc gc --help` lists its flags; they come after `--`.")
    return done.stdout


def _stays_in_cache(found: Sequence[Store], objects: Mapping[str, Sequence[str]], store: str, name: str) -> bool:
    """Whether an object that leaves a remote is still in the cache, whole."""
    cache = found[0]
    return store != CACHE and name not in objects.get(CACHE, ()) and holds(cache, name)
