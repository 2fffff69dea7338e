"""What DVC names bytes by: the md5 of a file, and of a folder the md5 of its list of files with `.dir` behind it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

FOLDER = ".dir"  # a folder's name ends so; its object lists the files


def file_md5(path: Path) -> str:
    """The md5 of a file's bytes, read in pieces. It finds objects; nothing is trusted that md5 alone vouches for."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_md5(files: Mapping[str, str]) -> str:
    """DVC's name of a folder. `files`: path in the folder -> md5."""
    listed = [{"md5": md5, "relpath": relpath} for relpath, md5 in sorted(files.items())]
    return hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest() + FOLDER
