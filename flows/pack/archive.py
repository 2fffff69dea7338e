"""The archive itself: a zip whose bytes follow from its files alone, with a signed list of their sha256.

A zip and no tar: its files are packed one by one, so that a changed byte spoils one file, which can be named.
"""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tasks.contracts.canonical import canonical_json, file_sha256, sha256_hex
from tasks.contracts.errors import Misused
from tasks.records.signatures import Key, sign

MANIFEST, SIGNATURE = "MANIFEST.sha256", "MANIFEST.sig"
PURPOSE = "audit pack"
Content = bytes | Path
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name
_COPIED_AT_ONCE = 1 << 20


def with_manifest(files: Mapping[str, Content], key: Key) -> dict[str, Content]:
    """The files, and the list of them, as `sha256sum` writes and reads it, signed."""
    digests = {name: file_sha256(one) if isinstance(one, Path) else sha256_hex(one) for name, one in files.items()}
    listed = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
    digest = sha256_hex(listed)
    signature = {"digest": digest, "key": key.public, "purpose": PURPOSE, "signature": sign(key, PURPOSE, digest)}
    return {**files, MANIFEST: listed, SIGNATURE: canonical_json(signature) + b"\n"}


def write_archive(files: Mapping[str, Content], path: Path) -> None:
    """Write the archive. Raises Misused where it cannot be written."""
    try:
        with path.open("wb") as target, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted(files):
                _add(archive, name, files[name])
            archive.close()
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        raise Misused("cannot be written", where=str(path), found=error.strerror or "") from None


def _add(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    info = zipfile.ZipInfo(name, _LONG_AGO)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
    if isinstance(content, bytes):
        archive.writestr(info, content)
        return
    info.file_size = content.stat().st_size
    with content.open("rb") as source, archive.open(info, "w") as target:
        while piece := source.read(_COPIED_AT_ONCE):
            target.write(piece)
