"""lamina unpack against what was packed, Python's readers and GNU tar; archives that it must refuse; places that are taken."""

import gzip
import hashlib
import io
import json
import lzma
import os
import stat
import subprocess
import tarfile
import tempfile
import tomllib
import zipfile

import pytest

import bad_runtimes
import trees
from paths import CASES
from rawzip import Member, make
from sanitizers import measures_memory
from survive import MEASURE

FORMATS = ["tar", "tar.gz", "tar.xz", "tar.zst", "zip"]
REFUSED = tomllib.loads((CASES / "runtimes" / "refused.toml").read_text(encoding="utf-8"))
# what a layer needs of a runtime is no matter here
NOT_ARCHIVES = {"no-interpreter", "interpreter-is-a-folder", "interpreter-leads-nowhere", "interpreter-leads-to-itself", "another-version",
    "takes-postinstall", "takes-pyvenv", "takes-the-configuration"}
# a layer may lead to the folder beside it, where the layers below it are; and a link is a member like any other
ALLOWED = {"link-out", "zip-link-out"}
# the folder python is not taken off
OWN = {"python-is-a-link": "'base.tar' is not a usable archive: entry 'python' is in no folder",
    "below-a-file": "'base.tar' is not a usable archive: entry 'python/bin/python3.11/evil' is below the file 'python/bin/python3.11'",
    "below-a-link": "'base.tar' is not a usable archive: entry 'python/evil/x' is below the link 'python/evil'"}
TOO_LONG = {"folders-without-end"}  # makes a million folders first


def unpack(run_lamina, *args, **options):
    return run_lamina("unpack", *args, **options)


@pytest.mark.parametrize("format, jobs", [*((format, 8) for format in FORMATS), ("tar.zst", 1), ("tar.zst", 2), ("tar.xz", 2), ("zip", 1)])
def test_what_was_packed(archive, nasty, run_lamina, tmp_path, format, jobs):
    path, result = archive(format)
    done = unpack(run_lamina, "--json", "--jobs", str(jobs), "-C", tmp_path / "out", path).json()["unpacked"]
    got, times = trees.snapshot(tmp_path / "out")
    assert trees.differences(got, trees.expected(nasty)) == []
    assert {path for path, mtime in times.items() if mtime != trees.MTIME} == set()
    files = [what for what in nasty.values() if isinstance(what, (bytes, tuple))]
    assert [(layer["path"], layer["size_bytes"], layer["verified"], layer["finish"]) for layer in done] == [
        (str(tmp_path / "out" / "layer"), sum(len(what[0] if isinstance(what, tuple) else what) for what in files), False, None)]
    if format not in ("zip", "tar"):
        assert done[0]["segments"] == len(result["segments"])


@pytest.mark.parametrize("format", ["tar", "tar.gz", "tar.xz", "zip"])
def test_python_sees_the_same(archive, run_lamina, tmp_path, format):
    """Each member as tarfile and zipfile read it."""
    path, _ = archive(format)
    unpack(run_lamina, "-q", "-C", tmp_path, path).ok()
    if format == "zip":
        with zipfile.ZipFile(path) as members:
            for member in members.infolist():
                info = os.lstat(tmp_path / member.filename)
                assert info.st_mode == member.external_attr >> 16
                if stat.S_ISREG(info.st_mode):
                    assert (tmp_path / member.filename).read_bytes() == members.read(member)
        return
    with tarfile.open(path) as members:
        for member in members:
            info = os.lstat(tmp_path / member.name)
            assert (stat.S_IMODE(info.st_mode), info.st_mtime) == (member.mode, member.mtime)
            if member.issym():
                assert os.readlink(tmp_path / member.name) == member.linkname
            elif member.isfile():
                assert (tmp_path / member.name).read_bytes() == members.extractfile(member).read()


