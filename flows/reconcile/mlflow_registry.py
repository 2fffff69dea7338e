"""MLflow's registry against the ledger: versions, their tags and sources, aliases, and the bytes of every version."""

from collections.abc import Iterator, Mapping, Sequence

from flows.lineage.versions import Registration
from flows.promotion import consent, succession
from flows.promotion.verified import approved
from flows.reconcile.expected import aliases
from flows.reconcile.findings import LARGE_BYTES, Finding, Ground, What, by_key
from flows.reconcile.retention import deleted_version
from flows.reconcile.served import other_files
from tasks.contracts.errors import HallmarkError
from tasks.records import model_store, registry
from tasks.records.registry import Version

RESTORE = "Restore MLflow's database and artifacts from their backup; `hallmark audit rebuild` makes the bytes again."
PUT_BACK = "Ask who wrote to MLflow, and set it back; what counts is in the ledger."


def compare(ground: Ground) -> Iterator[Finding]:
    """Everything in MLflow's registry under the names that the ledger knows."""
    names = dict.fromkeys([ground.names.policy, ground.names.reward_model, *(one.name for one in ground.registered)])
    for name in names:
        yield from _versions(ground, name, {one.version: one for one in registry.versions(name)})
    yield from _aliases(ground)


def _versions(ground: Ground, name: str, found: Mapping[int, Version]) -> Iterator[Finding]:
    wanted: dict[int, list[Registration]] = {}
    for one in ground.registered:
        if one.name == name:
            wanted.setdefault(one.version, []).append(one)
    begun = {entry.payload["digest"] for entry in ground.of("registering") if entry.payload["name"] == name}
    for number, version in found.items():
        if number not in wanted and version.digest not in begun:  # begun: killed before the entry after it
            yield Finding("mlflow", "unknown", str(version), found=f"sha256 {version.digest[:12] or 'none'}",
                          next_step="The ledger never registered it; delete it in MLflow.")
    for number, registered in wanted.items():
        ground.say(f"MLflow: {registered[0]}")
        if number in found:
            yield from _version(ground, registered, found[number])
        else:
            yield from _absent(ground, registered)


def _absent(ground: Ground, registered: Sequence[Registration]) -> Iterator[Finding]:
    """A version that MLflow has no more: no finding where a guarded gc deleted it after its retention."""
    one = registered[-1]
    deletion = deleted_version(ground.entries, ground.names, one)
    if deletion is None:
        yield Finding("mlflow", "deleted", str(one), f"sha256 {one.digest[:12]}", "no version", one.entry, RESTORE)
    elif deletion.early:
        yield Finding("mlflow", "deleted", str(one), f"sha256 {one.digest[:12]}",
                      f"deleted before its retention ended: {deletion.early}", deletion.entry, RESTORE)
    else:
        ground.note(f"{one}: deleted after retention, entry {deletion.entry}, {deletion.time[:10]}")


def _version(ground: Ground, registered: Sequence[Registration], found: Version) -> Iterator[Finding]:
    first, last = registered[0], registered[-1]
    for key, what, wanted, other in by_key(_tags(ground, registered), dict(found.tags)):
        if what != "unknown" or key.startswith(("hallmark.", "sha256")):  # people tag versions
            yield Finding("mlflow", what, f"{found}: tag {key}", wanted, other, first.entry, PUT_BACK)
    said = {entry.index: entry.payload for entry in ground.of("registered")}[first.entry]
    for part, was in (("source", found.source), ("run_id", found.run_id)):
        if part in said and said[part] != was:
            yield Finding("mlflow", "edited", f"{found}: {part}", str(said[part]), str(was), first.entry, PUT_BACK)
    yield from _bytes(ground, last)


def _bytes(ground: Ground, one: Registration) -> Iterator[Finding]:
    try:
        size = model_store.size_here(Version(one.name, one.version, one.digest, None))
        if not ground.deep and (size is None or size > LARGE_BYTES):
            return
        files = other_files(approved(ground.entries, ground.home, one.name, one.version))
    except HallmarkError as error:
        yield Finding("mlflow", "deleted", f"{one}: its files", f"sha256 {one.digest[:12]}", error.message(), one.entry,
                      RESTORE)
        return
    for path, how, wanted, found in files:
        what: What = {"changed": "edited", "missing": "deleted", "added": "unknown"}[how]  # type: ignore[assignment]
        yield Finding("mlflow", what, f"{one}: file {path}", wanted, found, one.entry, RESTORE)


def _tags(ground: Ground, registered: Sequence[Registration]) -> dict[str, str]:
    """The tags that Hallmark gave a version: when it was made first, and what was decided about it since."""
    first = registered[0]
    commits = [entry.payload["commit"] for entry in ground.of("run started") if entry.payload["run"] == first.run]
    tags = {"sha256": first.digest, "hallmark.bundle": first.bundle, "hallmark.run": first.run}
    tags |= {"hallmark.commit": commits[0]} if commits else {}
    if first.name == ground.names.policy:
        said = succession.overridden(ground.entries, first.name).get(first.version)
        tags |= {"hallmark.override": said} if said else {}
        rejected = consent.rejection(ground.entries, first.name, first.digest)
        if rejected is not None and rejected["version"] == first.version:
            tags["hallmark.rejected"] = f"{rejected['reason']} ({rejected['approver']})"
    return tags


def _aliases(ground: Ground) -> Iterator[Finding]:
    for name in (ground.names.policy, ground.names.reward_model):
        found = registry.aliases(name)
        expected = {one.alias: one for one in aliases(ground.entries, ground.names) if one.name == name}
        for alias in sorted(found.keys() | expected.keys()):
            one, stands = expected.get(alias), found.get(alias)
            if one is None:
                yield Finding("mlflow", "unknown", f"{name}: alias {alias}", found=f"version {stands}",
                              next_step="Hallmark sets no such alias; delete it in MLflow.")
            elif not one.allows(stands):
                yield Finding("mlflow", "moved", f"{name}: alias {alias}", _place(one.version), _place(stands),
                              one.entry, _way_back(name, alias, one.version))


def _way_back(name: str, alias: str, version: int | None) -> str:
    if version is None:
        return f"Delete it in MLflow: nobody is {alias} of {name}."
    return f"Set it back in MLflow, to version {version}; until then nothing is promoted."


def _place(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
