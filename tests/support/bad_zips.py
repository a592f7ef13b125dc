"""Zip files that must be refused, each with what is said of it: {case: (bytes, text)}."""

import struct

from rawzip import DESCRIPTOR, ENCRYPTED, FOLDER, LINK, Member, deflate, make, zip64_extra

BIG = b"lamina " * 5000
A, B = Member("a", b"first"), Member("b", b"second", compress=True)


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
