"""data/ and DVC: named by its content, pushed where it can be written, and its change told to a schedule at work."""

import subprocess
import sys
from pathlib import Path

from flows.dvc_repo import dvc_repo
from flows.scheduling import served
from flows.scheduling.data_watch import DATA, DATA_DVC, DataWatch, data_digest
from tasks.contracts.errors import ServiceUnreachable, WorkspaceBusy
from tasks.contracts.yaml_text import read_yaml

SEED, STORE = "seed", "store"  # remotes of .dvc/config: the one inside the repository is read, the other is written


def track(root: Path) -> None:
    """Have data.dvc name what lies in data/ now.

    Raises:
        WorkspaceBusy: another DVC command is at work here.
        ServiceUnreachable: DVC could not do it, and says why.
    """
    dvc(root, "add", "--quiet", str(DATA))


def tracked(root: Path) -> str | None:
    """What data.dvc calls data/; None where there is none."""
    if not (root / DATA_DVC).is_file():
        return None
    said = read_yaml((root / DATA_DVC).read_text(encoding="utf-8"))
    return str(said["outs"][0]["md5"])


def push(root: Path) -> str | None:
    """Push data/ to the remote that is written, and return its name; None where there is none.

    That is the default remote, or `store` where the default one is `seed`.

    Raises:
        ServiceUnreachable: the remote did not take it.
    """
    remote = written_remote(root)
    if remote is not None:
        dvc(root, "push", "--quiet", "--remote", remote, str(DATA_DVC))
    return remote


def written_remote(root: Path) -> str | None:
    """The name of the remote that is written."""
    with dvc_repo(root) as repo:
        default, known = repo.config["core"].get("remote"), list(repo.config["remote"])
    if default and default != SEED:
        return str(default)
    return STORE if STORE in known else None


def dvc(root: Path, *words: str) -> None:
    """Run a DVC command in the workspace."""
    done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = " ".join(done.stderr.split())[-300:]
    if "Unable to acquire lock" in done.stderr:
        raise WorkspaceBusy("another DVC command is at work here", where=str(root), found=said,
                            next_step="Wait for it, and give the same command again.")
    raise ServiceUnreachable(f"dvc {words[0]} did not end well", where=words[-1], found=said,
                             next_step="See to what it says, and give the same command again: it goes on from here.")


def tell_change(root: Path, home: Path) -> bool:
    """Tell a schedule at work that the data has changed; whether it heard.

    What is not told here, its own look at data/ tells; what is told here, that look does not tell again.
    """
    url, digest, watch = served.server(home), data_digest(root), DataWatch(root, home)
    if url is None or digest is None:
        return False
    if digest != watch.told():
        try:
            served.tell(url, served.DATA_CHANGED, served.name_of(root, home), {"digest": digest})
        except ServiceUnreachable:
            return False
        watch.remember(digest)
    return True
