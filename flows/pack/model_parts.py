"""The files of a registered model, each with its sha256 and size, as the ledger approved them."""

from dataclasses import dataclass
from pathlib import Path

from flows.promotion.verified import verified_model
from tasks.records.ledger import Ledger
from tasks.records.model_files import files_of


@dataclass(frozen=True)
class ModelFile:
    """One file of a model. `path` is relative to the model's folder; `place` is where its bytes lie now."""

    path: str
    sha256: str
    size: int
    place: Path

    def as_json(self) -> dict[str, object]:
        return {"path": self.path, "sha256": self.sha256, "bytes": self.size}


def model_parts(ledger: Ledger, name: str, version: int) -> tuple[ModelFile, ...]:
    """The files of a version in the order of their paths.

    Raises:
        DigestMismatch: the stored bytes are not those that the ledger names; the message names the file.
    """
    folder = verified_model(ledger, name, version)
    return tuple(ModelFile(path, sha256, (folder / path).stat().st_size, folder / path)
                 for path, sha256 in sorted(files_of(folder).items()))
