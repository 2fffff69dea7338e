"""The ledger's signed head: how many entries there are, the hash of the last, when, and the Merkle root of all.

Without it a cut tail would leave a sound, shorter chain. It stands in the database, written with each entry in one
transaction, and once more in a small file beside it; a copy kept elsewhere shows what happened to both.
"""

import json
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

from tasks.contracts.canonical import canonical_json, sha256_hex
from tasks.contracts.errors import LedgerBroken
from tasks.records.chain import RESTORE, Entry, short
from tasks.records.key_chain import KeyChain
from tasks.records.merkle import Frontier
from tasks.records.signatures import Key, sign, verify
from tasks.records.whole_files import write_whole

FORMAT = "hallmark ledger head 1"
_PURPOSE = "ledger head"


@dataclass(frozen=True, slots=True)
class Head:
    """The signed word on how far the ledger goes."""

    size: int  # entries
    hash: str  # of the last entry
    time: str  # of the last entry, UTC
    root: str  # RFC 6962, over the 32 bytes of each entry's hash
    key: str
    signature: str

    @property
    def digest(self) -> str:
        """The sha256 that the signature is over."""
        said = {name: value for name, value in asdict(self).items() if name != "signature"}
        return sha256_hex(canonical_json({"format": FORMAT, **said}))

    @property
    def signed(self) -> bool:
        """Whether the key that it names signed it. Whose key that is, is for the reader to know."""
        return verify(self.key, _PURPOSE, self.digest, self.signature)

    def as_json(self) -> dict[str, object]:
        return {"format": FORMAT, **asdict(self)}


def make_head(last: Entry, tree: Frontier, key: Key) -> Head:
    """Sign the head of the ledger that ends with this entry."""
    unsigned = Head(tree.size, last.hash, last.time, tree.root.hex(), key.public, "")
    return replace(unsigned, signature=sign(key, _PURPOSE, unsigned.digest))


def parse_head(raw: bytes | str) -> Head:
    """Read a head from its JSON. Raises ValueError where it is something else; does not check the signature."""
    try:
        said = json.loads(raw)
        if said.pop("format") != FORMAT:
            raise ValueError("of another format")
        head = Head(**said)
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no {FORMAT}: {error}") from None
    if [type(value) for value in astuple(head)] != [int] + [str] * 5 or head.size < 1:
        raise ValueError("a field has the wrong type")
    return head


def read_head(path: Path) -> Head | None:
    """Read the head; None where there is none. Raises LedgerBroken where the file is something else."""
    try:
        return parse_head(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise LedgerBroken("is no head of a ledger", where=str(path), next_step=RESTORE) from None


def write_head(path: Path, head: Head) -> None:
    """Replace the head; a reader sees the old one or the new one, whole."""
    write_whole(path, canonical_json(head.as_json()))


def broken_head(
    head: Head | None, last: Entry | None, named: Entry | None, keys: KeyChain, most_behind: int | None
) -> str:
    """Say why a chain does not end as its signed head says; empty where it does.

    Args:
        last: the last entry found.
        named: the entry found where the head names the last one.
        most_behind: by how many entries the head may lag; None where by any number.
    """
    size = last.index + 1 if last else 0
    if head is None:
        return "" if most_behind is None or size <= most_behind else (
            f"the signed head is gone, though the ledger holds {size} entries")
    index = head.size - 1
    if not head.signed or (head.size <= size and head.key != keys.at(head.size)):
        return f"the head names entry {index} but is not signed by the ledger's key {short(keys.at(head.size))}"
    if head.size > size:
        return f"the tail is cut: the head names entry {index} but " + (
            f"the last one found is {last}" if last else "the ledger is empty")
    if most_behind is not None and head.size < size - most_behind:
        return f"the head is an old one: it names entry {index} but the last one is {last}"
    if named is None or (named.hash, named.time) != (head.hash, head.time):
        return f"the head names {short(head.hash)} as entry {index} but that " + (
            f"hashes to {short(named.hash)}" if named else "is gone")
    return ""
