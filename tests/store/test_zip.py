"""Zip files from outside: what is refused, and that what is accepted reads as Python's zipfile reads it."""

import hashlib
import io
import random
import struct
import zipfile

import pytest

from bad_zips import A, B, BAD, BIG, unicode_path
from rawzip import FOLDER, Member, deflate, make, zip64_extra

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
