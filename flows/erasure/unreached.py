"""Places where text of forgotten rows may still be and that nothing here can clean, each by name."""

from pathlib import Path

from flows.desk import Desk
from flows.erasure.stores import CACHE, Store, stores
from flows.erasure.work import Work
from tasks.records.git import git_output
from tasks.records.mlflow_store import tracking_uri

ELSEWHERE = "copies outside of this installation: clones, exports, backups, what a page showed"


def places(desk: Desk, work: Work) -> list[str]:
    """Each place in a sentence."""
    found = stores(desk.root, desk.home)
    said = [text for store in found if store.name != CACHE for text in (
        _history(desk.root, store, work), _versions(store, work), _unseen(store, work)) if text]
    if not tracking_uri().startswith("sqlite:"):
        said.append("artifacts of MLflow's server (samples of evaluation, reports), which were not searched")
    return [*said, ELSEWHERE]


def _history(root: Path, store: Store, work: Work) -> str:
    """A remote inside the repository: what git once had of it stays in its history."""
    if store.folder is None or not store.folder.is_relative_to(root.absolute()):
        return ""
    inside = store.folder.relative_to(root.absolute()).as_posix()
    added = git_output(root, "log", "--all", "--format=", "--name-only", "--diff-filter=A", "--", inside).decode()
    committed = {"".join(Path(line).parts[-2:]) for line in added.splitlines()}
    gone = sorted(committed & set(work.deleted.get(store.name, ())))
    if not gone:
        return ""
    return (f"git history of {inside}: {len(gone)} deleted objects stay in earlier commits ({', '.join(gone[:5])}"
            f"{' …' if len(gone) > 5 else ''}) until somebody rewrites it, here and in every clone")


def _versions(store: Store, work: Work) -> str:
    if store.folder is not None or not work.deleted.get(store.name):
        return ""
    return f"older versions of deleted objects in remote {store.name}, where its storage keeps them"


def _unseen(store: Store, work: Work) -> str:
    count = work.unseen.get(store.name, 0)
    return f"{count} objects in remote {store.name} that no record names, which were not fetched" if count else ""
