"""misc/scratch.py: where ./check lets tests write."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import paths
import scratch

CLAIM = """\
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import scratch
folder = Path(sys.argv[2], f"{scratch.PREFIX}{os.getpid()}")
scratch.claim(folder)
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def memory(monkeypatch, tmp_path):
    """A folder that stands for the one in memory, where a byte is room enough; TMPDIR is not set."""
    monkeypatch.setattr(scratch, "MEMORY", tmp_path)
    monkeypatch.setattr(scratch, "ROOM", 1)
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")
    return tmp_path


def test_in_memory_when_there_is_room(memory):
    assert scratch.parent() == memory


def test_on_disk_when_there_is_no_room(memory, monkeypatch):
    monkeypatch.setattr(scratch, "ROOM", 1 << 60)
    assert scratch.parent() == Path("/var/tmp")


def test_on_disk_when_there_is_no_such_folder(memory, monkeypatch):
    monkeypatch.setattr(scratch, "MEMORY", memory / "none")
    assert scratch.parent() == Path("/var/tmp")


def test_where_the_tester_says(memory, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert scratch.parent() == Path("/var/tmp")


@pytest.mark.parametrize("text, counts", [("1048576\n", True), ("max\n", False)])
def test_a_container_may_have_less(memory, monkeypatch, text, counts):
    (memory / "limit").write_text(text)
    monkeypatch.setattr(scratch, "LIMITS", (memory / "none", memory / "limit"))
    assert (scratch.memory_left() == 1048576) == counts


def start(folder):
    process = subprocess.Popen([sys.executable, "-B", "-c", CLAIM, paths.ROOT / "misc", folder], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().rstrip("\n"))


def test_what_a_killed_one_left_is_removed(tmp_path):
    first, left = start(tmp_path)
    (left / "file").write_text("x")
    other, second = start(tmp_path)
    assert left.exists()  # its owner is there
    first.kill()
    first.communicate()
    third, last = start(tmp_path)
    assert not left.exists()
    assert second.exists() and last.exists()
    (tmp_path / f"{scratch.PREFIX}{os.getpid()}").mkdir()  # of a process that runs, whoever it is
    for process in (other, third):
        process.communicate()
    start(tmp_path)[0].communicate()
    assert not second.exists() and not last.exists()
    assert (tmp_path / f"{scratch.PREFIX}{os.getpid()}").exists()
