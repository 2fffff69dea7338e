"""hallmark audit head, prove, check: what somebody can verify who does not hold the ledger."""

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import place

if TYPE_CHECKING:
    from tasks.records.heads import Head

app = typer.Typer()
Out = typer.Option("--out", metavar="FILE", help="Where to write it; replaced if it is there.")
KEY_HELP = "Public key that is trusted: a PEM file, or 64 characters of hex."


@app.command()
def head(
    out: Annotated[Path | None, Out] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="NAME", help="Make an annotated git tag of it.")] = None,
    json: place.Json = False,
) -> None:
    """Export the ledger's signed head.

    Number of entries, hash of the last one, time, Merkle root. Kept where whoever writes the ledger cannot reach it,
    it shows later that nothing was cut or rewritten: `hallmark audit verify --since`.
    """
    from tasks.records.exported_heads import said, tag_head

    started = Path.cwd()
    root = place.enter()
    found = signed_head()
    if tag:
        tag_head(root, tag, found)
    if out:
        write(started / out, said(found))
    if json:
        place.show_json(found.as_json())
    else:
        print(f"{found.size} entries, the last {found.hash} of {found.time[:19]}Z\nMerkle root {found.root}\n"
              f"signed by {found.key}")


@app.command()
def prove(
    index: Annotated[int, typer.Argument(help="Index of the entry, from 0 on.")],
    out: Annotated[Path, Out],
    json: place.Json = False,
) -> None:
    """Write one entry with the proof that it is in the ledger.

    The proof holds the entry, its way up the Merkle tree, and the signed head.
    """
    from tasks.records.proofs import prove as prove_entry
    from tasks.records.proofs import refuse_false_proof

    started = Path.cwd()
    place.enter()
    ledger = place.ledger()
    proof = prove_entry(ledger.entries(), index, signed_head())
    refuse_false_proof(proof, ledger.keys().first)
    write(started / out, dumps(proof.as_json(), ensure_ascii=False, indent=1))
    if json:
        place.show_json({"index": index, "hash": proof.entry.hash, "size": proof.head.size, "root": proof.head.root,
                         "key": proof.head.key})
    else:
        print(f"{out} proves {proof.entry} in a ledger of {proof.head.size} entries; "
              f"`hallmark audit check {out} --key {proof.head.key}` checks it")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `hallmark audit prove` wrote.")],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help=KEY_HELP)],
    json: place.Json = False,
) -> None:
    """Check a proof without the ledger, by a public key.

    Exit code 1 where it does not hold.
    """
    from tasks.contracts.errors import LedgerBroken, Misused
    from tasks.records.proofs import parse_proof, refuse_false_proof

    entry, reason, trusted = None, None, public_key(key)
    try:
        proof = parse_proof(file.read_bytes())
        refuse_false_proof(proof, trusted)
        entry = {**asdict(proof.entry), "payload": proof.entry.payload}
        entry.pop("payload_json")
    except OSError as error:
        raise Misused("cannot be read", where=str(file), found=error.strerror or "") from None
    except LedgerBroken as error:
        reason = error.message()
    if json:
        place.show_json({"ok": entry is not None, "entry": entry, "reason": reason})
    elif entry is None:
        typer.echo(f"{file} proves nothing: {reason}", err=True)
    else:
        print(f"{proof.entry} by {proof.entry.actor} is in the ledger of {proof.head.size} entries: "
              f"{proof.entry.payload_json}")
    raise typer.Exit(0 if entry is not None else 1)


def signed_head() -> "Head":
    """The head of the ledger here. Raises Refused where there is nothing yet."""
    from tasks.contracts.errors import Refused

    found = place.ledger().signed_head()
    if found is None:
        raise Refused("the ledger has no entry, so nothing to sign", where=place.ledger().place)
    return found


def public_key(said: str) -> str:
    """A public key by its file or its hex. Raises Misused where it is neither."""
    import re

    from tasks.records.signatures import load_public

    return said if re.fullmatch(r"[0-9a-f]{64}", said) else load_public(Path(said))


def write(path: Path, content: str) -> None:
    """Replace a file by a line or more. Raises Misused where it cannot be written."""
    from tasks.contracts.errors import Misused

    try:
        path.write_text(f"{content}\n", encoding="utf-8")
    except OSError as error:
        raise Misused("cannot be written", where=str(path), found=error.strerror or "") from None
