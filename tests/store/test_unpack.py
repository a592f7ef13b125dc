"""Runtime archives from outside: what is refused, and that what is accepted is what Python's tarfile reads."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import shutil
import struct
import subprocess
import tarfile

import pytest

from rawzip import FOLDER, LINK, Member, make

BIG = b"lamina " * 50_000
INVALID = "'test archive' is not a usable archive: "


def tar(*entries, format=tarfile.PAX_FORMAT, end=True):
    """A tar of (name, what, {field: value}) entries; what: bytes of a file, or a type."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, encoding="utf-8") as archive:
        for name, what, *fields in entries:
            info = tarfile.TarInfo(name)
            info.type = tarfile.REGTYPE if isinstance(what, bytes) else what.encode()
            data = what if isinstance(what, bytes) else b""
            info.mode = 0o755 if info.type == tarfile.DIRTYPE else 0o644
            info.size = len(data)
            for key, value in (fields[0] if fields else {}).items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
        if not end:
            size = archive.offset
    return out.getvalue() if end else out.getvalue()[:size]


HARD, SYM, CHAR, BLOCK, DIR, FIFO = "123456"  # the types of POSIX tar


@pytest.fixture
def unpack(tool, run, tmp_path):
    """unpack(bytes, *options) -> (Result, path of the blob)."""

    def unpack(data, *options):
        archive, blob = tmp_path / "archive", tmp_path / "blob"
        archive.write_bytes(data)
        blob.unlink(missing_ok=True)
        result = run(tool("unpack_tool"), archive, blob, *options)
        assert blob.exists() == (result.code == 0), result
        assert sorted(os.listdir(tmp_path)) == sorted(["archive"] + ["blob"] * (result.code == 0)), "left something behind"
        return result, blob

    return unpack


def link(name, target, type=SYM):
    return (name, type, {"linkname": target})


def zipped(*members):
    return make(list(members))


