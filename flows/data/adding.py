"""A file of rows becomes part of the data: checked, in data/ and params.yaml, under DVC, in the ledger, pushed, told.

Nothing changes before the file is accepted. Every later step finds out itself whether it is done, so a call that was
killed on its way is ended by the same call given again.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.data import shift as data_shift
from flows.data import store as data_store
from flows.data import versions as data_versions
from flows.data.sheet import Checked, counted_in
from flows.data.source_settings import in_one_line, with_source
from flows.data.versions import DataVersion
from flows.desk import Desk
from flows.scheduling.data_watch import DATA
from tasks.contracts.canonical import file_sha256
from tasks.contracts.config import load_params
from tasks.contracts.data_config import SourceConfig
from tasks.contracts.errors import DataRefused, Misused
from tasks.contracts.places import PARAMS
from tasks.contracts.reporting import Silent
from tasks.contracts.verdicts import Verdict
from tasks.data.checked import check_sources, refusals
from tasks.data.reading.formats import FORMATS
from tasks.data.reading.in_order import Processes
from tasks.stage.files import write_whole


@dataclass(frozen=True)
class Added:
    """What came of an addition."""

    verdict: Verdict  # on the file, and on it beside the others
    version: DataVersion | None  # null where it was refused
    pushed: str | None  # name of the remote that has the bytes; null where there is none to write to
    told: bool  # whether a schedule at work heard that the data has changed


def add(desk: Desk, path: Path, source: SourceConfig) -> Added:
    """Add a file as a source and return what came of it. Call it in the workspace's root, with the workspace held.

    Args:
        path: the file, anywhere.
        source: how it is named below data/ and read, and what goes into its data sheet.

    Raises:
        Misused: the name is taken by another file, or by a source with other settings.
        DataRefused: there is no such file, or rows that cannot be read as such stand under this name.
        ServiceUnreachable: the bytes could not be pushed; all before that is done.
    """
    refuse_name(desk.root, path, source)
    with TemporaryDirectory() as folder:
        checked, verdict = check(desk, path, source, Path(folder))
        if verdict.verdict == "refuse":
            return Added(verdict, None, None, told=False)
        record_before(desk)
        put(desk.root, path, source)
        data_store.track(desk.root)
        version = data_versions.record(desk, "added", checked)
        shifted = data_shift.warnings_of(desk, version, desk.params.data.shift_at_most)
        verdict = verdict.model_copy(update={"warnings": (*verdict.warnings, *shifted)})
    pushed = data_store.push(desk.root)
    return Added(verdict, version, pushed, data_store.tell_change(desk.root, desk.home))


def record_before(desk: Desk) -> None:
    """Name the data as it was, so that what came can be told from it; not where its bytes are under no version."""
    if data_store.tracked(desk.root) == data_versions.folder_md5(desk.root):
        data_versions.record(desk, "added")


def refuse_name(root: Path, path: Path, source: SourceConfig) -> None:
    """Raise where the file cannot lie below data/ under its name."""
    name, target = source.path.removeprefix(f"{DATA}/"), root / source.path
    if not path.is_file():
        raise DataRefused("there is no such file", where=str(path))
    ending = next((one for one in FORMATS if path.name.lower().endswith(one)), "")
    if "/" in name or name.startswith(".") or not name.lower().endswith(ending):
        raise Misused("is no name for this file", where=f"--name {name}",
                      wanted=f"a plain name that ends in {ending or 'the name of a format'}")
    if target.exists() and file_sha256(target) != file_sha256(path):
        raise Misused("another file has this name already", where=str(target.relative_to(root)),
                      next_step="Give another one with --name.")


def check(desk: Desk, path: Path, source: SourceConfig, folder: Path) -> tuple[Checked, Verdict]:
    """Check the file beside all other sources, from where it lies; its verdict has what is wrong between them too."""
    sources = with_it(desk, source)
    place = [one.path for one in sources].index(source.path)
    read = [*sources]
    read[place] = sources[place].model_copy(update={"path": str(path)})
    config = desk.params.data.model_copy(update={"sources": read})
    found = check_sources(config, folder, Silent(), Processes(desk.params.threads))
    errors, warned = refusals(found, config)
    verdict = found[place].verdict
    about = [one for one in warned if found[place].name in one]
    verdict = verdict.model_copy(update={"warnings": (*verdict.warnings, *about)})
    if errors:
        verdict = verdict.model_copy(update={"verdict": "refuse", "error": "; ".join(errors)})
    return Checked(folder, counted_in(found)), verdict


def with_it(desk: Desk, source: SourceConfig) -> list[SourceConfig]:
    """The sources of params.yaml with the new one; where it was added before, as they are. Raises Misused."""
    sources = list(desk.params.data.sources)
    known = next((one for one in sources if one.path == source.path), None)
    if known is None:
        return [*sources, source]
    if known != source:
        raise Misused("params.yaml has this source with other settings", where=source.path,
                      wanted=in_one_line(said(known)), found=in_one_line(said(source)),
                      next_step="Change params.yaml, or give another --name.")
    return sources


def put(root: Path, path: Path, source: SourceConfig) -> None:
    """Put the file below data/, whole or not at all, and then name it in params.yaml."""
    target, draft = root / source.path, root / ".dvc" / "tmp" / f"add-{Path(source.path).name}"
    if not target.exists():
        for folder in (draft.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, draft)
        draft.replace(target)
    text = (root / PARAMS).read_text(encoding="utf-8")
    if all(one.path != source.path for one in load_params(root / PARAMS).data.sources):
        write_whole(root / PARAMS, with_source(text, said(source)))


def said(source: SourceConfig) -> Mapping[str, Any]:
    """A source as params.yaml says it: what is left at its default is left out."""
    return source.model_dump(mode="json", exclude_defaults=True)
