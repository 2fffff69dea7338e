"""One value, one sequence of bytes, one digest: what rows, manifests, models and ledger entries are named by."""

import hashlib
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import rfc8785

from tasks.contracts.errors import Refused


def canonical_json(value: object) -> bytes:
    """Return the RFC 8785 form of a value: UTF-8, sorted keys, no space, every string in Unicode NFC.

    Tuples become arrays. Equal numbers have equal bytes: 1.0 and 1 are both `1`, -0.0 is `0`.

    Raises:
        ValueError: the value has no such form: NaN or infinity, an integer beyond 2**53 - 1, a key that is no
            text, two keys that are one in NFC, a lone surrogate, nesting too deep, or a type that JSON lacks.
    """
    try:
        return rfc8785.dumps(_composed(value))  # type: ignore[arg-type]  # it checks each type itself
    except UnicodeEncodeError:
        raise ValueError("cannot be canonical JSON: a text holds a lone surrogate") from None
    except RecursionError:
        raise ValueError("cannot be canonical JSON: nested too deep") from None
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"cannot be canonical JSON: {error}") from None


def _composed(value: object) -> object:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list | tuple):
        return [_composed(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    composed = {_composed_key(key): _composed(item) for key, item in value.items()}
    if len(composed) != len(value):
        raise ValueError("cannot be canonical JSON: two keys of one object are the same text in NFC")
    return composed


def _composed_key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"cannot be canonical JSON: a key is {type(key).__name__}, wanted text")
    return unicodedata.normalize("NFC", key)


def sha256_hex(data: bytes) -> str:
    """The sha256 of bytes, 64 characters of lower hex."""
    return hashlib.sha256(data).hexdigest()


def row_id(row: Mapping[str, object]) -> str:
    """The id of a row: the sha256 of its canonical JSON. Raises ValueError as canonical_json does."""
    return sha256_hex(canonical_json(row))


def file_sha256(path: Path | str) -> str:
    """The sha256 of a file's bytes, read in pieces. Raises OSError where it cannot be read."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path | str) -> str:
    """The digest of a model: sha256 over its files' sha256, sorted and joined by newlines.

    Names are not in it: moved or renamed, a model stays the same model.

    Raises:
        Refused: there is no such folder, it holds no file, or it holds a link or a special file,
            whose bytes could change without the folder changing.
    """
    return sha256_hex("\n".join(sorted(file_sha256(path) for path in _files(Path(folder)))).encode())


def _files(folder: Path) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        raise Refused("is no folder that a digest could name", where=str(folder), wanted="a real folder",
                      found="a link" if folder.is_symlink() else "a file" if folder.exists() else "nothing")
    files = []
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise Refused("is neither file nor folder, so its bytes may change unseen", where=str(path),
                          wanted="plain files only", found="a link" if path.is_symlink() else "a special file")
        if path.is_file():
            files.append(path)
    if not files:
        raise Refused("holds no file, so no digest can name it", where=str(folder))
    return files
