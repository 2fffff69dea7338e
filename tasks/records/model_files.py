"""The files of a model, each with its sha256: what a registered version's bytes are held against, file by file."""

from collections.abc import Mapping
from pathlib import Path

from tasks.contracts.canonical import file_sha256, sha256_hex
from tasks.contracts.errors import DigestMismatch, Refused


def files_of(folder: Path) -> dict[str, str]:
    """Path below a folder, with `/`, -> sha256 of the file's bytes.

    Raises:
        Refused: there is no such folder, it holds no file, or a link or special file, whose bytes may change unseen.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise Refused("is no folder with a model", where=str(folder), found="a link" if folder.is_symlink() else "none")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise Refused("is neither file nor folder, so its bytes may change unseen", where=str(path))
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = file_sha256(path)
    if not found:
        raise Refused("holds no file", where=str(folder), wanted="a model")
    return found


def digest_of(files: Mapping[str, str]) -> str:
    """The digest of the model that consists of these files, as tasks.contracts.canonical.folder_digest has it."""
    return sha256_hex("\n".join(sorted(files.values())).encode())


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """Every file that is not as approved: its path, `changed`, `missing` or `added`, wanted and found sha256."""
    said = []
    for path in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(path, ""), found.get(path, "")
        if one != other:
            said.append((path, "missing" if not other else "added" if not one else "changed", one, other))
    return said


def refuse_other_bytes(what: str, folder: Path, digest: str, files: Mapping[str, str] | None = None) -> None:
    """Raise DigestMismatch unless a folder holds the model that was approved.

    Args:
        what: the model in words, for the message.
        digest: of the model.
        files: path -> sha256 as approved, so that the message can name the file; None: not recorded.
    """
    try:
        found = files_of(folder)
    except Refused as error:
        raise _mismatch(what, folder, digest, error.message()) from None
    if files is not None and (other := differences(files, found)):
        named = "; ".join(f"{path} was {how}" if how != "missing" else f"{path} is missing" for path, how, *_ in other)
        raise _mismatch(f"{what}: {named}, so it", folder, digest, digest_of(found))
    if digest_of(found) != digest:
        raise _mismatch(what, folder, digest, digest_of(found))


def _mismatch(what: str, folder: Path, wanted: str, found: str) -> DigestMismatch:
    return DigestMismatch(f"{what} does not hold the bytes that were registered", where=str(folder), wanted=wanted,
                          found=found, next_step="Do not use it; restore the store from its backup, or rebuild the "
                                                 "version with `hallmark audit rebuild`.")
