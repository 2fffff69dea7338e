"""The state folder against the ledger: bundles, kept files, diffs, manifests, sheets of comparisons, keys, copies."""

from collections.abc import Iterator
from pathlib import Path

from flows.lineage.keeping import kept_file
from flows.promotion.blind import EXPORTED
from flows.promotion.verified import MODEL_FILES
from flows.reconcile.findings import Finding, Ground, What
from flows.reconcile.snapshot import RECORDED
from tasks.contracts.canonical import file_sha256
from tasks.contracts.errors import DigestMismatch, HallmarkError, Refused
from tasks.records.bundle import read_own_bundle
from tasks.records.installation_key import first_key
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore
from tasks.records.model_files import digest_of, files_of
from tasks.records.model_store import COPIES
from tasks.records.signatures import key_paths, load_key

BACKUP = "Restore it from the backup of the state folder."


def compare(ground: Ground) -> Iterator[Finding]:
    """Every file that the ledger names by its digest."""
    ground.say("the state folder")
    yield from _bundles(ground)
    for digest, (what, path, entry) in named_files(ground).items():
        if not ground.gone.has_path(path.relative_to(ground.home).as_posix()):
            yield from _file(ground, digest, what, path, entry)
    yield from _manifests(ground)
    yield from _keys(ground)
    yield from _copies(ground)


def named_files(ground: Ground) -> dict[str, tuple[str, Path, int]]:
    """sha256 -> what it is, where it lies, and the entry that names it."""
    found: dict[str, tuple[str, Path, int]] = {}

    def add(digest: object, what: str, entry: int, path: Path | None = None) -> None:
        if isinstance(digest, str):
            found.setdefault(digest, (what, path or kept_file(ground.home, digest), entry))

    for entry in ground.entries:
        said = entry.payload
        if entry.kind == "registered":
            for name, digest in said.get("files", {}).items():
                add(digest, f"{name} of {said['name']} version {said['version']}", entry.index)
            add(said.get(MODEL_FILES), f"list of files of {said['name']} version {said['version']}", entry.index)
        elif entry.kind == RECORDED:
            add(said["snapshot"], f"what MLflow held of run {said['run']}", entry.index)
        elif entry.kind == "data version":
            add(said["sheet"], f"sheet of data version {said['version']}", entry.index)
            add(said.get("origins"), f"rows of data version {said['version']}", entry.index)
        elif entry.kind == "erasure finished":
            add(said["receipt"], f"receipt of the erasure {said['run']}", entry.index)
        elif entry.kind == "run started":
            add(said.get("diff_sha256"), f"diff of run {said['run']}", entry.index,
                ground.home / "diffs" / f"{said.get('diff_sha256')}.patch")
        elif entry.kind == EXPORTED:
            add(said["comparison"], f"key of a sheet for {said['name']} version {said['version']}", entry.index,
                ground.home / "comparisons" / f"{said['comparison']}.json")
    return found


def _file(ground: Ground, digest: str, what: str, path: Path, entry: int) -> Iterator[Finding]:
    name = f"{path.relative_to(ground.home).as_posix()} ({what})"
    if not path.is_file():
        yield Finding("disk", "deleted", name, f"sha256 {digest}", "nothing", entry, BACKUP)
    elif (found := file_sha256(path)) != digest:
        yield Finding("disk", "edited", name, f"sha256 {digest}", f"sha256 {found}", entry, BACKUP)


def _bundles(ground: Ground) -> Iterator[Finding]:
    seen: set[str] = set()
    for one in ground.registered:
        if one.bundle in seen:
            continue
        seen.add(one.bundle)
        try:
            read_own_bundle(ground.home, one.bundle)
        except DigestMismatch as error:
            paths = [ground.home / "bundles" / f"{one.bundle}{ending}" for ending in (".json", ".sig")]
            lost = [path for path in paths if not path.is_file()]
            what: What = "deleted" if lost else "edited"
            name = (lost or paths)[0].relative_to(ground.home).as_posix()
            yield Finding("disk", what, f"{name} (evidence bundle of {one})", error.wanted, error.what, one.entry,
                          BACKUP)


def _manifests(ground: Ground) -> Iterator[Finding]:
    store, wanted = ManifestStore(ground.home), dict[str, tuple[str, int]]()
    for one in ground.registered:
        for use, said in one.manifests.items():
            wanted.setdefault(said["root"], (f"{use} of {one}", one.entry))
    for entry in ground.of("stages finished"):  # of a run that registered no version, receipts rest on these
        for use, said in entry.payload.get("manifests", {}).items():
            wanted.setdefault(said["root"], (f"{use} of run {entry.payload['run']}", entry.index))
    for root, (of, index) in wanted.items():
        try:
            store.checked(root)
        except DigestMismatch as error:
            what: What = "edited" if store.holds(root) else "deleted"
            yield Finding("disk", what, f"manifests/{root} (rows of {of})", root, error.what, index, BACKUP)


def _keys(ground: Ground) -> Iterator[Finding]:
    """The private key of now, and the first public one; what they signed is checked by `audit verify`."""
    private, public = key_paths(ground.home)
    wanted = Ledger(ground.home).keys()
    try:
        current, first = load_key(private).public, first_key(ground.home)
    except HallmarkError as error:
        yield Finding("disk", "deleted", f"keys/{private.name}", wanted.current, error.message(), next_step=BACKUP)
        return
    for path, one, found in ((private, wanted.current, current), (public, wanted.first, first)):
        if one != found:
            yield Finding("disk", "edited", f"keys/{path.name}", one, found, next_step=BACKUP)


def _copies(ground: Ground) -> Iterator[Finding]:
    """Models that were fetched: a damaged copy is never loaded, and made anew at the next load."""
    folder = ground.home / COPIES
    for copy in sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else ():
        try:
            found = digest_of(files_of(copy))
        except Refused as error:
            found = error.what
        if found != copy.name:
            yield Finding("disk", "edited", f"{COPIES}/{copy.name[:12]} (a copy that a model is loaded from)",
                          copy.name, found, next_step="It is made anew when the model is loaded; ask who wrote there.")
