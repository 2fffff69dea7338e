"""Where a ledger may lie, and what is said where it cannot."""

from contextlib import closing

import pytest

from tasks.contracts.errors import LedgerBroken, Misused, ServiceUnreachable
from tasks.records.ledger import Ledger
from tasks.records.ledger_place import place_of
from tasks.records.postgres_table import PostgresPlace
from tests.records.postgres import cluster
from tests.records.worlds import database_of

SECRET = "postgresql://hallmark:s3cret@127.0.0.1:9/ledger"


@pytest.fixture(scope="module")
def server():
    with cluster() as found:
        yield found


@pytest.fixture
def url(server):
    with database_of(server) as (found, _):
        yield found


def test_the_environment_chooses_postgresql_and_nothing_chooses_a_file(tmp_path, monkeypatch):
    assert Ledger(tmp_path).place == str(tmp_path / "ledger.db")
    monkeypatch.setenv("HALLMARK_LEDGER", SECRET)
    assert Ledger(tmp_path).place == "postgresql://127.0.0.1:9/ledger"
    monkeypatch.setenv("HALLMARK_LEDGER", "")
    assert Ledger(tmp_path).place == str(tmp_path / "ledger.db")


@pytest.mark.parametrize("said", ["mysql://u:s3cret@h/d", "ledger.db", "s3cret", "postgresql:/s3cret"])
def test_any_other_place_is_misuse_and_its_password_is_not_shown(tmp_path, said):
    with pytest.raises(Misused, match="wanted postgresql://") as refusal:
        place_of(tmp_path / "ledger.db", said)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("said", [SECRET, SECRET + "?nonsense=s3cret", "postgresql://u:s3cret@127.0.0.1:port/d"])
def test_a_server_that_does_not_answer_is_said_without_the_password(tmp_path, said):
    ledger = Ledger(tmp_path, url=said, busy_seconds=2)
    with pytest.raises((ServiceUnreachable, Misused)) as refusal:
        ledger.append("register", "anna", {})
    assert "s3cret" not in str(refusal.value)


def test_a_database_that_was_never_written_has_no_entry_and_no_table_is_made_by_reading(tmp_path, url):
    ledger = Ledger(tmp_path / "home", url=url)
    assert (ledger.entries(), ledger.head(), ledger.verify().ok, ledger.signed_head()) == ([], "0" * 64, True, None)
    with PostgresPlace(url).opened(5) as database:
        assert not database.is_made()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("statement", [
    "UPDATE ledger SET actor = 'eve' WHERE entry_index = 1", "DELETE FROM ledger WHERE entry_index = 1",
    "TRUNCATE ledger",
    "INSERT INTO ledger SELECT 9, time, kind, actor, 'p', payload, 'h', key, signature FROM ledger LIMIT 1",
    """INSERT INTO ledger SELECT 1, time, kind, 'eve', 'p', payload, 'h', key, signature FROM ledger LIMIT 1
    ON CONFLICT (entry_index) DO UPDATE SET actor = 'eve'""",
])
def test_the_table_in_postgresql_refuses_everything_but_the_next_entry(tmp_path, url, statement):
    ledger = Ledger(tmp_path, url=url)
    for number in range(2):
        ledger.append("register", "anna", {"version": number})
    with pytest.raises(LedgerBroken, match="append-only"), PostgresPlace(url).opened(5) as database:
        database.execute(statement)
    assert ledger.verify().ok


def test_guards_that_somebody_took_away_or_switched_off_are_back_after_the_next_append(tmp_path, url):
    ledger = Ledger(tmp_path, url=url)
    ledger.append("register", "anna", {})
    with PostgresPlace(url).opened(5) as database:
        database.execute("DROP TRIGGER ledger_no_update ON ledger")
        database.execute("ALTER TABLE ledger DISABLE TRIGGER ledger_no_delete")
    ledger.append("register", "anna", {})
    for statement in ("UPDATE ledger SET actor = 'eve'", "DELETE FROM ledger"):
        with pytest.raises(LedgerBroken, match="append-only"), PostgresPlace(url).opened(5) as database:
            database.execute(statement)


def test_a_writer_that_another_host_holds_off_too_long_says_so_and_writes_nothing(tmp_path, url):
    import psycopg

    ledger = Ledger(tmp_path, url=url, busy_seconds=0.2)
    ledger.append("register", "anna", {})
    with closing(psycopg.connect(url)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(b"hallmark")])
        with pytest.raises(ServiceUnreachable, match="another process holds the ledger"):
            ledger.append("register", "anna", {})
        assert ledger.verify().entries == 1  # who reads does not wait
    ledger.append("register", "anna", {})
    assert ledger.verify().entries == 2


def test_another_installations_key_continues_nothing(tmp_path, url):
    Ledger(tmp_path / "here", url=url).append("register", "anna", {})
    stranger = Ledger(tmp_path / "there", url=url)
    with pytest.raises((LedgerBroken, Misused)):
        stranger.append("register", "eve", {})
    assert not stranger.verify().ok
    assert Ledger(tmp_path / "here", url=url).verify().entries == 1


def test_a_name_that_not_every_database_could_keep_is_refused_everywhere(tmp_path, url):
    for ledger in (Ledger(tmp_path / "a"), Ledger(tmp_path / "b", url=url)):
        with pytest.raises(ValueError, match="no NUL"):
            ledger.append("register", "an\0na", {})
        entry = ledger.append("register", "Zo\u00eb 100% \U0001f58b", {"text": "a\0b ? %s \U0001f58b"})
        assert ledger.entries() == [entry]
        assert ledger.verify().ok
