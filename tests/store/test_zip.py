"""Zip files from outside: what is refused, and that what is accepted reads as Python's zipfile reads it."""

import hashlib
import io
import random
import struct
import zipfile

import pytest

from rawzip import DESCRIPTOR, ENCRYPTED, FOLDER, LINK, Member, deflate, make, zip64_extra

BIG = b"lamina " * 5000
A, B = Member("a", b"first"), Member("b", b"second", compress=True)
INVALID = "'test.zip' is not a usable zip file: "


@pytest.fixture
def read(tool, run, tmp_path):
    """read(bytes, *limits) -> Result of reading them as a zip file."""

    def read(data, *limits):
        (tmp_path / "test.zip").write_bytes(data)
        return run(tool("zip_tool"), tmp_path / "test.zip", *limits)

    return read


def refused(result, code, text):
    assert (result.code, result.out, result.err) == (1, "", f"{code}: {text}\n"), result


def unicode_path(name):
    return struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 0) + name


def both(**fields):
    """The same wrong fields in both records of a member."""
    return {"local": fields, "central": fields}


BAD_ENDS = {
    "empty": (b"", "it is shorter than the smallest one"),
    "tiny": (b"PK\5\6" + bytes(17), "it is shorter than the smallest one"),
    "no end": (bytes(100), "it has no end record (was it cut off?)"),
    "text": (b"<html>" * 30, "it has no end record (was it cut off?)"),
    "trailing": (make([A], suffix=b"x"), "its end record is not the end of the file"),
    "comment too long": (make([A], end={"comment_len": 5}), "its end record is not the end of the file"),
    "two ends": (make([A], comment=make([])), "it has two end records"),
    "second archive in comment": (make([A], comment=make([B])), "it has two end records"),
    "split": (make([A], end={"disk": 1}), "it is split over several files"),
    "split directory": (make([A], end={"first": 1}), "it is split over several files"),
    "split count": (make([A], end={"here": 0}), "it is split over several files"),
    "split member": (make([Member("a", central={"disk": 1})]), "it is split over several files"),
    "zip64 outside": (make([A], zip64={"at": 1 << 40}), "its zip64 end record is outside the file"),
    "zip64 elsewhere": (make([A], zip64={"at": 0}), "its zip64 end record is damaged"),
    "zip64 signature": (make([A], zip64={"signature": b"PK\6\5"}), "its zip64 end record is damaged"),
    "zip64 size": (make([A], zip64={"record_size": 45}), "its zip64 end record is damaged"),
    "zip64 split": (make([A], zip64={"disks": 2}), "it is split over several files"),
    "zip64 split record": (make([A], zip64={"disk": 1}), "it is split over several files"),
    "zip64 count": (make([A], zip64={"here": 2}), "it is split over several files"),
    "zip64 disagrees": (make([A, B], end={"here": 1, "total": 1}, zip64={}), "its two end records disagree"),
    "zip64 disagrees on offset": (make([A], end={"offset": 3}, zip64={}), "its two end records disagree"),
    "directory offset": (make([A], end={"offset": 1}), "its central directory is not where the end record says"),
    "directory beyond": (make([A], end={"offset": 1 << 31}), "its central directory is not where the end record says"),
    "directory size": (make([A], end={"size": 1}), "its central directory is not where the end record says"),
    "directory overflow": (make([A], end={"size": 0xffffffff, "offset": 0xffffffff},
        zip64={"size": (1 << 64) - 1, "offset": 60}), "its central directory is not where the end record says"),
    "directory damaged": (make([Member("a", central={"signature": b"PK\1\1"})]), "its central directory is damaged"),
    "too many": (make([A], end={"here": 2, "total": 2}), "it claims more members than its central directory has room for"),
    "too few": (make([A, B], end={"here": 1, "total": 1}), "its central directory is longer than its members"),
    "name beyond the directory": (make([A], central=Member("a" * 60).central_record(0)[:60]),
        "its central directory is damaged"),
}

