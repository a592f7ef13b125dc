"""Segments kept in a store: what did not change is copied, and the archive has the same bytes as without a store."""

import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import trees

MIB = 1024 * 1024
FORMATS = ["tar.gz", "tar.xz", "tar.zst", "zip"]
INTEGRITY = 6  # of base/err.h
MAGIC = b"lamina-segment 1\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Many small files, a large one that is cut in every format, and one before it: a segment below 64 KiB is not kept."""
    files = {f"lib/p{n % 5}/m{n:04}.py": trees.text(n, 2000 + n * 7919 % 16000) for n in range(500)}
    files["begin"] = trees.text(2, 300_000)
    files["lib/large.so"] = trees.text(1, 3 * MIB + 77) * 6
    return trees.write(tmp_path_factory.mktemp("reuse"), files)


@pytest.fixture
def tree(folder, tmp_path):
    """A private copy, by links; what a test changes it replaces."""
    shutil.copytree(folder, tmp_path / "tree", copy_function=os.link)
    return tmp_path / "tree"


def replace(path, data):
    path.unlink()
    path.write_bytes(data)


def kept(store):
    """Files of segments, by name, without those that were set aside or are being written."""
    return sorted(path for path in (store / "segments").glob("*/*") if len(path.name) == 62)


def fast(format):
    return ["--format", format, "--level", "0" if format == "tar.xz" else "fast", "--prefix", trees.PREFIX]


@pytest.fixture
def pair(write, tmp_path):
    """pair(tree, format) -> (segments, reused): written with the store and without, to equal bytes and results. Without the store
    only once as long as nothing of the tree was replaced."""
    written = {}

    def both(tree, format):
        state = format, frozenset((path, (info := path.lstat()).st_ino, info.st_mtime_ns) for path in tree.rglob("*"))
        if state not in written:
            plain = write(tree, tmp_path / "plain", *fast(format)).json()
            assert plain.pop("reused") == 0
            written[state] = plain, (tmp_path / "plain").read_bytes()
        plain, data = written[state]
        stored = write(tree, tmp_path / "stored", *fast(format), "--store", tmp_path / "store").json()
        assert data == (tmp_path / "stored").read_bytes()
        reused = stored.pop("reused")
        assert plain == stored
        return len(plain["segments"]), reused

    return both


@pytest.mark.parametrize("format", FORMATS)
def test_reused(pair, tree, tmp_path, format):
    segments, reused = pair(tree, format)
    assert segments >= 2
    assert reused == 0
    assert len(kept(tmp_path / "store")) == segments
    assert pair(tree, format) == (segments, segments)
    path = tree / "lib/p3/m0003.py"
    replace(path, b"#" + path.read_bytes()[1:])
    assert pair(tree, format) == (segments, segments - 1)
    assert pair(tree, format) == (segments, segments)


def test_a_store_has_what_another_format_does_not(pair, tree):
    """Neither another format nor another level."""
    pair(tree, "tar.gz")
    assert pair(tree, "zip")[1] == 0
    assert pair(tree, "tar.zst")[1] == 0


def test_another_level(write, tree, tmp_path):
    options = ["--format", "tar.zst", "--store", tmp_path / "store"]
    assert write(tree, tmp_path / "a", *options, "--level", "1").json()["reused"] == 0
    assert write(tree, tmp_path / "a", *options, "--level", "2").json()["reused"] == 0
    again = write(tree, tmp_path / "a", *options, "--level", "1").json()
    assert again["reused"] == len(again["segments"])


def test_plain_tar_is_not_kept(write, tree, tmp_path):
    assert write(tree, tmp_path / "a", "--format", "tar", "--store", tmp_path / "store").json()["reused"] == 0
    assert kept(tmp_path / "store") == []


def test_files_of_segments(write, tree, tmp_path):
    """As docs/formats/store.md has them: the digest is of the name and the bytes, which are those in the archive."""
    result = write(tree, tmp_path / "a", "--format", "tar.zst", "--store", tmp_path / "store").json()
    data = (tmp_path / "a").read_bytes()
    pieces = {data[segment["offset"]:segment["offset"] + segment["size"]] for segment in result["segments"]}
    found = set()
    for path in kept(tmp_path / "store"):
        text = path.read_bytes()
        key = bytes.fromhex(path.parent.name + path.name)
        assert text[:len(MAGIC)] == MAGIC
        assert text[len(MAGIC):len(MAGIC) + 32] == hashlib.sha256(key + text[len(MAGIC) + 32:]).digest()
        found.add(text[len(MAGIC) + 32:])
    assert found == pieces


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap(path):
    """The bytes of another segment, which are good under its own name."""
    other = next(other for other in kept(path.parent.parent.parent) if other != path)
    path.write_bytes(other.read_bytes())


DAMAGES = {
    "a bit": flip,
    "another segment": swap,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "empty": lambda path: path.write_bytes(b""),
    "another format": lambda path: path.write_bytes(path.read_bytes().replace(b"segment 1", b"segment 2", 1)),
}


