"""Writing: the same bytes whatever the machine does, options and what is recorded of them, bounded memory, interruption."""

import hashlib
import json
import os
import signal
import subprocess
import zlib

import pytest

import trees
from sanitizers import measures_memory

MIB = 1024 * 1024
FORMATS = ["tar", "tar.gz", "tar.xz", "tar.zst", "zip"]
USAGE, INTERRUPTED = 5, 13  # codes of base/err.h


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("format", FORMATS)
def test_same_bytes(archive, nasty_folder, tool, tmp_path, format):
    """Threads, zone, language, umask, folder and order on disk take no part."""
    path, result = archive(format)
    reference = sha256(path)
    assert result["digest"] == reference
    (tmp_path / "copy").mkdir()
    for name in reversed(sorted(os.listdir(nasty_folder))):
        subprocess.run(["cp", "-a", "--", nasty_folder / name, tmp_path / "copy"], check=True)
    for jobs, zone, language, umask in [("1", "Asia/Tokyo", "C", "077"), ("5", "America/St_Johns", "tr_TR.UTF-8", "000"),
            ("2", "UTC", "C.UTF-8", "027"), ("0", "UTC", "C", "022")]:
        env = {**os.environ, "TZ": zone, "LC_ALL": language, "LANG": language}
        out = tmp_path / f"again.{format}"
        subprocess.run(["sh", "-c", 'umask "$1"; shift; exec "$@"', "sh", umask, tool("archive_tool"), "--jobs", jobs, *trees.fast(format),
            "--prefix", trees.PREFIX, "--mtime", str(trees.MTIME), "copy", out], check=True, cwd=tmp_path, env=env,
            stdout=subprocess.DEVNULL)
        assert sha256(out) == reference
        assert out.stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("format", FORMATS)
def test_content_from_files_and_deflate(write, tmp_path, format):
    """Where the bytes come from does not show."""
    small, large = trees.text(1, 70000), trees.text(2, 9 * MIB + 11)
    engine = zlib.compressobj(9, wbits=-15)
    stored = [engine.compress(data) + engine.flush() for data in (small,)]
    engine = zlib.compressobj(1, wbits=-15)
    stored.append(engine.compress(large) + engine.flush())
    blob = tmp_path / "blob"
    blob.write_bytes(b"head" + stored[0] + b"gap" + stored[1] + b"tail" + small + large + b"end")
    at, plain = 4 + len(stored[0]) + 3, 4 + len(stored[0]) + 3 + len(stored[1]) + 4
    digests = [hashlib.sha256(data).hexdigest() for data in (small, large)]
    (tmp_path / "deflate").write_text(f"deflate\ta\tx\to\t{blob}\t4\t{len(stored[0])}\t{len(small)}\t{digests[0]}\n"
        f"deflate\tb\t-\to\t{blob}\t{at}\t{len(stored[1])}\t{len(large)}\t{digests[1]}\n")
    (tmp_path / "file").write_text(f"file\ta\tx\to\t{blob}\t{plain}\t{len(small)}\t{digests[0]}\n"
        f"file\tb\t-\to\t{blob}\t{plain + len(small)}\t{len(large)}\t{digests[1]}\n")
    trees.write(tmp_path / "tree", {"a": (small,), "b": large})
    made = [write(tmp_path / source, tmp_path / f"{source}.{format}", *trees.fast(format)).json()["digest"] for source in
        ("tree", "file", "deflate")]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("options, text", [
    (["--format", "tar.zst", "--level", "0"], "level 0 is not one of 'tar.zst': 1 to 22"),
    (["--format", "tar.zst", "--level", "23"], "level 23 is not one of 'tar.zst': 1 to 22"),
    (["--format", "tar.xz", "--level", "10"], "level 10 is not one of 'tar.xz': 0 to 9"),
    (["--format", "tar.xz", "--level", "-9"], "level -9 is not one of 'tar.xz': 0 to 9"),
    (["--format", "tar.gz", "--level", "0"], "level 0 is not one of 'tar.gz': 1 to 12"),
    (["--format", "tar.gz", "--level", "13"], "level 13 is not one of 'tar.gz': 1 to 12"),
    (["--format", "zip", "--level", "0"], "level 0 is not one of 'zip': 1 to 12"),
    (["--format", "zip", "--level", "13"], "level 13 is not one of 'zip': 1 to 12"),
    (["--format", "tar", "--level", "1"], "'tar' has no levels"),
    (["--format", "tar", "--mtime", "-1"], "the time of an archive is out of its range: -1"),
    (["--format", "tar", "--mtime", "8589934592"], "the time of an archive is out of its range: 8589934592"),
    (["--format", "tar", "--prefix", "../a"], "top folder of an archive: name with a character other than letters, digits and "
        "'-_.@+': '../a'"),
    (["--format", "tar", "--prefix", ""], "top folder of an archive: the name is empty"),
])
def test_options_out_of_range(write, tmp_path, options, text):
    (tmp_path / "tree").mkdir()
    result = write(tmp_path / "tree", tmp_path / "a", *options)
    assert (result.code, result.err) == (1, f"{USAGE}: {text}\n")
    assert sorted(os.listdir(tmp_path)) == ["tree"]


@pytest.mark.parametrize("format, least, most", [("tar.zst", (1, "", 6), (22, " wide", 96)), ("tar.xz", (0, "", 16), (9, "", 32)),
    ("tar.gz", (1, "", 4), (12, "", 4)), ("zip", (1, "", 4), (12, "", 4))])
