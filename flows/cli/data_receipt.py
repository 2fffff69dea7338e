"""hallmark data receipt, check-receipt: prove that rows were forgotten, to somebody without the installation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import place
from flows.cli.data_forget import File, Lines, Rows, desk_for, ids_of
from tasks.contracts.errors import DigestMismatch

if TYPE_CHECKING:
    from flows.desk import Desk

app = typer.Typer()
Key = Annotated[str, typer.Option("--key", metavar="KEY",
                                  help="The installation's public key: a PEM file, or 64 characters of hex.")]


@app.command()
def receipt(
    rows: Rows = None, file: File = None, line: Lines = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write it.")] = None,
    json: place.Json = False,
) -> None:
    """Write the signed receipt of forgotten rows.

    It proves that they are in no row manifest of the newest version, says what was deleted where, and that it does
    not prove what weights forgot.
    """
    from json import dumps

    from flows.cli.audit_heads import write
    from flows.cli.data_forget_show import show_receipt

    started = Path.cwd()
    desk = desk_for("a receipt")
    said, digest = receipt_of(desk, ids_of(desk, rows or [], file, line or []))
    if out:
        write(started / out, dumps(said, ensure_ascii=False, indent=1))
    if json:
        place.show_json(said | {"sha256": digest})
    else:
        show_receipt(said, digest)


@app.command()
def check_receipt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `hallmark data receipt` wrote.")], key: Key,
    json: place.Json = False,
) -> None:
    """Check a receipt without the installation, by its public key.

    Exit code 1 where it was changed, or shows less than it says.
    """
    from json import loads

    from flows.cli.audit_heads import public_key
    from flows.cli.data_forget_show import show_checked
    from tasks.records.erasure_receipts import check_receipt as check

    try:
        said = loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DigestMismatch("is no receipt of an erasure", where=str(file), found=str(error)) from None
    found = check(said if isinstance(said, dict) else {}, public_key(key))
    place.show_json(found) if json else show_checked(found)


def receipt_of(desk: "Desk", rows: list[str]) -> tuple[dict[str, Any], str]:
    """A receipt as of now, and the sha256 that it is kept under."""
    from flows.erasure.receipts import make_receipt
    from flows.lineage.keeping import keep_file
    from tasks.contracts.canonical import canonical_json

    said = make_receipt(desk.ledger, rows)
    return said, keep_file(desk.home, canonical_json(said))
