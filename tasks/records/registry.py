"""Registered models: versions named by the digest of their bytes, and aliases that move only from where they stood.

MLflow's registry can be edited by anyone who reaches it; what a version's digest should be is in the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.contracts.canonical import folder_digest
from tasks.contracts.errors import PromotionRefused, UnknownVersion
from tasks.records.mlflow_store import connect, experiment_id, local_path, mlflow_faults, os_lock
from tasks.records.model_files import refuse_other_bytes

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_DIGEST_TAG = "sha256"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the second is what MLflow says of an unset alias


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    name: str
    version: int
    digest: str  # sha256 over the sorted sha256 of its files
    run_id: str | None  # the MLflow run that made it
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    source: str = field(default="", compare=False)  # where MLflow says that its bytes are

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


@mlflow_faults()
def register(folder: Path, name: str, run_id: str | None, tags: Mapping[str, str] | None = None) -> Version:
    """Register a model's folder, once: bytes that are a version already are that version.

    Raises:
        Refused: the folder has no digest: it is missing, empty, or holds links.
        DigestMismatch: what MLflow stored is not what the folder holds.
    """
    digest = folder_digest(folder)
    with os_lock("registry"):
        same = [version for version in versions(name) if version.digest == digest]
        return same[0] if same else _create_version(folder, name, run_id, {**(tags or {}), _DIGEST_TAG: digest})


def _create_version(folder: Path, name: str, run_id: str | None, tags: dict[str, str]) -> Version:
    from mlflow.entities import LoggedModelOutput

    client = connect()
    model = client.create_logged_model(experiment_id(), name, source_run_id=run_id, tags=tags, model_type=name)
    client.log_model_artifacts(model.model_id, str(folder))
    stored = local_path(model.artifact_location)
    if stored:  # a remote store is read back at the first fetch
        refuse_other_bytes(f"the copy of {folder}", stored, tags[_DIGEST_TAG])
    client.finalize_logged_model(model.model_id, "READY")
    if run_id:
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    created = client.create_model_version(name, source=f"models:/{model.model_id}", run_id=run_id, tags=tags)
    return get(name, int(created.version))


@mlflow_faults()
def versions(name: str) -> list[Version]:
    """All versions of a registered model, oldest first; none where there is no such model."""
    found = connect().search_model_versions(f"name = '{name}'", max_results=10_000)
    return sorted((_version(version) for version in found), key=lambda version: version.version)


@mlflow_faults()
def get(name: str, version: int) -> Version:
    """One version. Raises UnknownVersion where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return _version(connect().get_model_version(name, str(version)))
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
    known = ", ".join(str(each.version) for each in versions(name)) or "none"
    raise UnknownVersion(f"there is no version {version} of {name}", wanted=f"one of: {known}",
                         next_step="`hallmark status` lists what is registered.")


@mlflow_faults()
def by_alias(name: str, alias: str) -> Version | None:
    """The version that bears an alias, e.g. `champion`; None where none does."""
    from mlflow.exceptions import MlflowException

    try:
        return _version(connect().get_model_version_by_alias(name, alias))
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        return None


@mlflow_faults()
def aliases(name: str) -> dict[str, int]:
    """Every alias of a registered name, and the version that bears it; none where there is no such name."""
    found = connect().search_registered_models(f"name = '{name}'")
    return {alias: int(version) for model in found for alias, version in dict(model.aliases).items()}


@mlflow_faults()
def swap_alias(name: str, alias: str, expected_version: int | None, new_version: int | None) -> Version | None:
    """Move an alias if it stands where the caller saw it, and return what it now names, as read back.

    Args:
        expected_version: where it must stand; None: nowhere.
        new_version: where it goes; None takes it away.

    Raises:
        PromotionRefused: it stands elsewhere, so another swap came first; nothing was changed.
        UnknownVersion: there is no such new version.
    """
    client = connect()
    with os_lock("registry"):
        current = by_alias(name, alias)
        if (current.version if current else None) != expected_version:
            raise PromotionRefused(
                f"another change of the alias {alias} came first", where=name, wanted=_place(expected_version),
                found=_place(current.version if current else None),
                next_step="Look at `hallmark status` and decide again.")
        if new_version is not None:
            client.set_registered_model_alias(name, alias, str(get(name, new_version).version))
        elif current:
            client.delete_registered_model_alias(name, alias)
        now = by_alias(name, alias)
    if (now.version if now else None) != new_version:
        raise PromotionRefused(f"the alias {alias} was set but reads otherwise", where=name,
                               wanted=_place(new_version), found=_place(now.version if now else None))
    return now


@mlflow_faults()
def tag_version(version: Version, tags: Mapping[str, str]) -> Version:
    """Set tags of a version, e.g. `rejected`, and return it as read back. The digest's tag cannot be set."""
    if _DIGEST_TAG in tags:
        raise ValueError("the digest of a version is set once, when it is registered")
    for key, value in tags.items():
        connect().set_model_version_tag(version.name, str(version.version), key, value)
    return get(version.name, version.version)


def _version(found: "ModelVersion") -> Version:
    tags = dict(found.tags)
    return Version(found.name, int(found.version), tags.get(_DIGEST_TAG, ""), found.run_id or None, tags,
                   str(found.source))


def _place(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