BAD_LAYOUTS = {
    "prefix": (make([A], prefix=b"#!/bin/sh\n"), "it begins with bytes of no member"),
    "gap": (make([Member("a", after=b"hidden"), B]), "member 'a' is followed by bytes of no member"),
    "hidden member": (make([Member("a", after=A.local_record() + b"first"), B]),
        "member 'a' is followed by bytes of no member"),
    "gap at the end": (make([A], before_directory=b"hidden"), "member 'a' is followed by bytes of no member"),
    "only hidden": (make([], before_directory=b"hidden"), "it begins with bytes of no member"),
    "overlap": (make([Member("a", **both(stored=44, size=44)), B, Member("c", b"third" * 9)]), "members 'a' and 'b' overlap"),
    "same record twice": (make([Member("b", b"x"), Member("b2", b"x", central={"offset": 0})]),
        "members 'b' and 'b2' overlap"),
    "local missing": (make([Member("a", local={"signature": b"PK\3\3"})]), "member 'a' has no local header"),
    "local beyond": (make([A], central=A.central_record(0) + B.central_record(1 << 31), end={"here": 2, "total": 2}),
        "member 'a' is followed by bytes of no member"),
    "local name": (make([Member("a", local={"name": b"x"})]), "member 'a' has another name in its local header"),
    "local longer name": (make([Member("a", local={"name": b"ab"})]), "member 'a' has another name in its local header"),
    "local size": (make([Member("a", b"abc", local={"size": 4})]), "member 'a' has another size in its local header"),
    "local size zero": (make([Member("a", b"abc", local={"size": 0})]), "member 'a' has another size in its local header"),
    "local stored size": (make([Member("a", b"abc", local={"stored": 2})]), "member 'a' has another size in its local header"),
    "local crc": (make([Member("a", b"abc", local={"crc": 7})]), "member 'a' has another CRC in its local header"),
    "local method": (make([Member("a", b"abc", local={"method": 8})]), "member 'a' has another method in its local header"),
    "local flags": (make([Member("a", b"abc", local={"flags": DESCRIPTOR})]), "member 'a' has other flags in its local header"),
    "local crc, descriptor": (make([Member("a", b"abc", descriptor=True, local={"crc": 7})]),
        "member 'a' has another CRC in its local header"),
    "local size, descriptor": (make([Member("a", b"abc", descriptor=True, local={"size": 2})]),
        "member 'a' has another size in its local header"),
    "into the directory": (make([Member("a", **both(stored=60, size=60))]), "member 'a' reaches into the central directory"),
    "descriptor missing": (make([Member("a", b"abc", descriptor=b"")]), "member 'a' has a data descriptor that does not match"),
    "descriptor crc": (make([Member("a", b"abc", descriptor=struct.pack("<4sIII", b"PK\7\x08", 1, 3, 3))]),
        "member 'a' has a data descriptor that does not match"),
    "descriptor signature": (make([Member("a", b"abc", descriptor=struct.pack("<4sIII", b"PK\7\7", 0x352441c2, 3, 3))]),
        "member 'a' has a data descriptor that does not match"),
    "descriptor and more": (make([Member("a", b"abc", descriptor=True, after=b"x")]),
        "member 'a' has a data descriptor that does not match"),
    "extra cut": (make([Member("a", central={"extra": b"\1"})]), "member 'a' has a damaged extra field"),
    "extra too long": (make([Member("a", central={"extra": b"\1\0\x08\0"})]), "member 'a' has a damaged extra field"),
    "local extra": (make([Member("a", local={"extra": b"\1\0\x08\0"})]), "member 'a' has a damaged extra field"),
    "zip64 twice": (make([Member("a", central={"size": 0xffffffff, "extra": zip64_extra(0) + zip64_extra()})]),
        "member 'a' has two zip64 fields"),
    "zip64 short": (make([Member("a", central={"size": 0xffffffff, "extra": zip64_extra()})]),
        "member 'a' has a zip64 field that is too short"),
    "zip64 unasked": (make([Member("a", central={"extra": zip64_extra(9)})]),
        "member 'a' has a zip64 field with values that nothing asks for"),
    "zip64 lacking": (make([Member("a", central={"size": 0xffffffff})]), "member 'a' lacks its zip64 field"),
    "second name": (make([Member("a", central={"extra": unicode_path(b"b")})]),
        "member 'a' has a second name in an extra field"),
    "second name, longer": (make([Member("a", central={"extra": unicode_path(b"ab")})]),
        "member 'a' has a second name in an extra field"),
}

