"""What the ledger says has happened: who is champion and since when, which run is open, what was decided already.

Pure: entries in, answers out. Reading commands answer from here, so they need neither MLflow nor Prefect.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.promotion.succession import Entry, Standing, line

AWAITING = "waiting for approval"


@dataclass(frozen=True)
class Decided:
    """An earlier decision on the same evidence, and what became of it."""

    run: str
    decision: dict[str, Any]
    settled: bool  # nothing is left to be done about it


def champion(entries: Sequence[Entry], name: str) -> Standing | None:
    """Who was promoted last under this registered name."""
    stood = line(entries, name)
    return stood[-1] if stood else None


def registered(entries: Iterable[Entry], name: str) -> list[Standing]:
    """Every version registered under this name, oldest first, each once."""
    found: dict[int, Standing] = {}
    for entry in entries:
        if entry.kind == "registered" and entry.payload["name"] == name:
            found.setdefault(entry.payload["version"], Standing(
                entry.payload["version"], entry.payload["digest"], entry.time))
    return list(found.values())


def bundle_of(entries: Sequence[Entry], name: str, version: int) -> str | None:
    """Digest of the evidence bundle under which a version was last registered; None where the ledger knows none."""
    digest = None
    for entry in entries:
        if entry.kind == "registered" and (entry.payload["name"], entry.payload["version"]) == (name, version):
            digest = entry.payload["bundle"]
    return digest


def beside(entries: Sequence[Entry], name: str, version: int, other: str) -> int | None:
    """The version of another model that was registered under the same bundle; None where there is none."""
    bundle = bundle_of(entries, name, version)
    found = [entry.payload["version"] for entry in entries
             if entry.kind == "registered" and (entry.payload["name"], entry.payload["bundle"]) == (other, bundle)]
    return found[-1] if found else None


def challengers(entries: Sequence[Entry], name: str) -> list[Standing]:
    """Versions that passed the gate when they were last registered and were neither promoted nor rejected.

    One whose wait for approval has expired is none, until a run registers it again.
    """
    found: dict[int, Standing] = {}
    settled: set[int] = set()
    for entry in entries:
        if entry.payload.get("name") != name or "version" not in entry.payload:  # e.g. of a run, or `registering`
            continue
        version = entry.payload["version"]
        if entry.kind == "registered":
            since = found[version].since if version in found else entry.time
            found[version] = Standing(version, entry.payload["digest"], since)
            if entry.payload.get("verdict") == "refuse":
                del found[version]
        elif entry.kind == "approval expired":
            found.pop(version, None)
        elif _is_final(entry):
            settled.add(version)
    return [standing for standing in found.values() if standing.version not in settled]


def open_runs(entries: Iterable[Entry]) -> list[str]:
    """Runs that were started and never finished: at work now, or killed."""
    runs: dict[str, None] = {}
    for entry in entries:
        if entry.kind == "run started":
            runs[entry.payload["run"]] = None
        elif entry.kind == "run finished":
            runs.pop(entry.payload["run"], None)
    return list(runs)


def last_run(entries: Iterable[Entry]) -> tuple[str, str] | None:
    """Id and outcome of the run that was started last; `running` where it has not finished."""
    last: tuple[str, str] | None = None
    for entry in entries:
        if entry.kind == "run started":
            last = (entry.payload["run"], "running")
        elif entry.kind == "run finished" and last and entry.payload["run"] == last[0]:
            last = (last[0], entry.payload["outcome"])
    return last


def open_promotion(entries: Iterable[Entry]) -> dict[str, Any] | None:
    """Payload of the first promotion that was begun and neither ended nor undone: killed between swap and check."""
    begun: dict[tuple[str, int], dict[str, Any]] = {}
    for entry in entries:
        if entry.kind == "promoting":
            begun[entry.payload["name"], entry.payload["version"]] = entry.payload
        elif entry.kind in {"promoted", "promotion undone"}:
            begun.pop((entry.payload["name"], entry.payload["version"]), None)
    return next(iter(begun.values()), None)


def decided(
    entries: Sequence[Entry], *, candidate: str, evidence: str | None, rules: str, against: int | None
) -> Decided | None:
    """The last decision on this candidate with this evidence, these rules and this champion (a version, or none)."""
    wanted = {"candidate": candidate, "evidence": evidence, "rules": rules, "against": against}
    decisions = [entry for entry in entries if entry.kind == "gate decided" and wanted.items() <= entry.payload.items()]
    if not decisions:
        return None
    last = decisions[-1]
    later = [entry for entry in entries if entry.index > last.index]
    of_candidate = [entry for entry in later if entry.payload.get("digest") == candidate]
    waits = any(entry.payload["outcome"] == AWAITING and entry.payload["candidate"] == candidate
                for entry in later if entry.kind == "run finished")
    ended = any(_is_final(entry) for entry in of_candidate)
    expired = any(entry.kind == "approval expired" for entry in of_candidate)  # it is asked for again
    settled = last.payload["verdict"] == "refuse" or ended or (waits and not expired)
    return Decided(last.payload["run"], last.payload["decision"], settled)


def _is_final(entry: Entry) -> bool:
    """Whether nothing is left to be done about a version; a promotion undone by a fault may be tried again."""
    return entry.kind in {"promoted", "rejected"} or (entry.kind == "promotion undone" and entry.payload["refused"])


def last_decision(entries: Iterable[Entry], candidate: str) -> dict[str, Any] | None:
    """The last decision about a candidate, on whatever evidence."""
    decision: dict[str, Any] | None = None
    for entry in entries:
        if entry.kind == "gate decided" and entry.payload["candidate"] == candidate:
            decision = entry.payload["decision"]
    return decision


def as_json(standing: Standing | None) -> dict[str, Any] | None:
    """A standing as the `--json` answers say it."""
    return asdict(standing) if standing else None