def foreign(dialect):
    """An archive as Python writes it, with times of its own, a hard link, and files without their folders."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=dialect) as archive:
        for number, (name, data, mode) in enumerate([("top/a", b"a" * 1000, 0o640), ("top/deep/er/b", b"b" * 70000, 0o700),
                ("top/" + "n" * 150, b"long", 0o644), ("top/\u00fc", b"umlaut", 0o444)]):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), mode, 1_600_000_000 + number
            archive.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo("top/hard")
        info.type, info.linkname, info.mtime = tarfile.LNKTYPE, "top/a", 1_600_000_100
        archive.addfile(info)
        info = tarfile.TarInfo("top/soft")
        info.type, info.linkname, info.mtime = tarfile.SYMTYPE, "../other/a", 1_600_000_101
        archive.addfile(info)
        info = tarfile.TarInfo("top/empty")
        info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o700, 1_600_000_102
        archive.addfile(info)
    return out.getvalue()


def zstd(data):
    return subprocess.run(["zstd", "-cq"], input=data, check=True, capture_output=True).stdout


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, zstd, lambda data: gzip.compress(data[:70_000]) + gzip.compress(data[70_000:]),
    lambda data: lzma.compress(data[:512]) + lzma.compress(data[512:1300]) + lzma.compress(data[1300:])],
    ids=["plain", "gzip", "xz", "zstd", "two-members", "three-streams"])
@pytest.mark.parametrize("dialect", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_archives_of_others(run_lamina, tmp_path, dialect, pack):
    (tmp_path / "foreign").write_bytes(pack(foreign(dialect)))
    unpack(run_lamina, "-q", "-C", tmp_path / "out", tmp_path / "foreign").ok()
    got, times = trees.snapshot(tmp_path / "out")
    digest = {name: hashlib.sha256(text).hexdigest() for name, text in
        {"a": b"a" * 1000, "b": b"b" * 70000, "long": b"long", "umlaut": b"umlaut"}.items()}
    assert got == {"top": ("folder", 0o755, None), "top/a": ("file", 0o644, digest["a"]), "top/deep": ("folder", 0o755, None),
        "top/deep/er": ("folder", 0o755, None), "top/deep/er/b": ("file", 0o755, digest["b"]),
        "top/" + "n" * 150: ("file", 0o644, digest["long"]), "top/\u00fc": ("file", 0o644, digest["umlaut"]),
        "top/hard": ("file", 0o644, digest["a"]), "top/soft": ("link", 0o777, "../other/a"), "top/empty": ("folder", 0o755, None)}
    assert [times[name] for name in ("top/a", "top/deep/er/b", "top/" + "n" * 150, "top/\u00fc", "top/hard", "top/soft", "top/empty")] == [
        1_600_000_000, 1_600_000_001, 1_600_000_002, 1_600_000_003, 1_600_000_100, 1_600_000_101, 1_600_000_102]


def patched(data, at, bytes_):
    """A tar whose header at `at` has other bytes, and the checksum for them."""
    block = bytearray(data[at:at + 512])
    for offset, new in bytes_.items():
        block[offset:offset + len(new)] = new
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return data[:at] + bytes(block) + data[at + 512:]


ODD = {  # bytes of the header of a file of ours that others write in another way, and which mean the same
    "mode": {100: b"0000640\0"}, "mode-in-spaces": {100: b"   644 \0"}, "mode-without-end": {100: b"00000644"},
    "time-in-spaces": {136: b"%11o " % trees.MTIME},
    "time-in-base-256": {136: b"\x80" + trees.MTIME.to_bytes(11, "big")}, "owner": {265: b"root"},
    "old-type": {156: b"\0"}, "contiguous": {156: b"7"}, "no-version": {257: b"ustar  \0"},
}


def first_file(path):
    with tarfile.open(path) as members:
        return next(member for member in members if member.isfile() and 0 < member.size and member.size % 512 and "x" not in member.pax_headers
            and not member.pax_headers)


@pytest.mark.parametrize("case", ODD)
def test_odd_headers(archive, nasty, run_lamina, tmp_path, case):
    """From the middle on written in another way: what is there already gives way to what the other reader reads."""
    path, _ = archive("tar")
    member = first_file(path)
    (tmp_path / "odd.tar").write_bytes(patched(path.read_bytes(), member.offset, ODD[case]))
    unpack(run_lamina, "-q", "-C", tmp_path / "out", tmp_path / "odd.tar").ok()
    got, times = trees.snapshot(tmp_path / "out")
    assert trees.differences(got, trees.expected(nasty)) == []
    assert {path for path, mtime in times.items() if mtime != trees.MTIME} == set()


@pytest.mark.parametrize("change", [
    lambda data, end: data[:end] + b"x" + data[end + 1:], lambda data, end: data + bytes(9216), lambda data, end: data[:-512],
    lambda data, end: data + b"x" * 512], ids=["padding", "many-end-blocks", "one-end-block", "more-behind-the-end"])
def test_odd_ends(archive, nasty, run_lamina, tmp_path, change):
    path, _ = archive("tar")
    member = first_file(path)
    (tmp_path / "odd.tar").write_bytes(change(path.read_bytes(), member.offset_data + member.size))
    unpack(run_lamina, "-q", "-C", tmp_path / "out", tmp_path / "odd.tar").ok()
    got, _ = trees.snapshot(tmp_path / "out")
    assert trees.differences(got, trees.expected(nasty)) == []


PAX = {"comment": [("comment", "x")], "size": [("size", "4")], "path-twice": [("path", "top/other"), ("path", "top/file")],
    "link": [("linkpath", "x"), ("path", "top/file")], "vendor": [("SCHILY.dev", "1"), ("path", "top/file")]}


@pytest.mark.parametrize("case", PAX)
def test_odd_pax_headers(run_lamina, tmp_path, case):
    """As Python writes them, of names and sizes that need none."""
    records = b""
    for key, value in PAX[case]:
        text = f" {key}={value}\n".encode()
        records += next(line for n in range(1, 99) if len(line := f"{n}".encode() + text) == n)
    file = tarfile.TarInfo("top/file")
    file.size, file.mtime = 4, trees.MTIME
    pax = tarfile.TarInfo("top/PaxHeaders/file")
    pax.type, pax.size = tarfile.XHDTYPE, len(records)
    blocks = [pax.tobuf(tarfile.USTAR_FORMAT), records.ljust(512, b"\0"), file.tobuf(tarfile.USTAR_FORMAT), b"data".ljust(512, b"\0"), bytes(1024)]
    (tmp_path / "a.tar").write_bytes(b"".join(blocks))
    with tarfile.open(tmp_path / "a.tar") as members:
        assert members.getnames() == ["top/file"]
    unpack(run_lamina, "-q", "-C", tmp_path / "out", tmp_path / "a.tar").ok()
    assert (tmp_path / "out" / "top" / "file").read_bytes() == b"data"


def left(folder):
    """What is there, at any depth."""
    return sorted(os.path.join(parent, name) for parent, folders, names in os.walk(folder) for name in folders + names)


@pytest.mark.parametrize("case", sorted(set(bad_runtimes.CASES) - NOT_ARCHIVES - ALLOWED - TOO_LONG))
def test_refused(run_lamina, tmp_path, case):
    """The archives that are refused as runtimes, with the same sentences."""
    (tmp_path / "base.tar").write_bytes(bad_runtimes.CASES[case]())
    result = unpack(run_lamina, "-C", "out", "base.tar", cwd=tmp_path)
    text = OWN.get(case) or REFUSED[case]["text"].removeprefix("layer 'base': ").replace("8589934592", "68719476736")
    assert (result.code, result.out, result.err.splitlines()[-1]) == (1, "", f"lamina: {text}")
    assert left(tmp_path) == [str(tmp_path / "base.tar"), str(tmp_path / "out")]


@pytest.mark.parametrize("format", ["tar.zst", "tar.xz", "tar.gz"])
@pytest.mark.parametrize("hurt", ["bit", "cut", "twice"])
def test_damaged_archives_of_ours(archive, run_lamina, tmp_path, format, hurt):
    path, result = archive(format)
    data = bytearray(path.read_bytes())
    middle = result["segments"][1]["offset"] + result["segments"][1]["size"] // 2
    if hurt == "bit":
        data[middle] ^= 1
    damaged = bytes(data[:middle]) if hurt == "cut" else bytes(data) * 2 if hurt == "twice" else bytes(data)
    (tmp_path / "bad").write_bytes(damaged)
    done = unpack(run_lamina, "-C", "out", "bad", cwd=tmp_path)
    if hurt == "twice":  # a tar ends at its end mark
        assert done.code in (0, 1)
        return
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("lamina: 'bad' is not a usable archive: ")
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("members, text", [
    ([("file", b"x")], "entry 'file' is in no folder"),
    ([("one/file", b"x"), ("two/file", b"x")], "entry 'two/file' is outside the folder 'one'"),
])
def test_one_folder(run_lamina, tmp_path, members, text):
    (tmp_path / "a.zip").write_bytes(make([Member(*member) for member in members]))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    for name in ("a.zip", "a.tar"):
        done = unpack(run_lamina, "-C", "out", name, cwd=tmp_path)
        assert (done.code, done.err.splitlines()[-1]) == (1, f"lamina: '{name}' is not a usable archive: {text}")


def small(folder, name, data=b"x", top="top"):
    with tarfile.open(folder / name, "w") as archive:
        info = tarfile.TarInfo(f"{top}/file")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return folder / name


def test_taken(run_lamina, tmp_path):
    """What is there stays, unless it is to be replaced; all archives or none."""
    small(tmp_path, "one.tar", b"1", "one"), small(tmp_path, "two.tar", b"2", "two")
    (tmp_path / "out" / "two").mkdir(parents=True)
    (tmp_path / "out" / "two" / "old").write_text("old")
    done = unpack(run_lamina, "-C", "out", "one.tar", "two.tar", cwd=tmp_path)
    assert (done.code, done.out, done.err.splitlines()[-1]) == (1, "", "lamina: 'out/two' is there already (--force replaces it)")
    assert left(tmp_path / "out") == [str(tmp_path / "out" / "two"), str(tmp_path / "out" / "two" / "old")]
    done = unpack(run_lamina, "--force", "-C", "out", "one.tar", "two.tar", cwd=tmp_path).ok()
    assert [line.split() for line in done.out.splitlines()] == [["unpacked", "one", "1", "B", "unverified", "out/one"],
        ["replaced", "two", "1", "B", "unverified", "out/two"]]
    assert left(tmp_path / "out") == [str(tmp_path / "out" / name) for name in ("one", "one/file", "two", "two/file")]
    done = unpack(run_lamina, "-C", "new", "one.tar", "./one.tar", cwd=tmp_path)
    assert (done.code, done.err.splitlines()[-1]) == (1, "lamina: 'one.tar' and './one.tar' both unpack to 'new/one'")
    done = unpack(run_lamina, "-C", "out", "none.tar", cwd=tmp_path)
    assert (done.code, done.err) == (1, "lamina: cannot open 'none.tar': No such file or directory\n")


def test_no_archive_is_named(run_lamina):
    done = unpack(run_lamina)
    assert (done.code, done.err.splitlines()[0]) == (2, "lamina: 'lamina unpack' needs archives, for example 'out/*.tar.zst'")


def describe(folder, name, digest, top="top"):
    layer = {"layer_name": "layer", "install_target": top, "archive_name": name, "archive_hashes": {"sha256": digest},
        "target_platform": "linux_x86_64"}
    (folder / "__venvstacks__" / "env_metadata").mkdir(parents=True, exist_ok=True)
    (folder / "__venvstacks__" / "env_metadata" / "layer.json").write_text(json.dumps(layer))
    (folder / "__venvstacks__" / "venvstacks.json").write_text(
        json.dumps({"layers": {"applications": [layer], "frameworks": [], "runtimes": []}}))


def test_metadata_beside(run_lamina, tmp_path):
    path = small(tmp_path, "a.tar")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    describe(tmp_path, "a.tar", digest)
    done = unpack(run_lamina, "--json", "-C", "out", "a.tar", cwd=tmp_path).json()
    assert done == {"unpacked": [{"archive": "a.tar", "entries": 1, "finish": None, "layer_name": "layer", "path": "out/top",
        "replaced": False, "segments": 0, "size_bytes": 1, "target_platform": "linux_x86_64", "verified": True}]}
    describe(tmp_path, "a.tar", "0" * 64)
    done = unpack(run_lamina, "-C", "new", "a.tar", cwd=tmp_path)
    assert (done.code, done.err.splitlines()[-1]) == (4, f"lamina: archive 'a.tar' has SHA-256 {digest}, its metadata say {'0' * 64}")
    assert left(tmp_path / "new") == []
    describe(tmp_path, "other.tar", "0" * 64)
    assert unpack(run_lamina, "-C", "new", "a.tar", cwd=tmp_path).ok().out.split() == ["unpacked", "top", "1", "B", "unverified", "new/top"]
    (tmp_path / "__venvstacks__" / "venvstacks.json").write_text("[")
    done = unpack(run_lamina, "--force", "-C", "new", "a.tar", cwd=tmp_path)
    assert done.code == 1 and done.err.startswith("lamina: './__venvstacks__/venvstacks.json': ")


def tar_of(data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("top/file")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


GZIP_START = b"\x1f\x8b\x08\0\0\0\0\0"
LARGE = bytes(200 << 20)  # more than a segment of ours has; of xz 70 MiB are
NO_SEGMENTS = {  # what looks as if it had segments that can be decompressed alone, or may have them and has too large ones
    "frame-too-large": (LARGE, lambda data: zstd_file(data)),
    "dictionary-too-large": (b"data", lambda data: lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 128 << 20}])),
    "stream-too-large": (LARGE[:70 << 20], lambda data: lzma.compress(data, preset=0)),
    "empty-stream": (b"data", lambda data: lzma.compress(data) + lzma.compress(b"")),
    "start-of-a-member-inside": (b"a" * 100 + GZIP_START + b"\0\xff" + b"b" * 100, lambda data: gzip.compress(data, 0, mtime=0)),
    "starts-close-together": (b"a" * 100 + (GZIP_START + b"\0\xff") * 3 + b"b" * 100, lambda data: gzip.compress(data, 0, mtime=0)),
    "another-system's-start": (b"a" * 100 + GZIP_START + b"\0\3" + b"b" * 100, lambda data: gzip.compress(data, 0, mtime=0)),
}


def zstd_file(data):
    """With the size of the content in the frame, which zstd knows of a file only."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return subprocess.run(["zstd", "-cq", "-1", file.name], check=True, capture_output=True).stdout