BAD_MEMBERS = {
    "no name": (make([Member("")]), "a member has no name"),
    "two of one name": (make([A, Member("a", b"other")]), "member 'a' is there twice"),
    "encrypted": (make([Member("a", flags=ENCRYPTED)]), "member 'a' is encrypted"),
    "strong encryption": (make([Member("a", flags=1 << 6)]), "member 'a' is encrypted"),
    "masked": (make([Member("a", flags=1 << 13)]), "member 'a' is encrypted"),
    "patch": (make([Member("a", flags=1 << 5)]), "member 'a' is a patch"),
    "bzip2": (make([Member("a", **both(method=12))]), "member 'a' is compressed by method 12, which is not supported"),
    "deflate64": (make([Member("a", **both(method=9))]), "member 'a' is compressed by method 9, which is not supported"),
    "link": (make([Member("pkg/link", b"/etc/passwd", mode=LINK)]), "member 'pkg/link' is a symbolic link"),
    "fifo": (make([Member("a", mode=0o10644)]), "member 'a' is a special file (mode 10644)"),
    "device": (make([Member("a", mode=0o60644)]), "member 'a' is a special file (mode 60644)"),
    "folder without slash": (make([Member("a", mode=FOLDER)]), "member 'a' is a folder by its mode and a file by its name"),
    "folder with content": (make([Member("a/", b"abc")]), "member 'a/' is a folder with content"),
    "NUL": (make([Member("a\0b")]), r"member 'a\x00b' has a NUL byte in its name"),
    "backslash": (make([Member("a\\b")]), r"member 'a\x5cb' has a backslash in its name"),
    "not UTF-8": (make([Member(b"a\xff")]), r"member 'a\xff' has a name that is not UTF-8"),
    "code page": (make([Member("ä", flags=0)]), "member 'ä' has a name that is not ASCII, without the UTF-8 flag"),
    "control bytes in a name": (make([Member("\x1b[2J'", flags=ENCRYPTED)]), r"member '\x1b[2J\x27' is encrypted"),
    "stored sizes differ": (make([Member("a", b"abc", central={"size": 9})]), "member 'a' is stored, and its two sizes differ"),
    "larger than the file": (make([Member("a", b"abc", compress=True, central={"stored": 1 << 31})]),
        "member 'a' claims to be larger than the file"),
    "more than deflate can": (make([Member("a", b"abc", compress=True, **both(size=1 << 30))]),
        "member 'a' claims 1073741824 bytes, more than 5 compressed bytes can hold"),
    "more than it says": (make([Member("a", stored=deflate(b"abcd"), compress=True, **both(size=3))]),
        "member 'a' holds more bytes than it says"),
    "fewer than it says": (make([Member("a", stored=deflate(b"ab"), compress=True, **both(size=3))]),
        "member 'a' holds fewer bytes than it says"),
    "crc": (make([Member("a", b"abc", **both(crc=7))]), "member 'a' has another CRC than its bytes"),
    "crc of deflated": (make([Member("a", b"abc", compress=True, **both(crc=7))]), "member 'a' has another CRC than its bytes"),
    "no deflate stream": (make([Member("a", b"abc", compress=True, stored=b"\xff\xff\xff")]),
        "member 'a' is not a deflate stream"),
    "deflate cut": (make([Member("a", BIG, compress=True, stored=deflate(BIG)[:-4])]),
        "member 'a' ends in the middle of its deflate stream"),
    "deflate and more": (make([Member("a", BIG, compress=True, stored=deflate(BIG) + b"x")]),
        "member 'a' has bytes after its deflate stream"),
    "deflate empty": (make([Member("a", b"", compress=True, stored=b"")]),
        "member 'a' ends in the middle of its deflate stream"),
}

