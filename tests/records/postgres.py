"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached by a socket there, ended with the tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

INSTALLED = Path("/usr/lib/postgresql")
SETTINGS = """
fsync = off
listen_addresses = ''
max_connections = 30
shared_buffers = 16MB
unix_socket_directories = '{socket}'
"""


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a fresh cluster's database `postgres`. Skips where PostgreSQL is missing."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = programs_of_postgres()
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path holds 107 characters at most
    data, socket = folder / "data", folder / "socket"
    try:
        socket.mkdir()
        give_away(folder)
        control = [programs / "pg_ctl", "-D", data, "-w", "-t", "60"]
        as_server(programs / "initdb", "-D", data, "-U", "hallmark", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(socket=socket))
        as_server(*control, "-l", folder / "log", "start")
        try:
            yield f"postgresql://hallmark@/postgres?host={socket}"
        finally:
            as_server(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def programs_of_postgres() -> Path:
    """The folder of initdb and pg_ctl, of the newest version that is installed."""
    found = shutil.which("initdb")
    newest = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not (found or newest):
        pytest.skip("no PostgreSQL is installed: neither initdb on PATH nor /usr/lib/postgresql/*/bin")
    return Path(found).parent if found else newest[-1].parent


def server_user() -> "pwd.struct_passwd | None":
    """Whom the server runs as: this user, or somebody else where this is root, as which it refuses to run."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def give_away(folder: Path) -> None:
    """Let the server's user have the folder."""
    user = server_user()
    for path in (folder, *folder.rglob("*")) if user else ():
        os.chown(path, user.pw_uid, user.pw_gid)


def as_server(*words: object) -> None:
    """Run a program of PostgreSQL as the server's user."""
    user = server_user()
    subprocess.run([str(word) for word in words], check=True, cwd="/", timeout=120, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, user=user.pw_uid if user else None, group=user.pw_gid if user else None,
                   extra_groups=[] if user else None)
