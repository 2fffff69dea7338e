"""Whether a file's bytes are those that a manifest or a .dvc file beside it names."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import yaml

from tasks.contracts.errors import DataRefused
from tasks.data.reading.pieces import PIECE_BYTES, open_regular
from tasks.data.reading.printable import printable_path

MANIFEST = "manifest.json"
CLAIM_BYTES_AT_MOST = 16 << 20  # of a manifest or a .dvc file


def refuse_other_bytes(path: Path) -> None:
    """Hold a data file against `manifest.json` and `NAME.dvc` in its folder, where they are.

    Raises:
        DataRefused: a checksum is another one, or a manifest cannot be read.
    """
    for claim, algorithm, wanted in _claims(path):
        found = _digest(path, algorithm)
        if not hmac.compare_digest(found, wanted):
            raise DataRefused(
                f"{algorithm} mismatch: the file was changed, or is not the one that {claim} names",
                where=printable_path(path), wanted=f"{wanted[:12]}…", found=f"{found[:12]}…",
                next_step="Restore the file, or write the manifest of the file that you mean.")


def refuse_other_count(path: Path, rows: int) -> None:
    """Raise DataRefused where the manifest beside a file promises another number of rows than were read."""
    promised = _manifest(path.with_name(MANIFEST)).get(path.name, {}).get("rows")
    if isinstance(promised, int) and promised != rows:
        raise DataRefused("mismatch: the number of rows is not the one of its manifest", where=printable_path(path),
                          wanted=f"{promised:,} rows", found=f"{rows:,}")


def refuse_missing_files(folder: Path) -> None:
    """Raise DataRefused where the folder's manifest names a file that is missing or lies outside the folder."""
    for name in _manifest(folder / MANIFEST):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataRefused("names a path outside its folder, which is unsafe", where=str(folder / MANIFEST))
        if not (folder / name).is_file():
            raise DataRefused("names a file that is missing", where=printable_path(folder / MANIFEST))


def _claims(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (who says so, algorithm, wanted hex digest)."""
    sha256 = _manifest(path.with_name(MANIFEST)).get(path.name, {}).get("sha256")
    if isinstance(sha256, str):
        yield MANIFEST, "sha256", sha256.lower()
    yield from ((f"{path.name}.dvc", "md5", md5) for md5 in _dvc(path))


def _manifest(path: Path) -> dict[str, dict[str, object]]:
    """File name -> its entry in {"files": [{"path", "sha256", "rows"}, …]}; another form claims nothing."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(_claim_text(path))
    except (ValueError, RecursionError):
        raise DataRefused("is no JSON", where=printable_path(path), wanted="a list of files with sha256") from None
    files = content.get("files") if isinstance(content, dict) else None
    return {entry["path"]: entry for entry in (files if isinstance(files, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("path"), str)}


def _dvc(path: Path) -> list[str]:
    claim = path.with_name(path.name + ".dvc")
    if not claim.is_file():
        return []
    try:
        content = yaml.safe_load(_claim_text(claim))
        return [out["md5"].lower() for out in content["outs"] if out.get("path") == path.name]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataRefused("is no .dvc file of this data", where=printable_path(claim),
                          wanted="outs with md5 and path") from None


def _claim_text(path: Path) -> str:
    with open_regular(path) as file:
        data = file.read(CLAIM_BYTES_AT_MOST + 1)
    if len(data) > CLAIM_BYTES_AT_MOST:
        raise DataRefused("is too large for what it is", where=printable_path(path))
    return data.decode("utf-8")


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)  # md5 is what DVC writes: it finds accidents, not attackers
    with open_regular(path) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