BAD = {**BAD_ENDS, **BAD_LAYOUTS, **BAD_MEMBERS}


@pytest.mark.parametrize("case", BAD)
def test_refused(read, case):
    data, text = BAD[case]
    refused(read(data), "syntax", INVALID + text)


LIMITS = {
    "members": (1, 2, "'test.zip' is refused: it claims 2 members, the limit is 1"),
    "member": (5, 6, "'test.zip' is refused: member 'b' claims 6 bytes, the limit is 5"),
    "total": (10, 11, "'test.zip' is refused: its members claim more than 10 bytes"),
    "ratio": (0, 1, "'test.zip' is refused: its members claim 11 bytes, more than 0 times its own size"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits(read, limit):
    too_low, enough, text = LIMITS[limit]
    refused(read(make([A, B]), f"{limit}={too_low}"), "limit", text)
    assert len(read(make([A, B]), f"{limit}={enough}").json()) == 2


def test_a_count_from_outside_is_limited_before_memory_is_taken(read):
    data = make([A], end={"here": 0xffff, "total": 0xffff}, zip64={"here": 1 << 62, "total": 1 << 62})
    refused(read(data), "limit", "'test.zip' is refused: it claims 4611686018427387904 members, the limit is 200000")


def end_record(count, central, offset):
    return struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(central), offset, 0)


def test_overlap_with_agreeing_headers(read):
    """The second member's record lies in the first one's data, and all headers agree."""
    inner = Member("inner", b"payload")
    outer = Member("outer", inner.local_record() + inner.stored)
    body = outer.local_record() + outer.stored
    central = outer.central_record(0) + inner.central_record(len(outer.local_record()))
    refused(read(body + central + end_record(2, central, len(body))), "syntax",
        INVALID + "members 'outer' and 'inner' overlap")


def test_bomb_of_quoted_headers(read):
    """As in David Fifield's "A better zip bomb": each file's deflate stream quotes the local headers of all that follow it
    in stored blocks and ends in the same kernel of compressed zeros. Every header and CRC is right; zipfile reads it."""
    import zlib

    kernel, plain = deflate(bytes(1 << 16)), bytes(1 << 16)
    records, following_plain, following_stored = [], plain, kernel
    for name in ("c", "b", "a"):
        member = Member(name, following_plain, compress=True, stored=following_stored)
        header = member.local_record()
        records.insert(0, (member, header))
        following_plain = header + following_plain
        following_stored = b"\0" + struct.pack("<HH", len(header), len(header) ^ 0xffff) + header + following_stored
    body, central = b"", b""
    for i, (member, header) in enumerate(records):
        if i > 0:
            body += b"\0" + struct.pack("<HH", len(header), len(header) ^ 0xffff)
        central += member.central_record(len(body))
        body += header
    body += kernel
    data = body + central + end_record(3, central, len(body))
    assert zlib.crc32(zipfile.ZipFile(io.BytesIO(data)).read("c")) == zlib.crc32(plain)
    refused(read(data), "syntax", INVALID + "members 'a' and 'b' overlap")


def test_truncated_anywhere(read):
    data = make([Member("a", BIG, compress=True), Member("dir/", mode=FOLDER), Member("dir/b", b"x" * 300, descriptor=True)],
        comment=b"a comment")
    assert len(read(data).json()) == 3
    for at in [*range(0, 60), *range(60, len(data), 7), len(data) - 1]:
        result = read(data[:at])
        assert result.code == 1 and result.err.startswith("syntax: " + INVALID), (at, result)


def without_modes(members):
    return [{**member, "mode": None} for member in members]


def test_one_wrong_bit_anywhere(read):
    """Refused with a sentence; or it means nothing (times, versions, comments) and the members are the same."""
    data = make([Member("a", BIG, compress=True), Member("b", b"hello", descriptor=True)], comment=b"c", zip64={})
    whole = without_modes(read(data).json())
    rng = random.Random(7)
    for _ in range(250):
        damaged = bytearray(data)
        at = rng.randrange(len(damaged))
        damaged[at] ^= 1 << rng.randrange(8)
        result = read(bytes(damaged))
        if result.code == 0:
            assert without_modes(result.json()) == whole, at
        else:
            assert result.code == 1 and result.err.split(":")[0] in ("syntax", "limit"), (at, result)


def as_zipfile_reads(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(i.filename, i.file_size, i.compress_size, i.CRC, i.external_attr >> 16,
            hashlib.sha256(archive.read(i)).hexdigest()) for i in archive.infolist()]


def as_we_read(members):
    return [(m["name"], m["size"], m["stored_size"], m["crc"], m["mode"], m["sha256"]) for m in members]


class Unseekable(io.RawIOBase):
    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, piece):
        self.data += piece
        return len(piece)


