"""What `--dry-run` answers: what would be rewritten and deleted, and who learned from the rows."""

from typing import Any

from flows.data.dvc_digests import file_md5
from flows.desk import Desk
from flows.erasure.files import held
from flows.erasure.looking import Look, Say, searching
from flows.erasure.objects import Search, going
from flows.erasure.steps import shown
from flows.scheduling.data_watch import DATA, files


def preview(desk: Desk, seen: Look, say: Say) -> dict[str, Any]:
    """`rows`, `rewritten` (file, lines), `affected`, `deleted` (store -> objects), `paths`, `removed`, `silent`."""
    stays = frozenset(file_md5(path) for path in files(desk.root)
                      if path.relative_to(desk.root / DATA).as_posix() not in seen.lines)
    with searching(desk) as (found, known, scratch, silent):
        gone = going(found, Search(seen.needles, desk.params.data, known, stays, scratch, say))
        beside = held(desk.root, desk.home, seen.needles, [one.folder for one in found if one.folder])
    return {
        "rows": list(seen.rows), "affected": [dict(one) for one in seen.affected],
        "rewritten": {name: [one.line for one in lines] for name, lines in seen.lines.items()},
        "deleted": {store: list(names) for store, names in gone.by_store.items()}, "paths": dict(gone.paths),
        "removed": [shown(path, desk) for path in beside.goes], "stays": [shown(path, desk) for path in beside.stays],
        "silent": [fault.message() for fault in silent]}
