"""Looks at data/ and says when what lies there is something else than what was told last."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from flows.promotion.succession import Entry
from flows.scheduling import served
from tasks.contracts.canonical import canonical_json, file_sha256, sha256_hex
from tasks.stage.files import write_whole

DATA, DATA_DVC = Path("data"), Path("data.dvc")

Stamp = tuple[tuple[str, int, int], ...]


class DataWatch:
    """Compares what it sees at each look with the look before, and with what was told, also before a restart."""

    def __init__(self, root: Path, home: Path):
        self._root = root
        self._note = served.folder(home) / "data.json"
        self._seen: Stamp | None = None  # at the look before; None: nobody has looked yet
        self._settled: Stamp | None = None  # of which the digest is known to be told

    def look(self) -> str | None:
        """The digest of data that is new and stands still; None where there is nothing to tell.

        Files that are being written change from look to look. A file that comes and goes meanwhile is a change too.
        """
        seen, before = stamp(self._root), self._seen
        self._seen = seen
        if seen is None or seen != before or seen == self._settled:
            return None
        digest = data_digest(self._root)
        if digest is not None and digest == self.told():
            self._settled = seen
            return None
        return digest

    def told(self) -> str | None:
        """The digest that was told last."""
        try:
            return str(json.loads(self._note.read_text(encoding="utf-8"))["digest"])
        except FileNotFoundError:
            return None

    def tell_again_unless_heard(self, entries: Iterable[Entry]) -> None:
        """Forget what was told last where no run has come to an outcome since, as it was killed or never began.

        Args:
            entries: the ledger's.
        """
        if self._note.exists():
            told = datetime.fromisoformat(json.loads(self._note.read_text(encoding="utf-8"))["told"])
            if not ended_since(entries, told):
                self._note.unlink()

    def remember(self, digest: str) -> None:
        """Call it when the digest has been told: it is not told again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        write_whole(self._note, json.dumps({"digest": digest, "told": now}) + "\n")
        self._settled = self._seen


def ended_since(entries: Iterable[Entry], when: datetime) -> bool:
    """Whether a run that began then or later came to another outcome than a crash."""
    begun = set()
    for entry in entries:
        if entry.kind == "run started" and datetime.fromisoformat(entry.time) >= when:
            begun.add(entry.payload["run"])
        elif entry.kind == "run finished" and entry.payload["run"] in begun and entry.payload["outcome"] != "crashed":
            return True
    return False


def stamp(root: Path) -> Stamp | None:
    """Path, size and time of change in ns of data.dvc and every file of data/; None while they change under the eye."""
    try:
        return tuple((path.relative_to(root).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
                     for path in [root / DATA_DVC, *files(root)] if path.exists())
    except FileNotFoundError:
        return None


def data_digest(root: Path) -> str | None:
    """The sha256 over names and contents of the files of data/, or of data.dvc where there is no data/.

    Names count: data/ is read by name. None where a file went away meanwhile.
    """
    found = files(root) if (root / DATA).is_dir() else [root / DATA_DVC]
    try:
        return sha256_hex(canonical_json({path.relative_to(root).as_posix(): file_sha256(path) for path in found}))
    except FileNotFoundError:
        return None


def files(root: Path) -> list[Path]:
    """The files of data/, in one order; what DVC links to its cache counts as the file that it leads to."""
    return sorted(path for path in (root / DATA).rglob("*") if path.is_file())
