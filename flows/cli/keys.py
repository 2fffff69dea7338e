"""hallmark keys: a person's key for approvals, and a new key for the installation itself."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import place

HELP = "Keys of people who approve, and the installation's own."
app = typer.Typer(no_args_is_help=True, help=HELP, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Keys of people who approve, and the installation's own."""


@app.command()
def new(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Who signs with it, as in infra/approvers.yaml.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the private key goes; never overwritten.")],
) -> None:
    """Make a key pair.

    The private key is a file that you alone can read; the entry for infra/approvers.yaml, which counts once it is
    committed, goes to stdout.
    """
    import yaml

    from tasks.contracts.places import APPROVERS
    from tasks.records.signatures import make_key

    key = make_key(out)
    print(f"{out} is your private key; keep it to yourself. For {APPROVERS}, by a reviewed commit:", file=sys.stderr)
    shown = yaml.safe_dump([name], default_flow_style=True, allow_unicode=True, width=10**9).strip()[1:-1]
    print(f"  - name: {shown}\n    key: {key.public}")


@app.command()
def rotate(json: place.Json = False) -> None:
    """Give the installation a new key, and remove the old one.

    An entry of the ledger, signed with the old key, names the new one; from there on the new one signs.
    """
    from flows.run import actor

    place.enter()
    entry = place.ledger().rotate_key(actor())
    if json:
        place.show_json({"index": entry.index, "key": entry.payload["key"], "retired": entry.payload["retired"]})
    else:
        print(f"Entry {entry.index} hands over to key {entry.payload['key']}; that of {entry.key[:8]}… is gone")