def test_levels(write, tmp_path, format, least, most):
    """The level, how it is done and the size of segments are recorded."""
    trees.write(tmp_path / "tree", {"a": trees.text(1, 100_000)})
    made = [write(tmp_path / "tree", tmp_path / "a", "--format", format, "--level", str(level)).json() for level, _, _ in
        (least, most)]
    assert made[0]["size"] > made[1]["size"]
    for (level, how, segment), result in zip((least, most), made):
        assert result["compressor"].endswith(f" level {level}{how} segment {segment} MiB rule 3")


def pkg_config(name):
    return subprocess.run(["pkg-config", "--modversion", name], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("format, library, rest", [
    ("tar.zst", "zstd", "level 8 wide 4 segment 6 MiB large 22 MiB rule 3"),
    ("tar.xz", "liblzma", "level 6 segment 16 MiB rule 3"),
    ("tar.gz", "libdeflate", "level 6 segment 4 MiB rule 3"),
    ("zip", "libdeflate", f"and zlib {zlib.ZLIB_RUNTIME_VERSION} level 6 segment 4 MiB rule 3"),
])
def test_compressor(write, tmp_path, format, library, rest):
    """The same before anything is written and afterwards; the version is that of the library."""
    (tmp_path / "tree").mkdir()
    before = write(tmp_path / "tree", None, "--format", format).json()["compressor"]
    assert before == write(tmp_path / "tree", tmp_path / "a", "--format", format).json()["compressor"]
    name, version, end = before.split(" ", 2)
    assert (name, end) == (library, rest)
    programs = {"zstd": ["zstd", "-qV"], "liblzma": ["xz", "--version"]}
    if library in programs:
        assert version in subprocess.run(programs[library], capture_output=True, text=True, check=True).stdout
    else:
        assert version == pkg_config("libdeflate")


@pytest.mark.parametrize("format, fast, most", [("tar.zst", "level 3 segment 6", "level 17 wide 3 segment 96"),
    ("tar.xz", "level 1 segment 16", "level 9 segment 32"), ("tar.gz", "level 1 segment 4", "level 12 segment 4"),
    ("zip", "level 1 segment 4", "level 12 segment 4"), ("tar", "none segment 4", "none segment 4")])
def test_named_levels(write, tmp_path, format, fast, most):
    (tmp_path / "tree").mkdir()
    for level, wanted in (("fast", fast), ("max", most)):
        told = write(tmp_path / "tree", None, "--format", format, "--level", level).json()["compressor"]
        assert told.endswith(f"{wanted} MiB rule 3")


def test_window_of_max(write, tmp_path):
    """A segment larger than the window that decoders take without being asked, what it repeats further away than that."""
    (tmp_path / "tree").mkdir()
    text = trees.text(1, MIB)
    with open(tmp_path / "tree" / "a", "wb") as file:
        file.write(text)
        file.seek(150 * MIB)
        file.write(text)
    made = write(tmp_path / "tree", tmp_path / "a", "--format", "tar.zst", "--level", "max").json()
    assert len(made["segments"]) == 1
    plain = write(tmp_path / "tree", tmp_path / "b", "--format", "tar").json()
    with subprocess.Popen(["zstd", "-dcq", tmp_path / "a"], stdout=subprocess.PIPE) as zstd:
        assert hashlib.file_digest(zstd.stdout, "sha256").hexdigest() == plain["digest"]


def test_compressor_of_plain_tar(archive):
    assert archive("tar")[1]["compressor"] == "none segment 4 MiB rule 3"


def run_measured(*argv):
    """(exit code, peak memory in bytes)"""
    process = subprocess.Popen([os.fspath(arg) for arg in argv], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


@measures_memory
@pytest.mark.parametrize("format", ["tar.zst", "tar"])
def test_memory_is_bounded(tool, tmp_path, format):
    """One file of 400 MiB takes less than a third of that."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(400 * MIB)
    (tmp_path / "listing").write_text(f"file\ta\t-\to\t{tmp_path}/sparse\t0\t{400 * MIB}\t"
        f"{sha256(tmp_path / 'sparse')}\n")
    code, peak = run_measured(tool("archive_tool"), "--format", format, tmp_path / "listing", tmp_path / "out")
    assert code == 0
    assert peak < 130 * MIB


def test_events(tool, tmp_path):
    """Progress only grows, up to the whole."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(200 * MIB)
    (tmp_path / "tree").mkdir()
    (tmp_path / "sparse").rename(tmp_path / "tree/sparse")
    done = subprocess.run([tool("archive_tool"), "--format", "tar.gz", "--events", tmp_path / "tree", tmp_path / "a"],
        capture_output=True, text=True, check=True)
    lines = [line.split(" ") for line in done.stderr.splitlines()]
    total = json.loads(done.stdout)["content_size"]
    assert lines
    assert all(line[:2] == ["publish", "tree"] and int(line[3]) == total for line in lines)
    amounts = [int(line[2]) for line in lines]
    assert amounts == sorted(set(amounts))
    assert amounts[-1] <= total


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tool, tmp_path, sent):
    """Told to stop at the first sign of progress, it leaves nothing."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1000 * MIB)
    zeros = hashlib.sha256()
    for _ in range(1000):
        zeros.update(bytes(MIB))
    (tmp_path / "listing").write_text(f"file\ta\t-\to\t{tmp_path}/sparse\t0\t{1000 * MIB}\t{zeros.hexdigest()}\n")
    (tmp_path / "out").mkdir()
    with subprocess.Popen([tool("archive_tool"), "--format", "tar.xz", "--events", tmp_path / "listing", tmp_path / "out/a"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline().startswith("publish tree ")
        process.send_signal(sent)
        rest = process.stderr.read().splitlines()
    assert process.returncode == 1
    assert rest[-1].startswith(f"{INTERRUPTED}: ")
    assert os.listdir(tmp_path / "out") == []
