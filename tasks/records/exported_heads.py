"""Heads that were exported: a file, or an annotated git tag whose message is the head's JSON."""

from pathlib import Path

from tasks.contracts.canonical import canonical_json
from tasks.contracts.errors import Misused
from tasks.records.git import fault_of, git
from tasks.records.heads import Head, parse_head

_WANTED = "a head that `hallmark audit head` exported, as a file or a git tag"


def tag_head(root: Path, name: str, head: Head) -> None:
    """Make the tag at HEAD. Raises Misused where the name is none or taken, or git knows no name of who tags."""
    if name.startswith("-") or git(root, "check-ref-format", f"refs/tags/{name}").returncode:
        raise Misused("is no name for a git tag", where=name)
    made = git(root, "tag", "--annotate", "--cleanup=verbatim", "--message", said(head), name)
    if made.returncode:
        raise Misused("git did not make the tag", where=name, found=fault_of(made))


def read_exported(root: Path, file_or_tag: str) -> Head:
    """Read an exported head by its file, else by its tag. Raises Misused where neither holds one."""
    file = Path(file_or_tag)
    try:
        raw = file.read_text(encoding="utf-8") if file.is_file() else _tagged(root, file_or_tag)
        return parse_head(raw)
    except (OSError, ValueError) as error:
        raise Misused("is no exported head", where=file_or_tag, wanted=_WANTED, found=str(error)) from None


def said(head: Head) -> str:
    """A head as it is exported: its canonical JSON, one line."""
    return canonical_json(head.as_json()).decode()


def _tagged(root: Path, name: str) -> str:
    found = git(root, "for-each-ref", "--format=%(objecttype) %(contents:subject)", f"refs/tags/{name}")
    kind, _, subject = found.stdout.decode().strip().partition(" ")
    if found.returncode or kind != "tag":
        raise ValueError("neither a file nor an annotated tag" if kind != "commit" else "a tag without a message")
    return subject
