"""A sample of each version of the store's schema, with a run that was killed half-way, is opened and gone on with."""

import re
import sqlite3
import subprocess

import pytest

import paths
import postgres

SAMPLES = paths.ROOT / "tests" / "cases" / "batch"
VERSIONS = [1, 2]
CURRENT = VERSIONS[-1]
WORK = ["work", "last", "7", "9000000"]
TOTALS = "SELECT pending, queued, submitted, completed, retryable, permanent, active_batches FROM runs"
SQLITE_SCHEMA = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
POSTGRES_SCHEMA = (
    "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity"
    " FROM information_schema.columns WHERE table_schema = '{0}' ORDER BY 1, 2",
    "SELECT tablename, replace(indexdef, '{0}.', '') FROM pg_indexes WHERE schemaname = '{0}' ORDER BY 1, 2",
)


def load_sqlite(path, version):
    with sqlite3.connect(path) as connection:
        connection.executescript((SAMPLES / f"store-{version}.sqlite.sql").read_text())
    connection.close()


def query_sqlite(path, sql):
    connection = sqlite3.connect(path)
    rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


def load_postgres(server, version):
    subprocess.run([postgres.binary("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", server.dsn, "-f",
                    SAMPLES / f"store-{version}.postgres.sql"], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("version", VERSIONS)
def test_sqlite_sample(run, tool, tmp_path, version):
    path = tmp_path / "runs.sqlite"
    load_sqlite(path, version)
    assert query_sqlite(path, "PRAGMA user_version") == [(version,)]
    result = run(tool("batch_store_tool"), path, "unused", *WORK, stdin="go\n")
    assert result.code == 0, result.err
    assert query_sqlite(path, TOTALS) == [(0, 0, 0, 40, 0, 0, 0)]
    assert query_sqlite(path, "SELECT count(*), count(DISTINCT idx) FROM results") == [(40, 40)]
    assert query_sqlite(path, "PRAGMA user_version") == [(CURRENT,)]


@pytest.mark.parametrize("version", VERSIONS)
def test_postgres_sample(run, tool, postgres_server, version):
    load_postgres(postgres_server, version)
    result = run(tool("batch_store_tool"), postgres_server.dsn, "sample", *WORK, stdin="go\n")
    assert result.code == 0, result.err
    assert postgres_server.sql(TOTALS.replace("runs", "sample.runs")) == [["0", "0", "0", "40", "0", "0", "0"]]
    assert postgres_server.sql("SELECT count(*), count(DISTINCT idx) FROM sample.results") == [["40", "40"]]
    assert postgres_server.sql("SELECT version FROM sample.schema_version") == [[str(CURRENT)]]
    postgres_server.sql("DROP SCHEMA sample CASCADE")


def test_a_new_store_has_the_schema_of_the_last_sample(tool, tmp_path, postgres_server):
    """A schema that is changed gets a number and a sample of its own."""
    made, sample = tmp_path / "made.sqlite", tmp_path / "sample.sqlite"
    load_sqlite(sample, CURRENT)
    subprocess.run([tool("batch_store_tool"), made, "unused", "make", "1"], check=True, timeout=60)
    assert query_sqlite(made, SQLITE_SCHEMA) == query_sqlite(sample, SQLITE_SCHEMA)
    load_postgres(postgres_server, CURRENT)
    subprocess.run([tool("batch_store_tool"), postgres_server.dsn, "made", "make", "1"], check=True, timeout=60)
    for sql in POSTGRES_SCHEMA:
        assert [row[1:] for row in postgres_server.sql(sql.format("made"))] == [
            row[1:] for row in postgres_server.sql(sql.format("sample"))]


def test_a_newer_store_is_refused(run, tool, tmp_path, postgres_server):
    path = tmp_path / "runs.sqlite"
    load_sqlite(path, CURRENT)
    query_sqlite(path, f"PRAGMA user_version = {CURRENT + 1}")
    result = run(tool("batch_store_tool"), path, "unused", *WORK, stdin="go\n")
    assert result.code == 1
    assert f"database '{path}' was written by a newer lamina (format {CURRENT + 1}, this one knows {CURRENT})" in result.err
    subprocess.run([tool("batch_store_tool"), postgres_server.dsn, "newer", "make", "1"], check=True, timeout=60)
    postgres_server.sql(f"UPDATE newer.schema_version SET version = {CURRENT + 1}")
    result = run(tool("batch_store_tool"), postgres_server.dsn, "newer", *WORK, stdin="go\n")
    assert result.code == 1
    assert f"was written by a newer lamina (format {CURRENT + 1}, this one knows {CURRENT})" in result.err


def test_the_document_has_every_column(tool, tmp_path):
    path = tmp_path / "runs.sqlite"
    subprocess.run([tool("batch_store_tool"), path, "unused", "make", "1"], check=True, timeout=60)
    told, table = {}, None
    text = (paths.ROOT / "docs" / "formats" / "batch-run.md").read_text()
    for line in text.split("\n## Database\n")[1].splitlines():
        if line.startswith("#"):
            table = line[4:] if line.startswith("### ") else None
        elif table and line.startswith("| `"):
            told.setdefault(table, []).extend(re.findall("`([a-z_]+)`", line.split("|")[1]))
    made = {name: sorted(row[1] for row in query_sqlite(path, f"PRAGMA table_info({name})"))
            for name, in query_sqlite(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {name: sorted(columns) for name, columns in told.items()} == made
