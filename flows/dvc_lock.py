"""What a dvc.lock says of each stage: the inputs that it read and the outputs that it wrote, with their digests.

Pure: text in, answers out.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.contracts.errors import Misused
from tasks.contracts.yaml_text import read_yaml
from tasks.records.stage_run import flatten

CODE = ("tasks", "infra", "flows")  # folders that hold no data; the commit names them


@dataclass(frozen=True)
class StageLock:
    """One stage. Digests are DVC's md5."""

    command: str
    reads: Mapping[str, str]  # path -> digest
    settings: Mapping[str, str]  # key of params.yaml -> value in words
    writes: Mapping[str, str]  # path -> digest


Locks = Mapping[str, StageLock]
NO_STAGE = StageLock("", {}, {}, {})  # what is known of a stage that no dvc.lock names


def read_locks(text: str | None) -> dict[str, StageLock]:
    """The stages of a dvc.lock; of none without its text."""
    said = (read_yaml(text or "") or {}).get("stages") or {}
    return {name: StageLock(str(stage.get("cmd", "")), _digests(stage.get("deps", [])), _settings(stage),
                            _digests(stage.get("outs", []))) for name, stage in said.items()}


def maker(locks: Locks, path: str) -> str | None:
    """The stage that wrote a path; None where it came from outside of the pipeline."""
    return next((name for name, stage in locks.items() if path in stage.writes), None)


def parents(locks: Locks, stage: str) -> list[str]:
    """The stages whose outputs a stage read."""
    makers = [maker(locks, path) for path in locks.get(stage, NO_STAGE).reads]
    return list(dict.fromkeys(made_by for made_by in makers if made_by is not None and made_by != stage))


def raw_data(locks: Locks, stage: str) -> dict[str, str]:
    """Path -> digest of data that a stage read and no stage wrote; code and pins are named by the commit."""
    return {path: digest for path, digest in locks.get(stage, NO_STAGE).reads.items()
            if maker(locks, path) is None and path.split("/")[0] not in CODE}


def from_outside(locks: Locks, chosen: Collection[str]) -> dict[str, str]:
    """Path -> digest of what the chosen stages read and no stage wrote: data, code, pins."""
    return {path: digest for name in chosen for path, digest in locks[name].reads.items()
            if maker(locks, path) is None}


def from_left_out(locks: Locks, chosen: Collection[str]) -> dict[str, str]:
    """Path -> digest of what the chosen stages read of stages that are not run again."""
    return {path: digest for name in chosen for path, digest in locks[name].reads.items()
            if maker(locks, path) not in (None, *chosen)}


def in_order(locks: Locks, wanted: Collection[str]) -> list[str]:
    """The stages that are wanted, or all where none is named, each after those whose outputs it reads.

    Raises:
        Misused: a stage is wanted that the run did not have.
    """
    unknown = [name for name in wanted if name not in locks]
    if unknown:
        raise Misused("the run of this version had no such stage", where=f"--stage {unknown[0]}",
                      wanted=f"one of {', '.join(locks)}")
    ordered: dict[str, None] = {}
    for name in locks:
        _visit(locks, name, ordered)
    return [name for name in ordered if not wanted or name in wanted]


def changed_inputs(recorded: StageLock, now: StageLock) -> Iterator[tuple[str, str]]:
    """Path, or "", and a sentence for each input that is another one now."""
    for path, digest in recorded.reads.items():
        if now.reads.get(path) != digest:
            yield path, f"its input {path} differs"
    for key in sorted(recorded.settings.keys() | now.settings.keys()):
        was, is_now = recorded.settings.get(key), now.settings.get(key)
        if was != is_now:
            yield "", f"its setting {key} is {is_now or 'not set'}, and was {was or 'not set'}"
    if recorded.command != now.command:
        yield "", f"its command is `{now.command}`, and was `{recorded.command}`"


def _visit(locks: Locks, name: str, ordered: dict[str, None]) -> None:
    if name in ordered:
        return
    for before in parents(locks, name):
        _visit(locks, before, ordered)
    ordered[name] = None


def _digests(said: list[dict[str, Any]]) -> dict[str, str]:
    return {one["path"]: str(one.get(one.get("hash", "md5"), "")) for one in said}


def _settings(stage: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for file in stage.get("params", {}).values() for key, value in flatten(file).items()}
