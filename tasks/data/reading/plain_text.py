"""Plain text for pretraining: one text a line."""

from collections.abc import Iterator
from pathlib import Path

from tasks.data.reading.pieces import lines
from tasks.data.reading.raw_rows import RawRow


def text_rows(path: Path, pieces: Iterator[bytes]) -> Iterator[RawRow]:
    """Yield {text: line} for each line that is not empty. A line with control characters but tabs is refused."""
    for number, line in lines(path, pieces):
        line = line.removesuffix(b"\r")
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as fault:
            yield RawRow(number, None, f"is not UTF-8: byte {fault.start + 1} of the line")
            continue
        control = any(sign < " " and sign != "\t" for sign in text)
        yield RawRow(number, None, "holds a control character") if control else RawRow(number, {"text": text}, "")
