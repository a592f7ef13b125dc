"""Rows of many megabytes: they come out as they went in, and memory stays a small multiple of one of them, however many there are."""

import csv
import json
import os
import subprocess
import sys

from sanitizers import SANITIZED

PROMPT = "häß€𝄞 \"quoted\" \\ \t" * 1_200_000  # characters of 1 to 4 bytes, and some that have to be escaped
BYTES = len(json.dumps(PROMPT, ensure_ascii=False).encode())
LONG = 300
ALONE = 30_000_000  # bytes that a command takes for itself

# Linux counts what a process had before it became another program, and we are large.
MEASURE = """import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(code)"""


def peak(runner, command, **options):
    """Run a command; its standard output, and the most memory it had, in bytes."""
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    told = runner.folder / "peak"
    done = subprocess.run([sys.executable, "-c", MEASURE, told, runner.program, command, *words], cwd=runner.folder,
        env={**os.environ, **runner.env}, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, int(told.read_text())


def answered(rows):
    """What the fake provider (an echo) makes of them."""
    return [(row, row["text"], f"{row['id']}:a1") for row in rows]


def check_jsonl(out, rows):
    got = [json.loads(line) for line in out.split(b"\n")[:-1]]
    assert [(row["metadata"], row["output_text"], row["raw_response"]["custom_id"]) for row in got] == answered(rows)
    assert all(row["raw_response"]["response"]["body"]["output"][0]["content"][0]["text"] == row["output_text"] for row in got)


def check_csv(out, rows):
    csv.field_size_limit(1 << 30)
    got = list(csv.DictReader(out.decode().splitlines(keepends=True)))
    assert [(json.loads(row["metadata"]), row["output_text"], json.loads(row["raw_response"])["custom_id"]) for row in got] == \
        answered(rows)


def test_memory_and_content(runner):
    assert BYTES > 32 << 20  # below, the C library may keep for later what is not needed any more
    rows = [{"id": f"r{n}", "text": PROMPT + str(n) if n == LONG else f"short {n}"} for n in range(400)]
    runner.items(rows)
    source = {"input": "items.jsonl", "id_field": "id", "prompt_field": "text"}
    steps = [
        ("validate", source, 3.7, None),
        ("start", {**source, "model": "m", "run_id": "r", "poll_interval_sec": 0}, 2.7, None),
        ("wait", {"run_id": "r"}, 2.7, None),
        ("export-artifacts", {"run_id": "r", "destination_dir": "out"}, 2.7, None),
        ("results", {"run_id": "r"}, 2.7, check_jsonl),
        ("results", {"run_id": "r", "format": "csv"}, 4.8, check_csv),
    ]
    for command, options, times, check in steps:
        out, most = peak(runner, command, **options)
        assert SANITIZED or most < ALONE + times * BYTES, command
        if check:
            check(out, rows)
        if check == check_jsonl:
            assert (runner.folder / "out" / "r" / "results.jsonl").read_bytes() == out
