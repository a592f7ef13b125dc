"""After a kill at half-way no byte of the source before the checkpoint is read again: measured by strace, whatever the kind of source.

Of a Parquet file whole row groups are counted: what is inside of one can only be read from its beginning on."""

import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

from batch_runner import killed

ITEMS = 0  # for the fixture; here are other inputs
ROWS, SLICE, GROUP = 40_000, 5_000, 1_500
KILLED_AT = "ingest: slice committed#4"
CALLS = re.compile(r'^(\w+)\(\d+<([^>]*)>.*?(?:, (\d+))?\) += (\d+)$')


def rows():
    return [{"id": f"i{n}", "p": f"prompt {n} {n * 7919 % 1_000_003:0>60}"} for n in range(ROWS)]


def write_jsonl(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()))


def write_csv(path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "p"])
        writer.writeheader()
        writer.writerows(rows())


def write_parquet(path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows()), path, row_group_size=GROUP, compression="none", use_dictionary=False)


def calls_of(trace):
    """Lines of strace; those that another thread interrupted are put together again."""
    begun = {}
    for line in trace.read_text(errors="replace").splitlines():
        thread, _, call = line.partition(" ")
        if call.endswith(" <unfinished ...>"):
            begun[thread] = call.removesuffix(" <unfinished ...>")
        else:
            resumed = re.match(r" *<\.\.\. \w+ resumed>", call)
            yield (begun.pop(thread) + call[resumed.end():] if resumed else call).strip()


def parts_read(trace, path):
    """The parts of the file that were read, by place: what reads at the file's position cannot be told, and is refused."""
    parts = []
    for line in calls_of(trace):
        if f"<{path}>" not in line:
            continue
        call = CALLS.match(line)
        assert call and call[1] == "pread64", line
        parts.append((int(call[3]), int(call[3]) + int(call[4])))
    return parts


def committed(batch):
    connection = sqlite3.connect(batch.db)
    checkpoint, items = connection.execute("SELECT checkpoint, item_count FROM runs").fetchone()
    connection.close()
    return json.loads(checkpoint), items


def overlap(parts, begin, end):
    return [part for part in parts if part[0] < end and part[1] > begin]


@pytest.fixture
def half(batch, provider):
    """half(name, write): an input, and a run that was killed when half of it was read. Returns the input, the checkpoint, and a
    function that goes on under strace and gives the parts of the input that were read."""

    def make(name, write):
        path = batch.folder / name
        (batch.folder / "items.jsonl").unlink()
        write(path)
        args = ("--input", path) if path.suffix != ".jsonl" else ()
        args = batch.start_args(*args, "--python", sys.executable)
        assert killed(batch.run("start", "run", *args, LAMINA_KILL_POINT=KILLED_AT).code)
        checkpoint, items = committed(batch)
        assert items == ROWS / 2 == 4 * SLICE
        assert provider.items() == []  # nothing is sent before all is read

        def go_on():
            trace = batch.folder / "trace"
            env = {**os.environ, **batch.settings, "ASAN_OPTIONS": "detect_leaks=0"}  # a traced program cannot look for leaks
            calls = "trace=read,pread64,readv,preadv,preadv2,mmap,sendfile,copy_file_range,splice"
            done = subprocess.run(["strace", "-f", "-y", "-e", calls, "-o", trace, *batch.argv("start", "run", *args)],
                cwd=batch.folder, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert committed_items(batch) == ROWS
            return parts_read(trace, path)

        return path, checkpoint, go_on

    assert shutil.which("strace"), "strace is missing: ./check installs it"
    return make


def committed_items(batch):
    connection = sqlite3.connect(batch.db)
    count, distinct = connection.execute("SELECT count(*), count(DISTINCT item_id) FROM items").fetchone()
    connection.close()
    assert count == distinct
    return count


def test_jsonl(half):
    path, checkpoint, go_on = half("a.jsonl", write_jsonl)
    offset = checkpoint["offset"]
    assert path.read_bytes()[:offset].count(b"\n") == ROWS / 2
    parts = go_on()
    assert overlap(parts, 0, offset) == []
    assert overlap(parts, offset, offset + 1) and overlap(parts, path.stat().st_size - 1, path.stat().st_size)


def test_csv(half):
    path, checkpoint, go_on = half("a.csv", write_csv)
    offset = checkpoint["offset"]
    assert path.read_bytes()[:offset].count(b"\n") == ROWS / 2 + 1
    parts = go_on()
    assert overlap(parts, 0, offset) == []
    assert overlap(parts, offset, offset + 1) and overlap(parts, path.stat().st_size - 1, path.stat().st_size)


def test_parquet(half):
    path, checkpoint, go_on = half("a.parquet", write_parquet)
    meta = pyarrow.parquet.ParquetFile(path).metadata
    assert (checkpoint["number"], checkpoint["row_group"], checkpoint["row"]) == (ROWS // 2, ROWS // 2 // GROUP, ROWS // 2 % GROUP)
    groups = []
    for number in range(meta.num_row_groups):
        columns = [meta.row_group(number).column(column) for column in range(meta.num_columns)]
        groups.append((min(column.data_page_offset for column in columns),
                       max(column.data_page_offset + column.total_compressed_size for column in columns)))
    parts = go_on()
    before = groups[checkpoint["row_group"] - 1][1]
    assert before > path.stat().st_size * 0.4
    assert overlap(parts, 0, before) == []
    assert all(overlap(parts, *group) for group in groups[checkpoint["row_group"]:])
