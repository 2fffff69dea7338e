"""DVC on a folder, silent: its own words and progress bars would tear ours apart."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.repo import Repo


@contextmanager
def dvc_repo(root: Path, settings: Mapping[str, Any] | None = None) -> Iterator["Repo"]:
    """DVC's view of a folder. What DVC raises is passed on: DvcException, LockError, those of its libraries.

    Args:
        settings: in place of what .dvc/config says.
    """
    from dvc.repo import Repo

    for name in ("dvc", "dvc_data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with Repo(str(root), config=dict(settings or {})) as repo:
        yield repo
