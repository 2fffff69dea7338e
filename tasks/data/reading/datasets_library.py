"""Data sets of the datasets library, from a hub or a folder, as one file of JSON Lines. The library is no requirement.

What training reads is the file: it lies under DVC, so that a hub that changes or goes away changes no past run.
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.contracts.errors import DataRefused, Misused, ServiceUnreachable

HUB = "hub:"
ENDING = ".jsonl.gz"
_SAVED = ("state.json", "dataset_dict.json")  # what the library's save_to_disk leaves in a folder


@dataclass(frozen=True)
class Place:
    """Where a data set is: `hub:OWNER/NAME[@REVISION][#SPLIT]`, or `FOLDER[#SPLIT]`; the split is train by default."""

    name: str  # on the hub, or the folder
    is_hub: bool
    revision: str | None
    split: str

    @property
    def file_name(self) -> str:
        """What the file may be called."""
        split = "" if self.split == "train" else f"-{self.split}"
        return f"{Path(self.name).name}{split}{ENDING}"


def place_of(said: str) -> Place | None:
    """The place that a text names; None where it is neither a name of a hub nor a folder."""
    name, _, split = said.removeprefix(HUB).partition("#")
    if said.startswith(HUB):
        name, _, revision = name.partition("@")
        return Place(name, True, revision or None, split or "train")
    return Place(name, False, None, split or "train") if Path(name).is_dir() else None


def write_dataset(place: Place, target: Path) -> str:
    """Write every row of a split as one line, and return where it came from; the same rows give the same bytes.

    Raises:
        Misused: the library is not installed, or there is no such split or data set.
        ServiceUnreachable: the hub did not answer.
        DataRefused: a row holds what JSON cannot.
    """
    library = _library()
    revision = _commit(place) if place.is_hub else None
    with target.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        for number, row in enumerate(_rows(library, place, revision), 1):
            packed.write(_line(place, number, row))
    return f"{HUB}{place.name}@{revision}#{place.split}" if revision else f"{Path(place.name).name}#{place.split}"


def _line(place: Place, number: int, row: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except (TypeError, ValueError) as fault:  # pictures, bytes, times; NaN; half of a surrogate pair
        raise DataRefused("holds what JSON cannot", where=f"{place.name}, row {number}", wanted="texts and numbers",
                          found=type(fault).__name__) from None


def _rows(library: Any, place: Place, revision: str | None) -> Iterable[Mapping[str, Any]]:
    try:
        if not place.is_hub and any((Path(place.name) / name).is_file() for name in _SAVED):
            saved = library.load_from_disk(place.name)
            return saved[place.split] if isinstance(saved, dict) else saved
        return library.load_dataset(place.name, split=place.split, revision=revision, streaming=True)
    except (ValueError, KeyError, FileNotFoundError) as fault:
        raise Misused("there is no such data set or split", where=place.name, wanted=f"the split {place.split}",
                      found=" ".join(str(fault).split())[:200]) from None


def _commit(place: Place) -> str:
    """The commit that a revision of the hub stands for now."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return str(HfApi().dataset_info(place.name, revision=place.revision).sha)
    except (HFValidationError, RepositoryNotFoundError, RevisionNotFoundError) as fault:
        raise Misused("there is no such data set or revision", where=f"{HUB}{place.name}",
                      found=" ".join(str(fault).split())[:200]) from None
    except Exception as fault:  # whatever the client raises, the hub did not answer
        raise ServiceUnreachable("the hub did not answer", where=f"{HUB}{place.name}",
                                 found=f"{type(fault).__name__}: {' '.join(str(fault).split())[:200]}") from fault


def _library() -> Any:
    try:
        return import_module("datasets")
    except ImportError:
        raise Misused("the package datasets is not installed", wanted="it, for hub names and folders",
                      next_step="pip install datasets, or give a file.") from None
