"""Failures while an archive is written: which one is told, and that nothing is left behind."""

import hashlib
import os
import subprocess

import pytest

import trees

MIB = 1024 * 1024
FORMATS = ["tar", "tar.gz", "tar.xz", "tar.zst", "zip"]
IO, INTEGRITY = 1, 6  # codes of base/err.h


def entry(path, data, origin="x 1.0", **change):
    """A line of a listing, for data that is in a file."""
    fields = {"offset": 0, "size": len(data), "digest": hashlib.sha256(data).hexdigest(), **change}
    return lambda file: (f"file\t{path}\t-\t{origin}\t{file}\t{fields['offset']}\t{fields['size']}\t{fields['digest']}\n")


# name: (lines of a listing, message)
ALL = b"0123456789" * 100_000  # 1 MB
LARGE = trees.text(3, 9 * MIB)
OTHER = hashlib.sha256(b"other").hexdigest()
BROKEN = {
    "digest": ([entry("a", ALL, digest=OTHER)], "the bytes do not match their digest: 'a' of 'x 1.0'"),
    "digest of the empty": ([entry("a", b"", digest=OTHER)], "the bytes do not match their digest: 'a' of 'x 1.0'"),
    "short": ([entry("a", ALL, size=len(ALL) + 1)], "the source ends early: 'a' of 'x 1.0'"),
    "digest of a large one": ([entry("a", LARGE, digest=OTHER)], "the bytes do not match their digest: 'a' of 'x 1.0'"),
    "a large one is short": ([entry("a", LARGE, size=4 * len(LARGE))], "the source ends early: 'a' of 'x 1.0'"),
    "the first is told": ([entry(f"{n:04}", ALL if n != 17 else LARGE, f"wheel {n}", **({} if n < 17 else {"digest": OTHER}))
        for n in range(40)], "the bytes do not match their digest: '0017' of 'wheel 17'"),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("case", BROKEN)
def test_broken_source(write, tmp_path, format, case):
    lines, text = BROKEN[case]
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(ALL)
    large.write_bytes(LARGE)
    (tmp_path / "listing").write_text("".join(line(large if "large" in case or "0017" in line("") else small) for line in
        lines))
    (tmp_path / "out").mkdir()
    for jobs in ("1", "5"):
        result = write(tmp_path / "listing", tmp_path / "out/a", *trees.fast(format), "--jobs", jobs)
        assert (result.code, result.out, result.err) == (1, "", f"{INTEGRITY}: {text}\n")
        assert os.listdir(tmp_path / "out") == []


def test_missing_source(write, tmp_path):
    (tmp_path / "listing").write_text(entry("a", b"1")("/nonexistent/blob"))
    (tmp_path / "out").mkdir()
    result = write(tmp_path / "listing", tmp_path / "out/a", "--format", "tar")
    assert (result.code, result.err) == (1, f"{IO}: cannot open '/nonexistent/blob': No such file or directory\n")
    assert os.listdir(tmp_path / "out") == []


def test_what_was_there_stays(write, tmp_path):
    """A failing write leaves the old archive; a good one replaces it."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.tar").write_bytes(b"old")
    (tmp_path / "listing").write_text(entry("a", b"1", digest=OTHER)(tmp_path / "blob"))
    (tmp_path / "blob").write_bytes(b"1")
    assert write(tmp_path / "listing", tmp_path / "out/a.tar", "--format", "tar").code == 1
    assert (tmp_path / "out/a.tar").read_bytes() == b"old"
    (tmp_path / "listing").write_text(entry("a", b"1")(tmp_path / "blob"))
    result = write(tmp_path / "listing", tmp_path / "out/a.tar", "--format", "tar").json()
    assert hashlib.sha256((tmp_path / "out/a.tar").read_bytes()).hexdigest() == result["digest"]
    assert os.listdir(tmp_path / "out") == ["a.tar"]


@pytest.mark.parametrize("format", FORMATS)
def test_full_disk(tool, nasty_folder, tmp_path, format):
    """A limit of the file size stands for it: writing fails in the middle."""
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(["sh", "-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh", tool("archive_tool"),
        *trees.fast(format), nasty_folder, out / "a"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{IO}: cannot write '{out}/a': File too large\n"
    assert os.listdir(out) == []


def test_no_folder(write, tmp_path):
    (tmp_path / "tree").mkdir()
    result = write(tmp_path / "tree", tmp_path / "none/a.tar", "--format", "tar")
    assert result.code == 1
    assert result.err.endswith(f": cannot write '{tmp_path}/none/a.tar': No such file or directory\n")
