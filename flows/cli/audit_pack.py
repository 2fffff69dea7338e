"""hallmark audit pack: one archive about a version, for whoever checks it without this installation."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import place
from flows.cli.audit_rows import Version

app = typer.Typer()


@app.command()
def pack(
    version: Version,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The archive to write, a zip.")],
    with_model: Annotated[bool, typer.Option("--with-model", help="Put the model's files in, not their sha256 alone.")]
    = False,
    rows: Annotated[bool, typer.Option("--rows", help="Put the rows' ids in, and from which line of whom each is.")]
    = False,
    whole_ledger: Annotated[bool, typer.Option(
        "--whole-ledger", help="Put every ledger entry in, not those about this version alone.")] = False,
    json: place.Json = False,
) -> None:
    """Write an archive that proves a version's record, to be checked offline by one file of Python and a public key.

    It holds no text of rows. It is verified before it is kept; exit code 1 where something is not what was recorded.
    """
    from flows.desk import open_desk
    from flows.pack.packing import pack as write

    started = Path.cwd()
    found = write(open_desk(place.enter(), "pack"), version, started / out, rows=rows, with_model=with_model,
                  whole_ledger=whole_ledger)
    if json:
        place.show_json({"version": version, "out": str(out), "sha256": found.sha256, "bytes": found.size,
                         "files": found.files, "key": found.key, "entry": found.entry, "verified": True})
        return
    print("\n".join(found.verified))
    print(f"{out}: {found.size:,} bytes, {found.files} files, sha256 {found.sha256}\n"
          f"Whoever gets it checks it with `python3 verify.py --key {found.key} {out.name}`; "
          "give them the key another way.")
