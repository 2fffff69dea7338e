"""Who may approve, and what people signed about a version: the allow-list as committed, and the signed statements."""

import json
from typing import Any

from flows.pack.subject import Subject
from tasks.contracts.places import APPROVERS
from tasks.records.git import git


def allow_list(subject: Subject) -> tuple[str, bytes]:
    """A commit and the allow-list in it: the first from the run's commit on that names the keys of all who signed.

    Where none does, it is the last one; without any list there is nobody on it.
    """
    signed = [entry.payload["key"] for entry in subject.about("approved", "rejected")]
    first = str(subject.started.payload["commit"])
    later = _git(subject, "rev-list", "--reverse", f"{first}..HEAD", "--", APPROVERS.as_posix()).decode().split()
    found = (first, b"approvers: []\n")
    for commit in (first, *later):
        listed = _git(subject, "show", f"{commit}:./{APPROVERS}")
        found = (commit, listed) if listed else found
        if listed and all(key.encode() in listed for key in signed):
            break
    return found


def statements_of_people(subject: Subject) -> bytes:
    """What people signed about the version, each with its ledger entry and who had started the run."""
    starters = sorted({entry.actor for entry in subject.told if entry.kind == "run started"
                       and entry.payload["run"] == subject.one.run})
    said: list[dict[str, Any]] = [
        {"entry": entry.index, "run_started_by": starters,
         **{key: entry.payload[key] for key in ("statement", "key", "signature")}}
        for entry in subject.about("approved", "rejected")]
    return (json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _git(subject: Subject, *words: str) -> bytes:
    """What git says; nothing where it does not know."""
    done = git(subject.root, *words)
    return done.stdout if done.returncode == 0 else b""
