"""Runtime archives that are not usable: tests/cases/runtimes/refused.toml has what is said of each."""

import gzip
import lzma
import struct
import tarfile

from locked_stack import UNIX, runtime_tar
from rawzip import LINK, Member, make


def member(name, data=b"", kind=tarfile.REGTYPE, mode=0o644, **fields):
    """(TarInfo, bytes)"""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size = kind, mode, len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def link(name, target, kind=tarfile.SYMTYPE):
    return member(name, kind=kind, linkname=target)


def with_members(*members):
    """The files of a runtime, and these."""
    return runtime_tar(UNIX, members)


def without(*paths):
    return runtime_tar({path: data for path, data in UNIX.items() if path not in paths})


def zipped(*members):
    return make([*(Member(f"python/{path}", data, mode=0o100755) for path, data in UNIX.items()), *members])


def header(name, size, kind=b"0"):
    """A ustar header whose size field may be anything: octal, or base 256 where it is larger."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"%011o\0" % size if size < 8 ** 11 else b"\x80" + struct.pack(">3xQ", size)
    block[148:156] = b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:])
    return bytes(block)


def cut(data, where):
    return data[:where] if where > 0 else data[:len(data) + where]


def sparse():
    """A file with a hole, as GNU tar writes it since 1.15."""
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "python/hole", "GNU.sparse.realsize": "1048576"}
    return with_members(member("python/GNUSparseFile.0/hole", b"1\n1048575\n1\n".ljust(512, b"\0") + b"x", pax_headers=pax))


def folders_without_end():
    """Few bytes, many folders: each of the paths needs its own."""
    paths = (f"python/{number:05}/" + "d/" * 120 + "x" for number in range(8300))
    return gzip.compress(with_members(*(member(path) for path in paths)), 1)


GOOD = runtime_tar(UNIX)
CASES = {
    # names
    "absolute": lambda: with_members(member("/etc/cron.d/evil")),
    "traversal": lambda: with_members(member("../evil")),
    "traversal-inside": lambda: with_members(member("python/lib/../../../evil")),
    "traversal-back-in": lambda: with_members(member("python/../python/evil")),
    "folder-outside": lambda: with_members(member("../evil/", kind=tarfile.DIRTYPE)),
    "backslash": lambda: with_members(member("python/..\\evil")),
    "drive": lambda: with_members(member("C:/evil")),
    "control": lambda: with_members(member("python/evil\x1b[2J")),
    "line-feed": lambda: with_members(member("python/evil\nlamina: all is well")),
    "direction": lambda: with_members(member("python/evil\u202e\\")),
    "not-utf8": lambda: with_members(member("python/\udcff")),
    "long-component": lambda: with_members(member("python/" + "x" * 300)),
    "long-path": lambda: with_members(member("python/" + "x/" * 2100 + "x")),
    "deep": lambda: with_members(member("python/" + "x/" * 128 + "x")),
    "beside-python": lambda: with_members(member("other/evil")),
    "python-with-a-tail": lambda: with_members(member("python3/evil")),
    # links
    "link-absolute": lambda: with_members(link("python/lib/evil", "/etc/passwd")),
    "link-out": lambda: with_members(link("python/lib/evil", "../../evil")),
    "link-out-far": lambda: with_members(link("python/evil", "../../../../../etc/passwd")),
    "link-up-after-a-name": lambda: with_members(link("python/lib/evil", "python3.11/../../..")),
    "link-to-nothing": lambda: with_members(link("python/lib/evil", "")),
    "below-a-link": lambda: with_members(link("python/evil", "lib"), member("python/evil/x")),
    "link-over-a-folder": lambda: with_members(link("python/lib", "bin")),
    "python-is-a-link": lambda: runtime_tar({}, [link("python", "/usr")]),
    "hard-link-out": lambda: with_members(link("python/evil", "../evil", tarfile.LNKTYPE)),
    "hard-link-absolute": lambda: with_members(link("python/evil", "/etc/shadow", tarfile.LNKTYPE)),
    "hard-link-beside-python": lambda: with_members(link("python/evil", "other/x", tarfile.LNKTYPE)),
    "hard-link-to-later": lambda: with_members(link("python/evil", "python/later", tarfile.LNKTYPE), member("python/later")),
    "hard-link-to-link": lambda: with_members(link("python/a", "bin"), link("python/evil", "python/a", tarfile.LNKTYPE)),
    "zip-link-out": lambda: zipped(Member("python/evil", b"../evil", mode=LINK)),
    # kinds
    "fifo": lambda: with_members(member("python/evil", kind=tarfile.FIFOTYPE)),
    "character-device": lambda: with_members(member("python/null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "block-device": lambda: with_members(member("python/sda", kind=tarfile.BLKTYPE, devmajor=8)),
    "setuid": lambda: with_members(member("python/bin/su", b"x", mode=0o4755)),
    "setgid": lambda: with_members(member("python/bin/sg", b"x", mode=0o2755)),
    "sticky": lambda: with_members(member("python/tmp/", kind=tarfile.DIRTYPE, mode=0o1777)),
    "sparse": sparse,
    # one name twice
    "twice": lambda: with_members(member("python/lib/python3.11/os.py", b"another")),
    "twice-with-a-dot": lambda: with_members(member("./python/lib/python3.11/os.py", b"another")),
    "below-a-file": lambda: with_members(member("python/bin/python3.11/evil")),
    "file-over-a-folder": lambda: with_members(member("python/lib")),
    "zip-twice": lambda: zipped(Member("python/lib/python3.11/os.py", b"another")),
    # what it is
    "empty": lambda: b"",
    "no-archive": lambda: b"<html>404 not found</html>" * 40,
    "no-entry": lambda: bytes(10240),
    "cut-in-a-file": lambda: cut(with_members(member("python/big", b"x" * 4000)), 4000),
    "cut-in-a-header": lambda: cut(GOOD, 700),
    "no-end": lambda: cut(GOOD, 2048),
    "gzip-cut": lambda: cut(gzip.compress(GOOD, mtime=0), -20),
    "xz-cut": lambda: cut(lzma.compress(GOOD), -30),
    "zip-cut": lambda: cut(zipped(), -10),
    "header-damaged": lambda: GOOD[:1024 + 20] + b"\xff" + GOOD[1024 + 21:],
    # what it claims
    "size-of-terabytes": lambda: GOOD[:2048] + header("python/big", 1 << 44) + bytes(1024),
    "size-of-two-to-the-63": lambda: GOOD[:2048] + header("python/big", (1 << 63) - 1) + bytes(1024),
    "size-negative": lambda: GOOD[:2048] + header("python/big", (1 << 64) - 512) + bytes(1024),
    "zip-claims-terabytes": lambda: zipped(Member("python/big", b"x", local={"size": 0x7fffffff}, central={"size": 0x7fffffff})),
    "name-of-terabytes": lambda: GOOD[:2048] + header("././@LongLink", 1 << 40, b"L") + bytes(1024),
    "pax-of-terabytes": lambda: GOOD[:2048] + header("PaxHeaders/x", 1 << 40, b"x") + bytes(1024),
    "folders-without-end": folders_without_end,
    # what a layer needs of it
    "no-interpreter": lambda: without("bin/python3.11"),
    "interpreter-is-a-folder": lambda: runtime_tar({"lib/python3.11/os.py": b""}, [member("python/bin/python3.11/", kind=tarfile.DIRTYPE)]),
    "interpreter-leads-nowhere": lambda: runtime_tar({"lib/python3.11/os.py": b""}, [link("python/bin/python3.11", "python3.12")]),
    "interpreter-leads-to-itself": lambda: runtime_tar({"lib/python3.11/os.py": b""}, [link("python/bin/python3.11", "python3.11")]),
    "another-version": lambda: runtime_tar({"bin/python3.12": b"#!/bin/sh\n", "lib/python3.12/os.py": b""}),
    "takes-postinstall": lambda: with_members(member("python/postinstall.py", b"evil")),
    "takes-pyvenv": lambda: with_members(member("python/pyvenv.cfg", b"home = /tmp\n")),
    "takes-the-configuration": lambda: with_members(member("python/share/venv/metadata/venvstacks_layer.json", b"{}")),
}
