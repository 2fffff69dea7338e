"""The bytes of registered versions: fetched into a folder of our own and held against their digest, each time.

What a version's digest should be is in the ledger; flows.promotion.verified.verified_model asks it, and loads by no
other door.
"""

import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from tasks.contracts.errors import DigestMismatch
from tasks.contracts.places import home
from tasks.records import artifact_store
from tasks.records.mlflow_store import connect, local_path, mlflow_faults, os_lock
from tasks.records.model_files import files_of, refuse_other_bytes
from tasks.records.registry import Version

COPIES = "models"  # below home(): DIGEST, one folder a model


@mlflow_faults()
def fetch(version: Version, files: Mapping[str, str] | None = None) -> Path:
    """Return <home>/models/DIGEST, a copy of a version's bytes of our own, checked at every call.

    A store on this machine is checked each time too. Flows ask flows.promotion.verified.verified_model, which takes the
    digest from the ledger.

    Args:
        files: path -> sha256 as approved, so that a refusal can name the file.

    Raises:
        DigestMismatch: the stored bytes are not those that were registered, or are gone.
    """
    location = stored_at(version)
    kept = home() / COPIES / (version.digest or "unknown")
    with os_lock("models", timeout_seconds=3600.0):
        own = local_path(location)
        if own is not None:
            refuse_other_bytes(str(version), own, version.digest, files)
        if not _is_whole(kept, version.digest):
            _copy(location, kept, version, files)
    return kept


@mlflow_faults()
def stored_at(version: Version) -> str:
    """The URI of a version's bytes, as MLflow says."""
    return str(connect().get_model_version_download_uri(version.name, str(version.version)))


def prune(keep: Collection[str]) -> int:
    """Remove our own copies of models but those of some digests, and return how many went; they can be fetched anew."""
    folder, gone = home() / COPIES, 0
    with os_lock("models", timeout_seconds=3600.0):
        for copy in folder.iterdir() if folder.is_dir() else ():
            if copy.name not in keep:
                shutil.rmtree(copy)
                gone += 1
    return gone


@mlflow_faults()
def stored_files(version: Version) -> dict[str, str]:
    """Path -> sha256 of what the store holds of a version now. Raises Refused where it holds nothing, or links."""
    with artifact_store.opened(stored_at(version)) as folder:
        return files_of(folder)


def size_here(version: Version) -> int | None:
    """Bytes that a store on this machine holds of a version; None where it is elsewhere."""
    own = local_path(stored_at(version))
    return None if own is None else sum(path.lstat().st_size for path in own.rglob("*") if path.is_file())


def _is_whole(kept: Path, digest: str) -> bool:
    """Whether our own copy is there with the right bytes; a damaged one is removed."""
    try:
        refuse_other_bytes("our own copy", kept, digest)
    except DigestMismatch:
        shutil.rmtree(kept, ignore_errors=True)
        return False
    return True


def _copy(location: str, kept: Path, version: Version, files: Mapping[str, str] | None) -> None:
    """Copy a version into its folder, whole or not at all."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".draft-") as draft:
        fetched = artifact_store.copy(location, Path(draft))
        refuse_other_bytes(str(version), fetched, version.digest, files)
        fetched.rename(kept)
