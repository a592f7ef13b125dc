"""Several processes at one run: nothing is done twice, and what one of them leaves behind when it is killed is done by another."""

import itertools
import signal
import sqlite3
import subprocess

import pytest

import postgres

SCHEMAS = (f"processes_{number}" for number in itertools.count(1))
SUMS = ("SELECT sum(CASE WHEN status IN (0, 6) THEN 1 ELSE 0 END), sum(CASE WHEN status = 3 THEN 1 ELSE 0 END), count(*),"
        " count(DISTINCT item_id) FROM items")
COUNTERS = "SELECT pending, completed, item_count, item_count FROM runs"


class Store:
    def __init__(self, tool, where, schema, query):
        self.program = tool("batch_store_tool")
        self.where, self.schema, self.query = where, schema, query

    def make(self, items):
        subprocess.run([self.program, self.where, self.schema, "make", str(items)], check=True, timeout=60)

    def start(self, owner, limit, now_ms, *step):
        """A worker that waits for go()."""
        worker = subprocess.Popen([self.program, self.where, self.schema, "work", owner, str(limit), str(now_ms), *map(str, step)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert worker.stdout.readline() == "ready\n", worker.stderr.read()
        return worker

    def work(self, *args, code=0):
        return claims(end(go(self.start(*args)), code))

    def must_be_whole(self, items):
        """Everything is done, each item once, and the counters say so."""
        want = [0, items, items, items]
        assert [list(map(int, row)) for row in self.query(SUMS)] == [want]
        assert [list(map(int, row)) for row in self.query(COUNTERS)] == [want]
        assert [list(map(int, row)) for row in self.query("SELECT count(*), count(DISTINCT idx), max(sequence) FROM results")] == [
            [items, items, items]]
        for table, left in [("ranges", 0), ("scopes WHERE reserved <> 0", 0), ("batches WHERE state <> 6", 0)]:
            assert int(self.query(f"SELECT count(*) FROM {table}")[0][0]) == left, table


@pytest.fixture
def postgres_store(tool, postgres_server):
    schema = next(SCHEMAS)
    return Store(tool, postgres_server.dsn, schema, lambda sql: postgres_server.sql(f"SET search_path TO {schema}; {sql}"))


@pytest.fixture
def sqlite_store(tool, tmp_path):
    path = tmp_path / "runs.sqlite"

    def query(sql):
        with sqlite3.connect(path) as connection:
            return connection.execute(sql).fetchall()

    return Store(tool, path, "unused", query)


def go(worker):
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return worker


def end(worker, code=0):
    out, err = worker.communicate(timeout=100)
    assert worker.returncode == code, err
    return out


def claims(out):
    """[(batch, [indexes])]"""
    lines = [list(map(int, line.split())) for line in out.splitlines()]
    return [(line[0], line[1:]) for line in lines]


def test_four_processes_share_a_run(postgres_store):
    postgres_store.make(400)
    workers = [postgres_store.start(f"worker-{number}", 7, 1000) for number in range(4)]
    for worker in workers:
        go(worker)
    done = [claims(end(worker)) for worker in workers]
    taken = [index for claimed in done for _, indexes in claimed for index in indexes]
    assert sorted(taken) == list(range(400))
    batches = [batch for claimed in done for batch, _ in claimed]
    assert sorted(batches) == list(range(1, 59))
    postgres_store.must_be_whole(400)


def test_four_processes_make_the_tables(postgres_store):
    """The first connections come at the same time: one of them makes the schema."""
    makers = [subprocess.Popen([postgres_store.program, postgres_store.where, postgres_store.schema, "make", "3"],
                               stderr=subprocess.PIPE, text=True) for _ in range(4)]
    texts = sorted(maker.communicate(timeout=60)[1] for maker in makers)
    assert texts[0] == ""
    assert all("there is a run 'r1' already" in text for text in texts[1:]), texts
    assert postgres_store.query("SELECT version FROM schema_version") == [["2"]]


@pytest.mark.usefixtures("postgres_server")  # before what the test leaves is looked at
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_another_process_goes_on(request, store):
    """A worker is killed after each of its changes in turn."""
    made = request.getfixturevalue(f"{store}_store")
    made.make(300)
    for step in range(1, 17):
        made.work(f"killed-{step}", 10, step * 10_000, step, code=-signal.SIGKILL)
    left = made.work("last", 10, 1_000_000)
    assert left
    made.must_be_whole(300)


def test_another_process_waits(sqlite_store):
    """On SQLite a run has one owner, for as long as its lease."""
    sqlite_store.make(20)
    first = sqlite_store.start("first", 5, 1000, 3)
    end(go(first), -signal.SIGKILL)
    assert end(go(sqlite_store.start("second", 5, 1999))) == "held by first\n"
    assert sqlite_store.work("second", 5, 2000)
    sqlite_store.must_be_whole(20)


def test_a_killed_process_leaves_no_lock(postgres_store):
    """A connection that dies within a transaction gives the run's row back."""
    postgres_store.make(10)
    worker = postgres_store.start("first", 5, 1000)
    holder = subprocess.Popen(
        [postgres.binary("psql"), "-XqAt", "-d", postgres_store.where, "-c", f"SET search_path TO {postgres_store.schema}",
         "-c", "BEGIN", "-c", "SELECT 1 FROM runs FOR UPDATE", "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "1\n"
    go(worker)
    holder.kill()
    holder.wait()
    assert [len(indexes) for _, indexes in claims(end(worker))] == [5, 5]
    postgres_store.must_be_whole(10)

