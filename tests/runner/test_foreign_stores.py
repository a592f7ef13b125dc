"""A database of another program is refused, and left as it is."""

import contextlib
import sqlite3
import subprocess
import sys

import pytest

IDS = {"application": 1819107937, "user": 2}


def made(path, *statements):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def pragma(path, name):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def tables(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [name for name, in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]


def start(runner, path):
    runner.items([{"id": "a", "text": "x"}])
    return runner("start", input="items.jsonl", id_field="id", prompt_field="text", model="m", db_path=path, run_id="r", provider="echo")


@pytest.mark.parametrize("statements", [
    ["CREATE TABLE notes (text TEXT)"],
    ["CREATE TABLE runs (key INTEGER)", "CREATE TABLE items (x INTEGER)"],
    ["CREATE TABLE notes (text TEXT)", "PRAGMA user_version = 7"],
    ["PRAGMA application_id = 252006674"],
    ["PRAGMA application_id = 252006674", "PRAGMA user_version = 2", "CREATE TABLE notes (text TEXT)"],
])
@pytest.mark.parametrize("command", ["start", "status", "list"])
def test_another_programs_database(alone, tmp_path, command, statements):
    path = made(tmp_path / "notes.db", *statements)
    data = path.read_bytes()
    result = start(alone, path) if command == "start" else alone(command, db_path=path, **({} if command == "list" else {"run_id": "r"}))
    assert (result.code, result.out) == (1, "")
    assert result.err == f"lamina-batch: '{path}' is an SQLite database of another program: runs are not kept in it\n"
    assert path.read_bytes() == data


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("command", ["start", "status", "list"])
def test_one_of_version_1_with_tables_of_its_own(alone, tmp_path, command, mode):
    """Version 1 of ours had no id: such a file is only known by its tables."""
    path = made(tmp_path / "notes.db", f"PRAGMA journal_mode = {mode}", "CREATE TABLE notes (text TEXT)", "INSERT INTO notes VALUES ('x')",
                "CREATE TABLE runs (key INTEGER)", "PRAGMA user_version = 1")
    data = path.read_bytes()
    result = start(alone, path) if command == "start" else alone(command, db_path=path, **({} if command == "list" else {"run_id": "r"}))
    assert (result.code, result.err) == (1, f"lamina-batch: '{path}' is an SQLite database of another program: runs are not kept in it\n")
    assert path.read_bytes() == data
    assert [other.name for other in tmp_path.iterdir() if other.name.startswith("notes")] == ["notes.db"]
    assert (pragma(path, "journal_mode"), tables(path)) == (mode, ["notes", "runs"])


def test_one_of_version_1_whose_writer_died(alone, tmp_path):
    """Its journal is its own program's to roll back."""
    path = made(tmp_path / "live.db", "PRAGMA user_version = 1", "CREATE TABLE notes (text TEXT)", "INSERT INTO notes VALUES ('x')")
    writer = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('PRAGMA cache_size = 1'); " \
             "c.execute('BEGIN'); c.executemany('INSERT INTO notes VALUES (?)', [('y' * 1000,)] * 500); os._exit(0)"
    subprocess.run([sys.executable, "-c", writer, path], check=True)
    journal = tmp_path / "live.db-journal"
    data, rest = path.read_bytes(), journal.read_bytes()
    assert len(rest) > 0
    result = start(alone, path)
    assert (result.code, result.err) == (1, f"lamina-batch: '{path}' is an SQLite database of another program: runs are not kept in it\n")
    assert (path.read_bytes(), journal.read_bytes()) == (data, rest)


def test_one_of_version_1_that_is_damaged(alone, tmp_path):
    path = made(tmp_path / "runs.db", "PRAGMA user_version = 1", "CREATE TABLE runs (key INTEGER)")
    data = path.read_bytes()[:100] + b"\xff" * 3996 + path.read_bytes()[4096:]
    path.write_bytes(data)
    result = start(alone, path)
    assert (result.code, result.err) == (1, f"lamina-batch: cannot read database '{path}': database disk image is malformed\n")
    assert path.read_bytes() == data


def test_one_whose_tables_are_in_its_log_only(alone, tmp_path):
    path = tmp_path / "notes.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE notes (text TEXT)")
        assert (tmp_path / "notes.db-wal").stat().st_size > 0
        result = start(alone, path)
        assert (result.code, result.err) == (1, f"lamina-batch: '{path}' is an SQLite database of another program: runs are not kept in it\n")
    assert tables(path) == ["notes"]


def test_what_is_no_database(alone, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database\n" * 100)
    result = start(alone, path)
    assert (result.code, result.err) == (1, f"lamina-batch: cannot open database '{path}': file is not a database\n")
    assert path.read_text() == "no database\n" * 100


@pytest.mark.parametrize("empty", [None, b""])
def test_a_new_one_and_an_empty_file(alone, tmp_path, empty):
    path = tmp_path / "runs.sqlite3"
    if empty is not None:
        path.write_bytes(empty)
    start(alone, path).ok()
    assert {"application": pragma(path, "application_id"), "user": pragma(path, "user_version")} == IDS
    alone("status", run_id="r", db_path=path).ok()


def test_an_empty_database_that_sqlite_made(alone, tmp_path):
    path = made(tmp_path / "runs.sqlite3", "PRAGMA journal_mode = WAL")
    start(alone, path).ok()
    assert pragma(path, "application_id") == IDS["application"]
