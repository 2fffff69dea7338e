"""The checksums that a `manifest.json` beside data files promises, brought up to a file that was rewritten."""

import json
from pathlib import Path

from tasks.contracts.canonical import file_sha256
from tasks.data.reading.formats import read_rows
from tasks.data.reading.integrity import MANIFEST
from tasks.stage.files import write_whole


def write_claims(path: Path, draft: Path) -> None:
    """Let the manifest beside a data file promise the bytes and the number of rows of the draft that replaces it.

    Nothing happens where there is no manifest, or where it says nothing of this file.
    """
    manifest = path.with_name(MANIFEST)
    said = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    claims = said.get("files", []) if isinstance(said, dict) else []
    ours = [one for one in claims if isinstance(one, dict) and one.get("path") == path.name]
    for one in ours:
        one |= {"sha256": file_sha256(draft)} if "sha256" in one else {}
        one |= {"rows": sum(1 for _ in read_rows(draft))} if "rows" in one else {}
    if ours:
        write_whole(manifest, json.dumps(said, indent=1) + "\n")
