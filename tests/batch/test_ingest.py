"""From sources to rows.jsonl and the store: what is there in the end, whatever happened on the way; what is refused."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

KINDS = {".jsonl": "jsonl", ".csv": "csv", ".parquet": "parquet"}


class Run:
    def __init__(self, program, folder, paths, **config):
        self.program, self.db, self.artifacts = program, folder / "db.sqlite3", folder / "artifacts"
        self.rows_path = self.artifacts / "r" / "rows.jsonl"
        inputs = [{"kind": KINDS["." + str(path).rsplit(".", 1)[1]], "path": str(path)} for path in paths]
        self.config = {"inputs": inputs, "id_field": "id", "prompt_template": "say {text}", "model": "m", **config}

    def args(self, command, stop=0):
        return [self.program, command, self.db, self.artifacts, json.dumps(self.config), sys.executable, str(stop)]

    def call(self, command="run", stop=0):
        done = subprocess.run(self.args(command, stop), capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode().strip()

    def ok(self, command="run", stop=0):
        code, out, err = self.call(command, stop)
        assert (code, err) == (0, ""), (code, out, err)
        return out

    def refused(self, command="run"):
        code, out, err = self.call(command)
        assert code == 1, out
        return err, [line for line in out.split("\n") if line and line != "slice"]

    def sql(self, text):
        with sqlite3.connect(self.db) as db:
            return db.execute(text).fetchall()

    def items(self):
        """(id, source, row) in order of index, rows read through the pointers."""
        rows = self.rows_path.read_bytes()
        found = self.sql("SELECT idx, item_id, source, row_offset, row_length FROM items ORDER BY idx")
        assert [item[0] for item in found] == list(range(len(found)))
        assert sum(item[4] + 1 for item in found) == self.committed() <= len(rows)
        for _, _, _, offset, length in found:
            assert rows[offset + length : offset + length + 1] == b"\n"
        return [(item_id, source, json.loads(rows[offset : offset + length])) for _, item_id, source, offset, length in found]

    def committed(self):
        return self.sql("SELECT rows_bytes FROM runs")[0][0]

    def complete(self):
        return bool(self.sql("SELECT ingest_complete FROM runs")[0][0])

    def state(self):
        tables = {table: self.sql(f"SELECT * FROM {table}") for table in ["items", "slices"]}
        return tables, self.sql("SELECT ingest_source, checkpoint, rows_bytes, item_count, ingest_complete FROM runs"), self.rows_path.read_bytes()


@pytest.fixture
def make_run(tool, tmp_path):
    made = []

    def make(paths, **config):
        folder = tmp_path / f"run{len(made)}"
        folder.mkdir()
        made.append(folder)
        return Run(tool("batch_ingest_tool"), folder, paths, **config)

    return make


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def some_rows(count, prefix="r"):
    return [{"id": f"{prefix}{i}", "text": f"number {i}", "list": [i]} for i in range(count)]


@pytest.fixture
def three(tmp_path):
    """A file of each kind, with more rows than a slice has."""
    rows = [some_rows(11000, "j"), some_rows(6000, "c"), some_rows(5500, "p")]
    paths = [write_jsonl(tmp_path / "a.jsonl", rows[0]), tmp_path / "b.csv", tmp_path / "c.parquet"]
    paths[1].write_text("id,text\n" + "".join(f"{row['id']},{row['text']}\n" for row in rows[1]))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows[2]), paths[2], row_group_size=2000)
    want = [(row["id"], 0, row) for row in rows[0]]
    want += [(row["id"], source, {"id": row["id"], "text": row["text"]}) for source in [1, 2] for row in rows[source]]
    return paths, want


def test_whole(make_run, three):
    paths, want = three
    run = make_run(paths)
    assert run.ok() == "slice\n" * 7
    assert run.complete()
    assert run.items() == want
    assert run.rows_path.stat().st_mode & 0o777 == 0o600
    before = run.state()
    assert run.ok() == ""  # nothing to do
    assert run.state() == before
    run.ok("unchanged")
    slices = run.sql("SELECT source, begins, ends, digest FROM slices ORDER BY source, number")
    data = paths[0].read_bytes()
    for source, begin, end, digest in slices:
        if source == 0:
            assert digest == hashlib.sha256(data[begin:end]).hexdigest()
    assert [slice[2] for slice in slices if slice[0] == 0][-1] == len(data)


def test_stopped_and_gone_on(make_run, three):
    paths, want = three
    whole = make_run(paths)
    whole.ok()
    for stop in [1, 3]:
        run = make_run(paths)
        for _ in range(10):
            run.ok(stop=stop)
            assert run.items() == want[: len(run.items())]
            if run.complete():
                break
        assert run.state() == whole.state()


def test_killed_between_slices(make_run, three):
    paths, want = three
    whole = make_run(paths)
    whole.ok()
    for kill_at in [1, 3, 4, 5, 7]:
        run = make_run(paths)
        child = subprocess.Popen(run.args("run"), stdout=subprocess.PIPE)
        for _ in range(kill_at):
            assert child.stdout.readline() == b"slice\n"
        child.send_signal(signal.SIGKILL)
        child.communicate()
        run.ok()
        assert run.state() == whole.state()


def test_rows_that_were_not_committed_are_cut_off(make_run, three):
    paths, want = three
    whole = make_run(paths)
    whole.ok()
    run = make_run(paths)
    run.ok(stop=2)
    with run.rows_path.open("ab") as file:
        file.write(b'{"id":"half a row of a slice that was never')
    run.ok()
    assert run.state() == whole.state()


def test_rows_that_are_gone_are_noticed(make_run, three):
    run = make_run(three[0])
    run.ok(stop=2)
    size = run.rows_path.stat().st_size
    os.truncate(run.rows_path, size - 1)
    assert run.refused() == (f"6 '{run.rows_path}' has {size - 1} bytes, fewer than the {size} that were recorded", [])


def test_nothing_before_the_checkpoint_is_read(make_run, tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", some_rows(20000))
    run = make_run([path])
    run.ok(stop=2)
    checkpoint = json.loads(run.sql("SELECT checkpoint FROM runs")[0][0])
    trace = tmp_path / "trace"
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # a traced program cannot look for leaks
    done = subprocess.run(["strace", "-f", "-y", "-e", "trace=read,pread64,mmap", "-o", trace, *run.args("run")], capture_output=True, env=env)
    assert done.returncode == 0, done.stderr
    calls = [line for line in trace.read_text().split("\n") if "a.jsonl" in line]
    places = [int(line.rsplit(",", 1)[1].split(")")[0]) for line in calls]
    assert all("pread64(" in line for line in calls)
    assert min(places) == checkpoint["offset"]
    assert len(run.items()) == 20000


# ---- ids


def test_ids_of_two_inputs(make_run, tmp_path):
    """Ids that another input had get a name of their own; that of the first stays."""
    first = write_jsonl(tmp_path / "a.jsonl", some_rows(6000))
    second = write_jsonl(tmp_path / "b.jsonl", some_rows(7000))
    run = make_run([first, second])
    run.ok()
    prefix = "src_" + hashlib.sha256(f"2\0jsonl\0{second}".encode()).hexdigest()[:12] + "__"
    want = [f"r{i}" for i in range(6000)] + [f"{prefix}r{i}" for i in range(6000)] + [f"r{i}" for i in range(6000, 7000)]
    items = run.items()
    assert [item[0] for item in items] == want
    assert [item[2] for item in items] == some_rows(6000) + some_rows(7000)
    again = make_run([first, second])
    again.ok(stop=1)
    again.ok(stop=1)
    again.ok()
    assert again.state() == run.state()


def test_duplicates_are_told_with_places(make_run, tmp_path):
    rows = some_rows(12000)
    rows[7] = rows[3]
    rows[5500]["id"] = "r10"
    rows[11999]["id"] = "r5100"
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    run = make_run([path])
    err, faults = run.refused()
    assert err == "3 1 row cannot be used"
    assert faults == [f"{path}:8: error: duplicate item_id: 'r3', first in line 4"]
    assert run.items() == []
    # a duplicate of what was committed
    rows[7] = {"id": "r7", "text": ""}
    write_jsonl(path, rows)
    run = make_run([path])
    assert run.refused() == ("3 1 row cannot be used", [f"{path}:5501: error: duplicate item_id: 'r10', first in line 11"])
    assert len(run.items()) == 5000
    assert not run.complete()


def test_faults(make_run, tmp_path):
    path = tmp_path / "a.jsonl"
    lines = ['{"id":1,"text":"x"}'] * 1 + ["{", '{"text":"y"}', '{"id":2}', '{"id":3,"text":null}', '{"id":4,"text":NaN}', "[]"]
    path.write_text("\n".join(lines))
    other = tmp_path / "b.csv"
    other.write_text("id,text\n5,x,y\n6,ok\n")
    run = make_run([path, other])
    err, faults = run.refused()
    assert err == "3 7 rows cannot be used"
    assert faults == [
        f"{path}:2:2: error: expected a key in double quotes, found the end",
        f"{path}:3: error: missing required fields: id",
        f"{path}:4: error: missing required fields: text",
        f"{path}:5: error: missing required fields: text",
        f"{path}:6:16: error: 'NaN' is not JSON",
        f"{path}:7: error: row is not a JSON object but an array",
        f"{other}:2: error: row of 3 fields, the header has 2",
    ]
    assert run.items() == []


def test_no_more_than_twenty_faults(make_run, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n" * 1000000)
    run = make_run([path])
    err, faults = run.refused()
    assert err == "3 20 rows (or more) cannot be used"
    assert len(faults) == 20


def test_no_rows(make_run, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("")
    run = make_run([path])
    run.ok()
    assert run.complete()
    assert run.items() == []


def test_a_source_that_is_not_there(make_run, tmp_path):
    run = make_run([tmp_path / "a.jsonl"])
    assert run.refused() == (f"7 cannot open '{tmp_path}/a.jsonl': No such file or directory", [])


# ---- sources that change


def test_touched_and_copied_sources_are_the_same(make_run, three):
    paths, want = three
    run = make_run(paths)
    run.ok(stop=1)
    for path in paths:
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
    run.ok("unchanged")
    run.ok()
    for path in paths:
        os.utime(path, (1, 1))
    run.ok("unchanged")
    assert run.items() == want


def test_changed_sources_are_refused(make_run, tmp_path):
    rows = some_rows(12000)
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    data = path.read_bytes()
    run = make_run([path])
    run.ok(stop=2)
    end = json.loads(run.sql("SELECT checkpoint FROM runs")[0][0])["offset"]
    middle = run.sql("SELECT ends FROM slices ORDER BY number")[0][0]
    changed = data[:middle] + data[middle : middle + 100].replace(b"number", b"NUMBER") + data[middle + 100 :]
    path.write_bytes(changed)
    want = f"8 '{path}' has changed since it was read: bytes {middle} to {end} are others"
    assert run.refused("unchanged") == (want, [])
    assert run.refused() == (want, [])
    path.write_bytes(data[:end - 1])
    assert run.refused() == (want, [])
    # what was not read yet may change
    path.write_bytes(data[:end] + data[end:].replace(b"number", b"NUMBER"))
    run.ok("unchanged")
    run.ok()
    assert run.items()[-1][2]["text"] == "NUMBER 11999"
    # once all was read it may not grow either
    now = path.read_bytes()
    path.write_bytes(now + b'{"id":"late","text":""}\n')
    assert run.refused("unchanged")[0] == f"8 '{path}' has changed since it was read: it ended at byte {len(now)}, and has {len(now) + 24} now"
    path.unlink()
    assert run.refused("unchanged")[0] == f"7 cannot open '{path}': No such file or directory"


def test_a_change_that_is_accepted(make_run, tmp_path):
    rows = some_rows(12000)
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    run = make_run([path])
    run.ok(stop=1)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"number 1\"", b"NUMBER 1\""))
    assert run.refused()[0].startswith("8 ")
    run.ok("accept")
    run.ok()
    assert run.items() == [(row["id"], 0, row) for row in rows]


def test_a_parquet_file_that_changed(make_run, tmp_path):
    rows = some_rows(12000)
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=3000)
    run = make_run([path])
    run.ok(stop=2)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=4000)  # the same rows
    run.ok("unchanged")
    rows[6000]["text"] = "another"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=4000)
    assert run.refused()[0] == f"8 '{path}' has changed since it was read: rows 5000 to 10000 are others"


# ---- validate and estimate


def test_survey(make_run, three):
    paths, want = three
    run = make_run(paths, max_requests=1000, system_prompt="be brief")
    facts = json.loads(run.ok("survey"))
    assert facts["rows"] == len(want)
    assert facts["bytes"] == sum(path.stat().st_size for path in paths)
    assert facts["batches"] == -(-len(want) // 1000)
    requests = [
        {"custom_id": f"{i}-a1-00000000", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": f"say {row['text']}", "instructions": "be brief"}}
        for i, (_, _, row) in enumerate(want)
    ]
    sizes = [len(json.dumps(request, separators=(",", ":"))) + 1 for request in requests]
    assert facts["request_bytes"] == sum(sizes)
    assert facts["largest"] == max(sizes)
    assert facts["tokens"] == sum(-(-size // 4) for size in sizes)


def test_survey_of_faulty_sources(make_run, tmp_path):
    rows = some_rows(300)
    rows[200] = {"id": "r9", "text": "again"}
    rows[250] = {"id": "r250"}
    rows[260]["text"] = "x" * 3000
    first = write_jsonl(tmp_path / "a.jsonl", rows)
    second = write_jsonl(tmp_path / "b.jsonl", some_rows(10) + some_rows(1))
    run = make_run([first, second], max_file_bytes=2000)
    code, out, err = run.call("survey")
    assert (code, err) == (1, "3 3 rows cannot be used")
    lines = out.split("\n")
    assert lines[:2] == [
        f"{first}:201: error: duplicate item_id: 'r9', first in line 10",
        f"{first}:251: error: missing required fields: text",
    ]
    assert lines[2].startswith(f"{first}:261: warning: request of 31") and lines[2].endswith(" fits into no batch: its item will fail")
    assert lines[3] == f"{second}:11: error: duplicate item_id: 'r0', first in line 1"
    assert json.loads(lines[4])["rows"] == 298 + 10