@pytest.mark.parametrize("case", NO_SEGMENTS)
def test_no_segments(run_lamina, tmp_path, case):
    data, pack = NO_SEGMENTS[case]
    (tmp_path / "a").write_bytes(pack(tar_of(data)))
    unpack(run_lamina, "-q", "-C", tmp_path / "out", tmp_path / "a").ok()
    assert (tmp_path / "out" / "top" / "file").read_bytes() == data


# ---- a segment of 16 MiB or more is read and written while it is decompressed: here one that has all

@pytest.fixture(scope="module")
def crowd():
    """Files of all sizes with names that need headers of all sizes, so that what is there for now ends anywhere."""
    text = trees.text(1, 100_000)
    files = {f"{n:04}": text[n:n + n * 7919 % 90_000] for n in range(400)}
    files |= {f"d{n % 7}/" + trees.path_of(60 + n) + f"{n:04}": text[n:n + n * 7919 % 1500] for n in range(400)}
    return files | {"z1": bytes(1), "z2": trees.repeated(1, 9 << 20), "z3": b"", "z4": trees.repeated(2, 5 << 20), "z5": b"the last"}


@pytest.fixture(scope="module")
def crowd_tar(crowd, tool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    subprocess.run([tool("archive_tool"), "--format", "tar", "--prefix", trees.PREFIX, "--mtime", str(trees.MTIME),
        trees.write(folder / "tree", crowd), folder / "crowd.tar"], check=True, capture_output=True)
    return (folder / "crowd.tar").read_bytes()


def unpack_frame(run_lamina, tmp_path, data, files, jobs):
    """The number of segments, when all is there."""
    (tmp_path / "one.zst").write_bytes(zstd_file(data))
    done = unpack(run_lamina, "--json", "--jobs", str(jobs), "-C", tmp_path / "out", tmp_path / "one.zst").json()["unpacked"]
    got, times = trees.snapshot(tmp_path / "out")
    assert trees.differences(got, trees.expected(files)) == []
    assert {path for path, mtime in times.items() if mtime != trees.MTIME} == set()
    return done[0]["segments"]


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_a_large_frame(crowd, crowd_tar, run_lamina, tmp_path, jobs):
    assert unpack_frame(run_lamina, tmp_path, crowd_tar, crowd, jobs) == 1


def test_a_large_frame_of_nasty_names(nasty, archive, run_lamina, tmp_path):
    assert unpack_frame(run_lamina, tmp_path, archive("tar")[0].read_bytes(), nasty, 2) == 1


@pytest.mark.parametrize("before", [0, 512, 1024, 1536])
def test_what_is_there_ends_in_a_header(write, run_lamina, tmp_path, before):
    """A block of zstd has 128 KiB: at each multiple of it so much of the three blocks of a header is behind it."""
    block, header = 128 << 10, 3 * 512  # the first is behind that of the folder
    text = trees.text(1, block)
    files = {f"{n:03}{'x' * 200}": text[:block - header - (0 if n else 512 + before)] for n in range(180)}
    write(trees.write(tmp_path / "tree", files), tmp_path / "one.tar", "--format", "tar", "--prefix", trees.PREFIX, "--mtime",
        str(trees.MTIME)).ok()
    data = (tmp_path / "one.tar").read_bytes()
    assert data[20 * block - before + 257:].startswith(b"ustar\x0000") and len(data) == 180 * block - before + 1024
    assert unpack_frame(run_lamina, tmp_path, data, files, 2) == 1


@pytest.mark.parametrize("jobs", [1, 8])
def test_a_large_frame_with_an_odd_header(crowd, crowd_tar, run_lamina, tmp_path, jobs):
    """When half of it is written the other reader takes over."""
    odd = patched(crowd_tar, crowd_tar.index(b"layer/0300\0"), ODD["mode-in-spaces"])
    assert unpack_frame(run_lamina, tmp_path, odd, crowd, jobs) == 0


@pytest.mark.parametrize("hurt, text", [("bit", "entry 'layer/z4' cannot be read: Zstd decompression failed: "),
    ("cut", "entry 'layer/z4' cannot be read: Truncated "), ("short", "it has no end mark")])
@pytest.mark.parametrize("jobs", [1, 8])
def test_a_large_frame_that_is_damaged(crowd_tar, run_lamina, tmp_path, jobs, hurt, text):
    """Near its end, when the most of it is written: nothing stays."""
    packed = bytearray(zstd_file(crowd_tar[:-1024] if hurt == "short" else crowd_tar))
    if hurt == "bit":
        packed[-4] ^= 1  # of the checksum
    (tmp_path / "one.zst").write_bytes(packed[:-40] if hurt == "cut" else packed)
    done = unpack(run_lamina, "--jobs", str(jobs), "-C", "out", "one.zst", cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith(f"lamina: 'one.zst' is not a usable archive: {text}"), done
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("data", [b"\xfd7zXZ\0\0\4", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", lzma.compress(tar_of(b"data"))[:-20] + bytes(8) + lzma.compress(tar_of(b"data"))[-12:]],
    ids=["short-xz", "short-gzip", "xz-index"])
def test_broken_segments(run_lamina, tmp_path, data):
    (tmp_path / "bad").write_bytes(data)
    done = unpack(run_lamina, "-C", "out", "bad", cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("lamina: 'bad' is not a usable archive: ")
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("format, size", [("tar.zst", 200_000), ("tar.zst", 20 << 20), ("zip", 200_000)])
def test_a_file_cannot_be_written(write, run, lamina, tmp_path, format, size):
    """The system takes files up to 100 KiB: nothing stays."""
    trees.write(tmp_path / "tree", {"file": trees.repeated(1, size)})
    write(tmp_path / "tree", tmp_path / "archive", "--format", format, "--level", "1", "--prefix", "layer").ok()
    done = run("bash", "-c", 'trap "" XFSZ; ulimit -f 100; exec "$@"', "bash", lamina, "unpack", "-C", "out", "archive", cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("lamina: cannot write '") and done.err.endswith("/layer/file': File too large\n")
    assert left(tmp_path / "out") == []


def test_the_level_that_is_max(write, run_lamina, tmp_path):
    trees.write(tmp_path / "tree", {"file": b"some data" * 1000})
    write(tmp_path / "tree", tmp_path / "a.tar.zst", "--format", "tar.zst", "--level", "17", "--prefix", "layer").ok()
    plain = subprocess.run(["zstd", "-dcq", tmp_path / "a.tar.zst"], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as members:
        assert members.extractfile("layer/file").read() == b"some data" * 1000


@pytest.mark.parametrize("config, finish", [
    ('{"base_python": "../runtime/bin/python3"}', ["out/runtime/bin/python3", "out/top/postinstall.py"]),
    ('{"base_python": "bin/python3"}', ["out/top/bin/python3", "out/top/postinstall.py"]),
    ('{"base_python": "../../elsewhere/python3"}', None), ('{"base_python": 3}', None), ("{}", None), ("[", None), (None, None)])
def test_what_finishes_it(run_lamina, tmp_path, config, finish):
    """What the layer says, where that leads to it or beside it."""
    members = [("top/postinstall.py", b"")] + ([("top/share/venv/metadata/venvstacks_layer.json", config.encode())] if config else [])
    (tmp_path / "a.zip").write_bytes(make([Member(*member) for member in members]))
    assert unpack(run_lamina, "--json", "-C", "out", "a.zip", cwd=tmp_path).json()["unpacked"][0]["finish"] == finish


@pytest.mark.parametrize("top", ["../up", "/up", ".", "other"])
def test_metadata_name_another_folder(run_lamina, tmp_path, top):
    """The archive says where it goes."""
    path = small(tmp_path, "a.tar")
    describe(tmp_path, "a.tar", hashlib.sha256(path.read_bytes()).hexdigest(), top)
    assert unpack(run_lamina, "-C", "out", "a.tar", cwd=tmp_path).ok().out.split() == ["unpacked", "top", "1", "B", "verified", "out/top"]


@measures_memory
@pytest.mark.parametrize("format", ["tar.zst"])
def test_memory(write, run, lamina, tmp_path, format):
    """300 MiB, with eight threads, whatever an archive has."""
    trees.write(tmp_path / "tree", {f"part-{n}": trees.repeated(n, 24 << 20) for n in range(14)})
    write(tmp_path / "tree", tmp_path / f"a.{format}", "--format", format, "--level", "1", "--prefix", "layer").ok()
    done = run("python3", "-c", MEASURE, lamina, "unpack", "-q", "--jobs", "8", "-C", tmp_path / "out", tmp_path / f"a.{format}").ok()
    assert int(done.out.splitlines()[-1]) < 300 << 20