def written_by_zipfile(*, stream=False, **options):
    target = Unseekable() if stream else io.BytesIO()
    with zipfile.ZipFile(target, "w", **options) as archive:
        archive.writestr("empty", b"")
        archive.writestr("large.txt", BIG)
        archive.writestr("ordner/ümlaut-日本.txt", b"text")
        archive.mkdir("folder")
        info = zipfile.ZipInfo("bin/run")
        info.external_attr = 0o100755 << 16
        archive.writestr(info, b"#!/bin/sh\n", compress_type=zipfile.ZIP_STORED)
        with archive.open("forced", "w", force_zip64=True) as member:
            member.write(BIG)
        archive.comment = b"a comment"
    return bytes(target.data) if stream else target.getvalue()


GOOD = {
    "no member": make([]),
    "by hand": make([A, B]),
    "folders": make([Member("a/", mode=FOLDER), Member("a/b/"), Member("a/b/c", b"x")]),
    "empty and deflated": make([Member("a", b"", compress=True)]),
    "directory in another order": make([A, B], central=B.central_record(len(A.local_record()) + 5) + A.central_record(0)),
    "zip64 records": make([A, B], zip64={}),
    "zip64 records that are needed": make([A, B], zip64={},
        end={"disk": 0xffff, "first": 0xffff, "here": 0xffff, "total": 0xffff, "size": 0xffffffff, "offset": 0xffffffff}),
    "zip64 fields": make([Member("a", b"abc", central={"size": 0xffffffff, "stored": 0xffffffff, "offset": 0xffffffff,
        "extra": zip64_extra(3, 3, 0)})]),
    "extra fields": make([Member("a", b"abc", extra=struct.pack("<HHI", 0x5455, 4, 1))]),
    "same name in an extra field": make([Member("a", b"abc", central={"extra": unicode_path(b"a")})]),
    "comment": make([A], comment=b"PK\5\6 looks like an end record, its length does not"[4:]),
    "member comment": make([Member("a", b"abc", central={"comment": b"about a"})]),
    "descriptor": make([Member("a", BIG, compress=True, descriptor=True, local={"crc": 0, "stored": 0, "size": 0}), B]),
    "descriptor without signature": make([Member("a", b"abc", descriptor=struct.pack("<III", 0x352441c2, 3, 3))]),
    "long descriptor": make([Member("a", b"abc", descriptor=struct.pack("<4sIQQ", b"PK\7\x08", 0x352441c2, 3, 3))]),
    "long descriptor without signature": make([Member("a", b"abc", descriptor=struct.pack("<IQQ", 0x352441c2, 3, 3))]),
    "zipfile, stored": written_by_zipfile(),
    "zipfile, deflated": written_by_zipfile(compression=zipfile.ZIP_DEFLATED),
    "zipfile, streamed": written_by_zipfile(stream=True, compression=zipfile.ZIP_DEFLATED),
}


@pytest.mark.parametrize("case", GOOD)
def test_reads_as_zipfile_does(read, case):
    assert as_we_read(read(GOOD[case]).json()) == as_zipfile_reads(GOOD[case])


def test_missing_file(tool, run, tmp_path):
    result = run(tool("zip_tool"), tmp_path / "none.zip")
    assert (result.code, result.err) == (1, f"not-found: cannot open '{tmp_path}/none.zip': No such file or directory\n")
