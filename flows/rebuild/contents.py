"""The bytes of an output that dvc.lock names: in DVC's cache under their digest, or where they lie still."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = ".dir"  # the digest of a folder ends so; its object lists the files


@dataclass(frozen=True)
class Contents:
    """Where bytes can be looked for."""

    cache: Path
    beside: Path  # a folder in which an output that is not cached may lie

    def files(self, digest: str) -> Mapping[str, str] | None:
        """Path in the output -> digest of each file, "" for an output that is a file; None: the list is gone."""
        if not digest.endswith(FOLDER):
            return {"": digest}
        listed = self._cached(digest)
        if listed is None:
            return None
        return {one["relpath"]: one["md5"] for one in json.loads(listed.read_bytes())}

    def file(self, path: str, digest: str) -> Path | None:
        """A file with these very bytes; None where there is none any more."""
        lying = self.beside / path
        found = self._cached(digest) or (lying if lying.is_file() else None)
        return found if found is not None and _md5(found) == digest.removesuffix(FOLDER) else None

    def _cached(self, digest: str) -> Path | None:
        path = self.cache / "files" / "md5" / digest[:2] / digest[2:]
        return path if path.is_file() else None


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
