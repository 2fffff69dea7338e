"""Where a command stands: the workspace around the current folder, its settings and its ledger."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.workspace import find_root
from tasks.contracts.places import home

if TYPE_CHECKING:
    from tasks.records.ledger import Ledger


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def enter() -> Path:
    """Go to the root of the workspace around the current folder, as git does, and return it."""
    root = find_root(Path.cwd())
    os.chdir(root)
    return root


def ledger() -> "Ledger":
    """The ledger of the workspace that was entered."""
    from tasks.records.ledger import Ledger

    return Ledger(home())


def show_json(answer: object) -> None:
    """The whole answer of a reading command as one object on stdout."""
    import json

    print(json.dumps(answer, ensure_ascii=False))
