"""The bytes of an output that dvc.lock names: in DVC's cache under their digest, or where they lie still."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flows.data.dvc_digests import FOLDER, file_md5, folder_md5


@dataclass(frozen=True)
class Contents:
    """Where bytes can be looked for."""

    cache: Path
    beside: Path  # a folder in which an output that is not cached may lie
    kept: Mapping[str, Path] = field(default_factory=dict)  # path of an output -> a file that may be it

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
        places = (self._cached(digest), self.beside / path, self.kept.get(path))
        return next((one for one in places if one is not None and one.is_file() and file_md5(one) == digest), None)

    def _cached(self, digest: str) -> Path | None:
        """An object of the cache; None where it is gone or was changed."""
        path = self.cache / "files" / "md5" / digest[:2] / digest[2:]
        return path if path.is_file() and file_md5(path) == digest.removesuffix(FOLDER) else None


def digest_of(path: Path) -> str:
    """DVC's digest of a file or a folder, read from its bytes."""
    if path.is_file():
        return file_md5(path)
    return folder_md5({file.relative_to(path).as_posix(): file_md5(file) for file in path.rglob("*") if file.is_file()})
