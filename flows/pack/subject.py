"""What is packed: a registered version with all that the ledger and the state folder hold of it, read and checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.data import versions as data_versions
from flows.erasure.affected import FORGOTTEN
from flows.lineage.keeping import kept_file
from flows.lineage.people import decision_of
from flows.lineage.trace import Traced, sources_of
from flows.lineage.versions import Names, Registration, Told, registration, told
from flows.pack.model_parts import ModelFile, model_parts
from tasks.contracts.canonical import sha256_hex
from tasks.contracts.errors import DigestMismatch, Refused
from tasks.contracts.places import CHECKED, PARAMS
from tasks.contracts.yaml_text import read_yaml
from tasks.records.bundle import read_own_bundle
from tasks.records.chain import Entry
from tasks.records.ledger import Ledger

REPORT = CHECKED / "report.json"


@dataclass(frozen=True)
class Subject:
    """A version and what is known of it. Of files that were not kept, or were changed since, nothing is known."""

    root: Path
    home: Path
    entries: Sequence[Entry]
    told: Sequence[Told]
    names: Names
    one: Registration
    bundle: dict[str, Any]
    bundle_files: tuple[bytes, bytes]  # the bundle and its signature
    files: tuple[ModelFile, ...]
    started: Told  # entry `run started`
    decided: Told  # entry `gate decided`

    @cached_property
    def traced(self) -> Traced:
        return Traced(self.home, self.told, self.names, self.one)

    @cached_property
    def stages(self) -> Told | None:
        """Entry `stages finished`."""
        return self.traced.of_run("stages finished")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """params.yaml of the run; empty where it was not kept."""
        return read_yaml(self.traced.kept(PARAMS) or "{}") or {}

    @cached_property
    def sources(self) -> list[dict[str, Any]]:
        """The data files that check_data read, each with what was told of where it came from."""
        about = {one.get("path"): one for one in self.settings.get("data", {}).get("sources", [])}
        return [{key: value for key, value in about.get(one["path"], {}).items() if key != "split"} | one
                for one in sources_of(self.traced)]

    @cached_property
    def data_version(self) -> data_versions.DataVersion | None:
        return data_versions.read_by(self.home, data_versions.data_versions(self.told), self.one)

    @property
    def first_key(self) -> str:
        """The first public key of the ledger, which names the installation."""
        return self.entries[0].key

    @property
    def findings(self) -> list[dict[str, Any]]:
        return list(self.bundle["decision"]["findings"])

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return list(self.bundle["evidence"]["metrics"])

    def setting(self, *path: str) -> Any:
        """A setting of the run by its place in params.yaml; None where it stands on its default or was not kept."""
        found: Any = self.settings
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def about(self, *kinds: str) -> list[Told]:
        """Entries of some kinds about this version by its name and number."""
        return [entry for entry in self.told if entry.kind in kinds
                and (entry.payload.get("name"), entry.payload.get("version")) == (self.one.name, self.one.version)]

    def kept(self, path: Path) -> bytes | None:
        """A small file of the run as it was kept."""
        digest = self.one.files.get(path.as_posix())
        return content(kept_file(self.home, digest), digest) if digest else None

    @property
    def patch(self) -> bytes | None:
        """The uncommitted changes that the run was made with; None where the tree was clean, or they are gone."""
        digest = self.started.payload.get("diff_sha256")
        return content(self.home / "diffs" / f"{digest}.patch", digest) if digest else None

    @property
    def packages(self) -> bytes | None:
        """The list of packages that were installed, where the run kept one."""
        digest = self.started.payload.get("packages_sha256")
        return content(kept_file(self.home, digest), digest) if digest else None

    @property
    def data_sheet(self) -> bytes | None:
        """The sheet of the data version that the model was made from, where one is on record."""
        data = self.data_version
        return content(kept_file(self.home, data.sheet), data.sheet) if data else None


def read_subject(root: Path, home: Path, ledger: Ledger, names: Names, version: int) -> Subject:
    """Everything about a version of the registered policy.

    Raises:
        UnknownVersion: the ledger knows no such version.
        Refused: it was registered without a run or a decision on record, so there is nothing to prove.
        DigestMismatch: bundle or model are not what was recorded.
    """
    entries = ledger.entries()
    parsed = told(entries)
    one = registration(parsed, names.policy, version)
    started = Traced(home, parsed, names, one).of_run("run started")
    decided = decision_of(parsed, one)
    if started is None or decided is None:
        raise Refused("has no run or no decision on record, so a pack of it could prove nothing", where=str(one),
                      next_step="`hallmark audit trace` shows what is recorded.")
    bundle = dict(read_own_bundle(home, one.bundle))
    path = home / "bundles" / f"{one.bundle}.json"
    return Subject(root, home, entries, parsed, names, one, bundle,
                   (path.read_bytes(), path.with_suffix(".sig").read_bytes()), model_parts(ledger, one.name, version),
                   started, decided)


def forgotten(entries: Iterable[Told], one: Registration) -> list[Told]:
    """The entries by which rows were forgotten that this version had met."""
    return [entry for entry in entries if entry.kind == FORGOTTEN and any(
        (said["name"], said["version"]) == (one.name, one.version) for said in entry.payload["affected"])]


def content(path: Path, digest: str) -> bytes | None:
    """A kept file's bytes. Raises DigestMismatch where they were changed; None where the file is gone."""
    if not path.is_file():
        return None
    found = path.read_bytes()
    if sha256_hex(found) != digest:
        raise DigestMismatch("was changed since it was kept", where=str(path), wanted=digest, found=sha256_hex(found),
                             next_step="Restore it from a backup; a pack holds only what the ledger names.")
    return found
