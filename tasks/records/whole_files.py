"""A file that is written whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file so that a reader, or whoever comes after a kill, sees the old bytes or the new ones, whole.

    The folder must be there. What is left of a write that was killed, `.NAME.draft`, the next write of the name takes.
    """
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
