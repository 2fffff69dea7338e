"""Many row ids in little memory: 32 bytes each."""

from collections.abc import Collection, Iterable, Iterator

ID_BYTES = 32


class RowIds(Collection[str]):
    """Ids, 64 characters of lower hex each, in the order in which they were added; one may come again."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._packed = bytearray()
        for row in ids:
            self.add(row)

    def add(self, row: str) -> None:
        """Append an id. Raises ValueError where it is none."""
        one = bytes.fromhex(row)
        if len(one) != ID_BYTES:
            raise ValueError(f"an id of {len(row)} characters, wanted {2 * ID_BYTES}")
        self._packed += one

    def __len__(self) -> int:
        return len(self._packed) // ID_BYTES

    def __iter__(self) -> Iterator[str]:
        return (self._packed[start:start + ID_BYTES].hex() for start in range(0, len(self._packed), ID_BYTES))

    def __contains__(self, row: object) -> bool:
        return any(row == other for other in self)