@pytest.mark.parametrize("format, damage", [("tar.zst", damage) for damage in DAMAGES] + [("zip", "a bit"), ("zip", "cut")])
def test_damaged(write, tree, tmp_path, format, damage):
    """Set aside with a warning, compressed again; the archive is the same."""
    store = tmp_path / "store"
    options = [*fast(format), "--store", store]
    first = write(tree, tmp_path / "a", *options).json()
    for path in kept(store)[::3]:
        DAMAGES[damage](path)
        again = write(tree, tmp_path / "b", *options)
        assert again.json()["digest"] == first["digest"]
        assert again.json()["reused"] == len(first["segments"]) - 1
        assert again.err == ("warning: a compressed segment in the store was damaged (it is not what its digest says): set aside as "
            f"'{path}.bad'\n")
        assert path.exists()


def test_not_a_file(write, tree, tmp_path):
    """What cannot be read is not there."""
    options = [*fast("tar.zst"), "--store", tmp_path / "store"]
    first = write(tree, tmp_path / "a", *options).json()
    path = kept(tmp_path / "store")[0]
    path.unlink()
    path.mkdir()
    again = write(tree, tmp_path / "a", *options)
    assert (again.json()["digest"], again.json()["reused"], again.err) == (first["digest"], len(first["segments"]) - 1, "")


@pytest.mark.parametrize("format, jobs", [("tar.zst", "1"), ("tar.zst", "3"), ("zip", "1"), ("zip", "3")])
def test_some_parts_of_a_large_file(write, tree, tmp_path, format, jobs):
    """Whichever of its segments are gone, the others are used. What has to be compressed is begun first, by one thread too."""
    options = [*fast(format), "--jobs", jobs, "--store", tmp_path / "store"]
    first = write(tree, tmp_path / "a", *options).json()
    names = kept(tmp_path / "store")
    for step in (2, 3):
        for begin in range(step):
            for path in names[begin::step]:
                path.unlink()
            again = write(tree, tmp_path / "b", *options).json()
            assert again["digest"] == first["digest"]
            assert again["reused"] == len(names) - len(names[begin::step])


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_one_gone_one_damaged(write, tree, tmp_path, jobs):
    """A segment that turns out to be damaged is compressed in its turn, whatever was begun before: the archive is the same."""
    options = [*fast("tar.zst"), "--jobs", jobs, "--store", tmp_path / "store"]
    first = write(tree, tmp_path / "a", *options).json()
    names = kept(tmp_path / "store")
    for shift in range(1, len(names)):
        for gone, damaged in zip(names, names[shift:] + names[:shift]):
            gone.unlink()
            flip(damaged)
            again = write(tree, tmp_path / "b", *options)
            assert (again.json()["digest"], again.json()["reused"]) == (first["digest"], len(names) - 2)
            assert again.err == ("warning: a compressed segment in the store was damaged (it is not what its digest says): set aside as "
                f"'{damaged}.bad'\n")


def listing(path, size, digest):
    return f"file\tlarge\t-\to\t{path}\t0\t{size}\t{digest}\n"


@pytest.mark.parametrize("format", ["tar.zst", "zip"])
def test_parts_of_a_file_with_another_digest_are_not_kept(write, tmp_path, format):
    """Its first parts are compressed before its end shows that it is not what it should be."""
    good = trees.text(1, 3 * MIB) * 10
    digest = hashlib.sha256(good).hexdigest()
    (tmp_path / "file").write_bytes(good[:-1] + b"?")
    (tmp_path / "listing").write_text(listing(tmp_path / "file", len(good), digest))
    options = [*fast(format), "--jobs", "3", "--store", tmp_path / "store"]
    failed = write(tmp_path / "listing", tmp_path / "a", *options)
    assert (failed.code, failed.err) == (1, f"{INTEGRITY}: the bytes do not match their digest: 'large' of 'o'\n")
    assert kept(tmp_path / "store") == []
    (tmp_path / "file").write_bytes(good)
    result = write(tmp_path / "listing", tmp_path / "a", *options).json()
    plain = write(tmp_path / "listing", tmp_path / "b", *fast(format)).json()
    assert result["digest"] == plain["digest"]
    assert result["reused"] == 0


@pytest.mark.parametrize("format", ["tar.zst"])
def test_killed(tool, write, tree, tmp_path, format):
    """Each time there is more; all that can be found in the store afterwards is good."""
    options = [*fast(format), "--jobs", "2", "--store", tmp_path / "store"]
    plain = write(tree, tmp_path / "plain", *fast(format)).json()
    for _ in range(3):
        before = len(kept(tmp_path / "store"))
        process = subprocess.Popen([str(word) for word in (tool("archive_tool"), *options, tree, tmp_path / "a")],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while process.poll() is None and len(kept(tmp_path / "store")) == before:
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
    found = len(kept(tmp_path / "store"))
    again = write(tree, tmp_path / "a", *options)
    assert (again.json()["digest"], again.err) == (plain["digest"], "")
    assert again.json()["reused"] == found > 0


def test_nothing_can_be_kept(write, tree, tmp_path):
    """A file where the folder should be: the archive is written all the same."""
    options = [*fast("tar.zst"), "--store", tmp_path / "store"]
    plain = write(tree, tmp_path / "plain", *fast("tar.zst")).json()
    write(tree, tmp_path / "a", *options)
    for path in (tmp_path / "store/segments").iterdir():
        shutil.rmtree(path)
        path.write_text("in the way")
    again = write(tree, tmp_path / "a", *options)
    assert (again.json()["digest"], again.json()["reused"], again.err) == (plain["digest"], 0, "")
    assert Path(tmp_path / "a").stat().st_size == plain["size"]
