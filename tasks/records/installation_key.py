"""The key that signs for an installation: the first public one stays as what is trusted, the private one moves on.

`keys/ledger.pub` is the first public key, for ever. `keys/ledger.pem` is the private key of now. A retired private key
is removed, not kept: whoever got hold of it could sign another past, up to the entry that retired it, as convincing
as the true one.
"""

import os
from pathlib import Path

from tasks.contracts.errors import Misused
from tasks.records.key_chain import KeyChain
from tasks.records.signatures import Key, key_paths, load_key, load_or_make_key, load_public, make_key


def first_key(home: Path) -> str:
    """The public key that is trusted from outside, 64 hex. Raises Misused where there is none."""
    private, public = key_paths(home)
    return load_public(public) if public.exists() else load_key(private).public


def signing_key(home: Path, keys: KeyChain) -> Key:
    """The private key whose turn it is. Where a kill came between the entry and the new file, the file is put in place.

    Raises:
        Misused: the private key is gone, or it is another one.
    """
    refuse_lost_key(home)
    private, _ = key_paths(home)
    key = load_or_make_key(home)
    if key.public != keys.current and _next_path(home).exists() and load_key(_next_path(home)).public == keys.current:
        take_next_key(home)
        key = load_key(private)
    if key.public != keys.current:
        raise Misused(
            "is not the key that signs the ledger now", where=str(private), wanted=f"{keys.current[:8]}…",
            found=f"{key.public[:8]}…, {keys.standing(key.public)}",
            next_step="Copy the file from where the key was changed, or restore it from its backup.")
    return key


def refuse_lost_key(home: Path) -> None:
    """Raise Misused where the private key of a ledger that has entries is gone: a new one could not continue it."""
    private, _ = key_paths(home)
    if not private.exists():
        raise Misused(
            "the ledger's private key is gone, and no other key can continue it", where=str(private),
            next_step="Restore the file from its backup; another host that shares the ledger needs a copy of keys/.")


def make_next_key(home: Path) -> Key:
    """Make the key that is to be handed over to, in a file of its own; one that was never named is thrown away."""
    path = _next_path(home)
    path.unlink(missing_ok=True)
    return make_key(path)


def take_next_key(home: Path) -> None:
    """Put the next key in the place of the old one, which is gone after this."""
    private, _ = key_paths(home)
    _next_path(home).replace(private)
    folder = os.open(private.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _next_path(home: Path) -> Path:
    return key_paths(home)[0].with_name("ledger.next.pem")