BAD = {
    "empty file": (b"", "Unrecognized archive format"),
    "no archive": (b"this is a text\n" * 100, "Unrecognized archive format"),
    "no entry": (bytes(1024), "it is empty"),
    "no entry, zip": (make([]), "it is empty"),
    # names
    "absolute": (tar(("/etc/passwd", b"x")), "entry '/etc/passwd' has an unsafe name: "),
    "up": (tar(("../x", b"x")), "entry '../x' has an unsafe name: "),
    "up inside": (tar(("a/../../x", b"x")), "entry 'a/../../x' has an unsafe name: "),
    "folder up": (tar(("a/..", DIR)), "entry 'a/../' has an unsafe name: "),
    "backslash": (tar(("a\\b", b"x")), r"entry 'a\x5cb' has an unsafe name: "),
    "drive": (tar(("c:/x", b"x")), "entry 'c:/x' has an unsafe name: "),
    "control": (tar(("a\nb", b"x")), r"entry 'a\x0ab' has an unsafe name: "),
    "not UTF-8": (tar(("a", b"x")).replace(b"a\0\0\0", b"\xff\0\0\0", 1).replace(b"004641", b"005037", 1), None),
    "double slash": (tar(("a//b", b"x")), "entry 'a//b' has an unsafe name: "),
    "long component": (tar(("x" * 256, b"x")), f"entry '{'x' * 256}' has an unsafe name: "),
    "absolute, zip": (zipped(Member("/etc/passwd")), "entry '/etc/passwd' has an unsafe name: "),
    "up, zip": (zipped(Member("../x")), "entry '../x' has an unsafe name: "),
    # kinds
    "fifo": (tar(("a", FIFO)), "entry 'a' is a fifo"),
    "character device": (tar(("null", CHAR, {"devmajor": 1, "devminor": 3})), "entry 'null' is a device"),
    "block device": (tar(("sda", BLOCK)), "entry 'sda' is a device"),
    "setuid": (tar(("su", b"x", {"mode": 0o4755})), "entry 'su' has a setuid, setgid or sticky bit"),
    "setgid": (tar(("sg", b"x", {"mode": 0o2755})), "entry 'sg' has a setuid, setgid or sticky bit"),
    "sticky folder": (tar(("tmp", DIR, {"mode": 0o1777})), "entry 'tmp/' has a setuid, setgid or sticky bit"),
    "setuid, zip": (zipped(Member("su", mode=0o104755)), "entry 'su' has a setuid, setgid or sticky bit"),
    # links
    "link absolute": (tar(link("a", "/etc/passwd")), "entry 'a' is a link with an absolute target ('/etc/passwd')"),
    "link out": (tar(link("a/b", "../../x")), "entry 'a/b' is a link that leaves the archive ('../../x')"),
    "link out through itself": (tar(link("a/b", "./.././../x")), "entry 'a/b' is a link that leaves the archive ('./.././../x')"),
    "link up after a name": (tar(link("a/b", "c/../d")), "entry 'a/b' is a link that goes up after a name ('c/../d')"),
    "link to nothing": (tar(link("a", "")), "entry 'a' is a link to nothing ('')"),
    "link with backslash": (tar(link("a", "b\\c")), r"entry 'a' is a link with a backslash in its target ('b\x5cc')"),
    "link that is no text": (tar(link("a", "b\udcff"), format=tarfile.GNU_FORMAT),
        "entry 'a' is a link with a target that is not UTF-8 ('b\\xff')"),
    "link, zip": (zipped(Member("a", b"../x", mode=LINK)), "entry 'a' is a link that leaves the archive ('../x')"),
    "link with NUL, zip": (zipped(Member("a", b"b\0c", mode=LINK)), "entry 'a' is a link with a NUL byte in its target"),
    "below a link": (tar(("lib", DIR), link("lib/x", "."), ("lib/x/y", b"x")), "entry 'lib/x/y' is below the link 'lib/x'"),
    "link above what is there": (tar(("lib/x/y", b"x"), link("lib/x", ".")),
        "entry 'lib/x' is a folder in one place and none in another"),
    "hard link out": (tar(link("a", "../x", HARD)), "entry 'a' is a hard link with an unsafe target ('../x')"),
    "hard link absolute": (tar(link("a", "/etc/shadow", HARD)), "entry 'a' is a hard link with an unsafe target ('/etc/shadow')"),
    "hard link to nothing": (tar(link("a", "b", HARD)), "entry 'a' is a hard link to 'b', which is no file before it"),
    "hard link to later": (tar(link("a", "b", HARD), ("b", b"x")), "entry 'a' is a hard link to 'b', which is no file before it"),
    "hard link to link": (tar(link("b", "c"), link("a", "b", HARD)), "entry 'a' is a hard link to 'b', which is no file before it"),
    "hard link to folder": (tar(("b", DIR), link("a", "b", HARD)), "entry 'a' is a hard link to 'b', which is no file before it"),
    "hard link with bytes of its own": (tar(("b", b"x"), ("a", b"12345", {"type": tarfile.LNKTYPE, "linkname": "b",
        "pax_headers": {"comment": "with a size"}})), "entry 'a' is a hard link with content"),
    "hard link to itself": (tar(link("a", "a", HARD)), "entry 'a' is a hard link to 'a', which is no file before it"),
    # what cannot be side by side
    "twice": (tar(("a/b", b"x"), ("a/b", b"x")), "entry 'a/b' is there twice"),
    "twice, another spelling": (tar(("a/b", b"x"), ("./a/b", b"x")), "entry './a/b' is there twice"),
    "link twice": (tar(link("a", "x"), link("a", "x")), "entry 'a' is there twice"),
    "below a file": (tar(("a", b"x"), ("a/b/c", b"x")), "entry 'a/b/c' is below the file 'a'"),
    "file, then folder": (tar(("a", b"x"), ("a", DIR)), "entry 'a/' is a folder in one place and none in another"),
    "folder, then file": (tar(("a", DIR), ("a", b"x")), "entry 'a' is a folder in one place and none in another"),
    "twice by case, zip": (zipped(Member("a/b"), Member("a")), "entry 'a' is a folder in one place and none in another"),
    # cut off
    "no end mark": (tar(("a", b"x"), end=False), "it has no end mark (was it cut off?)"),
    "cut in a header": (tar(("a", b"x"), ("b", b"x"))[:1024 + 100], "Truncated tar archive"),
    "zip cut": (zipped(Member("a"))[:-1], None),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(unpack, case):
    data, text = BAD[case]
    result, _ = unpack(data)
    assert result.code == 1 and result.out == "", result
    if text is None:
        assert result.err.startswith("syntax: 'test archive' is not a "), result
    elif text.endswith(": "):
        assert result.err.startswith("syntax: " + INVALID + text), result
    else:
        assert result.err == "syntax: " + INVALID + text + "\n", result


def test_cut_anywhere(unpack):
    whole = tar(("python/a", BIG[:3000]), ("python/b", b"x" * 700), link("python/c", "a"))
    for at in [1, 100, 511, 512, 513, 1024, 3583, 3584, 4096, 4600, 5119, 5120, 5632]:
        result, _ = unpack(whole[:at])
        assert result.code == 1 and result.err.startswith("syntax: " + INVALID), (at, result)


def test_compressed_and_cut_anywhere(unpack):
    whole = gzip.compress(tar(("a", os.urandom(5000)), ("b", b"x" * 700)))
    for at in range(0, len(whole) - 200, 97):
        result, _ = unpack(whole[:at])
        assert result.code == 1 and result.err.startswith("syntax: " + INVALID), (at, result)


def test_one_wrong_bit_anywhere(unpack):
    """Refused with a sentence, or read in another way that is as good; never a crash."""
    data = tar(("python/a", b"x" * 700, {"pax_headers": {"comment": "c" * 50}}), link("python/c", "a"), ("python/" + "d/" * 60, DIR),
        link("python/e", "python/a", HARD))
    rng = random.Random(11)
    for _ in range(250):
        damaged = bytearray(data)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        result, _ = unpack(bytes(damaged))
        assert result.code == 0 or (result.code == 1 and result.err.split(":")[0] in ("syntax", "limit")), result


def test_sparse_files(unpack, tmp_path):
    sparse = tmp_path / "sparse"
    with open(sparse, "wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    for format in ("gnu", "posix"):
        subprocess.run(["tar", f"--format={format}", "-S", "-C", tmp_path, "-cf", tmp_path / "t.tar", "sparse"], check=True)
        data = (tmp_path / "t.tar").read_bytes()
        (tmp_path / "t.tar").unlink()
        sparse.rename(tmp_path / "kept")
        (tmp_path / "kept").rename(tmp_path.parent / f"{tmp_path.name}-kept")
        result, _ = unpack(data)
        (tmp_path.parent / f"{tmp_path.name}-kept").rename(sparse)
        assert result.err == "syntax: " + INVALID + "entry 'sparse' is a sparse file\n", result


def test_limits(unpack):
    data = tar(("a", b"12345"), ("b", DIR), link("c", "a", HARD))
    for limit, text in {"entries=2": "archive 'test archive' is refused: it has more than 2 entries",
            "bytes=9": "archive 'test archive' is refused: it has more than 9 bytes",
            "bytes=4": "archive 'test archive' is refused: it has more than 4 bytes"}.items():
        result, _ = unpack(data, limit)
        assert (result.code, result.err) == (1, f"limit: {text}\n")
    for limit in ("entries=3", "bytes=10"):
        unpack(data, limit)[0].ok()


def test_a_size_is_limited_before_it_is_read(unpack):
    header = tarfile.TarInfo("bomb")
    header.size = 1 << 50
    result, _ = unpack(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert result.err == "limit: archive 'test archive' is refused: it has more than 8589934592 bytes\n"


def test_strip(unpack):
    result, _ = unpack(tar(("python", DIR), ("python/bin/x", b"1"), link("./python/y", "bin/x"), ("python/e/", DIR)), "strip=python")
    assert [(e["path"], e["type"]) for e in result.json()] == [("bin/x", "file"), ("y", "link"), ("e", "folder")]
    for name in ("other/x", "pythonx/x", "python"):
        result, _ = unpack(tar((name, b"x")), "strip=python")
        assert result.err == "syntax: " + INVALID + f"entry '{name}' is outside the folder 'python'\n"
    # a link may not leave what is stripped either
    result, _ = unpack(tar(link("python/x", "../y")), "strip=python")
    assert result.err == "syntax: " + INVALID + "entry 'python/x' is a link that leaves the archive ('../y')\n"
    result, _ = unpack(tar(("python/x", b"x"), link("python/y", "x", HARD)), "strip=python")
    assert result.err == "syntax: " + INVALID + "entry 'python/y' is a hard link with an unsafe target ('x')\n"


SAMPLE = (
    ("./", DIR), ("python/", DIR), ("python/bin/", DIR), ("python/bin", DIR),
    ("python/bin/python3.11", BIG, {"mode": 0o755}),
    link("python/bin/python3", "python3.11"), link("python/lib/up", "../bin/python3"), link("python/same", "."),
    ("python/lib/empty.py", b""), ("python/lib/group.sh", b"#!/bin/sh\n", {"mode": 0o654}),
    ("python/lib/" + "deep/" * 40 + "long-name.txt", b"deep"),
    ("python/lib/ümlaut-日本.txt", b"unicode"),
    ("./python/share/empty/folder", DIR), ("python/share/empty", DIR),
    link("python/bin/hard", "python/bin/python3.11", HARD), link("python/bin/hard2", "./python/bin/hard", HARD),
    ("python/with space", b"x"),
)


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


COMPRESSED = {
    "pax": lambda: tar(*SAMPLE),
    "gnu": lambda: tar(*SAMPLE, format=tarfile.GNU_FORMAT),
    "gz": lambda: gzip.compress(tar(*SAMPLE)),
    "bz2": lambda: bz2.compress(tar(*SAMPLE)),
    "xz": lambda: lzma.compress(tar(*SAMPLE)),
    "lzma": lambda: lzma.compress(tar(*SAMPLE), format=lzma.FORMAT_ALONE),
    "zst": lambda: zstd(tar(*SAMPLE)),
}


def as_tarfile_reads(data):
    """path -> what it is; hard links as the file they name."""
    out, folders = {}, set()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            path = os.path.normpath(member.name)
            if member.isdir():
                folders.add(path)
            elif member.issym():
                out[path] = ("link", member.linkname)
            else:
                data = archive.extractfile(member).read()
                target = member
                while target.islnk():
                    target = next(m for m in archive if os.path.normpath(m.name) == os.path.normpath(target.linkname))
                out[path] = ("file", bool(target.mode & 0o111), hashlib.sha256(data).hexdigest())
    for path in folders:
        if path != "." and not any(other.startswith(path + "/") for other in (*out, *folders)):
            out[path] = ("folder",)
    return out


def as_we_read(entries, blob):
    bytes_of_all = blob.read_bytes()
    out = {}
    for e in entries:
        assert e["path"] not in out and e["origin"] == "test archive"
        if e["type"] == "file":
            data = bytes_of_all[e["offset"]:e["offset"] + e["size"]]
            assert len(data) == e["size"] and hashlib.sha256(data).hexdigest() == e["sha256"] and e["file"] == str(blob)
            out[e["path"]] = ("file", e["executable"], e["sha256"])
        else:
            out[e["path"]] = ("link", e["link"]) if e["type"] == "link" else ("folder",)
    return out


@pytest.mark.parametrize("case", COMPRESSED)
def test_reads_as_tarfile_does(unpack, case):
    if case == "zst" and shutil.which("zstd") is None:
        pytest.fail("this test needs the program zstd")
    result, blob = unpack(COMPRESSED[case]())
    assert as_we_read(result.json(), blob) == as_tarfile_reads(tar(*SAMPLE))
    assert blob.stat().st_size == len(BIG) + len(b"#!/bin/sh\n" b"deep" b"unicode" b"x")  # hard links cost nothing


@pytest.mark.parametrize("lang", ["C", "POSIX", "C.UTF-8", "de_DE.ISO-8859-1"])
def test_the_locale_takes_no_part(unpack, monkeypatch, lang):
    monkeypatch.setenv("LC_ALL", lang)
    result, blob = unpack(tar(("ümlaut-日本.txt", b"x"), link("l", "ümlaut-日本.txt")))
    assert as_we_read(result.json(), blob) == {"ümlaut-日本.txt": ("file", False, hashlib.sha256(b"x").hexdigest()),
        "l": ("link", "ümlaut-日本.txt")}


def test_zip(unpack):
    result, blob = unpack(make([Member("python/", mode=FOLDER), Member("python/a", BIG, compress=True, mode=0o100755),
        Member("python/l", b"a", mode=LINK), Member("python/e/", mode=FOLDER)]), "strip=python")
    assert as_we_read(result.json(), blob) == {"a": ("file", True, hashlib.sha256(BIG).hexdigest()), "l": ("link", "a"),
        "e": ("folder",)}


def test_no_room_for_the_blob(tool, run, tmp_path):
    (tmp_path / "archive").write_bytes(tar(("a", b"x")))
    result = run(tool("unpack_tool"), tmp_path / "archive", tmp_path / "none" / "blob")
    assert (result.code, result.err) == (1, f"not-found: cannot write '{tmp_path}/none/blob': No such file or directory\n")
    result = run(tool("unpack_tool"), tmp_path / "missing", tmp_path / "blob")
    assert (result.code, result.err) == (1, f"not-found: cannot open '{tmp_path}/missing': No such file or directory\n")
