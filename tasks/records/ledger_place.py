"""Where the ledger lies: a file of SQLite, or the database of PostgreSQL that HALLMARK_LEDGER names."""

import os
from pathlib import Path

from tasks.contracts.errors import Misused
from tasks.records.sqlite_table import SqlitePlace
from tasks.records.table import Place

LEDGER = "HALLMARK_LEDGER"  # the environment's variable; a URL may hold a password, and params.yaml is in git


def place_of(path: Path, url: str | None = None) -> Place:
    """The place by its URL, else by the environment, else the file.

    Raises:
        Misused: the URL is of no database that can hold a ledger.
    """
    url = url or os.environ.get(LEDGER)
    if not url:
        return SqlitePlace(path)
    scheme = url.partition("://")[0]
    if scheme not in ("postgresql", "postgres") or "://" not in url:
        raise Misused("names no database for the ledger", where=LEDGER,
                      wanted="postgresql://user@host/name, or nothing", found=f"{scheme[:20]}://…" * ("://" in url))
    from tasks.records.postgres_table import PostgresPlace

    return PostgresPlace(url)
