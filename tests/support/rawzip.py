"""Zip files byte by byte: every field of every record can be made wrong."""

import struct
import zlib

UTF8, DESCRIPTOR, ENCRYPTED = 1 << 11, 1 << 3, 1
FILE, FOLDER, LINK = 0o100644, 0o40755, 0o120777


def deflate(data, level=9):
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


class Member:
    """One member. `local` and `central` replace single fields of its records: name flags method crc stored size extra offset
    signature. `descriptor` is the bytes after the data (True: the right ones)."""

    def __init__(self, name, data=b"", *, compress=False, mode=FILE, stored=None, flags=None, descriptor=None,
            extra=b"", local=None, central=None, after=b""):
        self.name = name.encode() if isinstance(name, str) else name
        self.data = data
        self.stored = stored if stored is not None else deflate(data) if compress else data
        flags = flags if flags is not None else (0 if self.name.isascii() else UTF8)
        flags |= DESCRIPTOR if descriptor is not None else 0
        common = {"name": self.name, "flags": flags, "method": 8 if compress else 0, "crc": zlib.crc32(data),
            "stored": len(self.stored), "size": len(data), "extra": extra}
        self.local = {**common, "signature": b"PK\3\4", **(local or {})}
        self.central = {**common, "signature": b"PK\1\2", "mode": mode, "offset": None, "disk": 0, "comment": b"",
            **(central or {})}
        self.descriptor = b"" if descriptor is None else descriptor
        if descriptor is True:
            self.descriptor = struct.pack("<4sIII", b"PK\7\x08", common["crc"], common["stored"], common["size"])
        self.after = after

    def local_record(self):
        f = self.local
        return struct.pack("<4sHHHHHIIIHH", f["signature"], 20, f["flags"], f["method"], 0, 33, f["crc"], f["stored"],
            f["size"], len(f["name"]), len(f["extra"])) + f["name"] + f["extra"]

    def central_record(self, offset):
        f = self.central
        offset = offset if f["offset"] is None else f["offset"]
        return struct.pack("<4sHHHHHHIIIHHHHHII", f["signature"], 3 << 8 | 20, 20, f["flags"], f["method"], 0, 33,
            f["crc"], f["stored"], f["size"], len(f["name"]), len(f["extra"]), len(f["comment"]), f["disk"], 0,
            f["mode"] << 16, offset) + f["name"] + f["extra"] + f["comment"]


def make(members, *, prefix=b"", before_directory=b"", comment=b"", suffix=b"", end=None, zip64=None, central=None):
    """The bytes of a zip. `end` replaces fields of the end record: disk first here total size offset; `zip64` (a dict, may be
    empty) adds the zip64 records, with fields replaced; `central` replaces the whole directory."""
    body, directory = bytearray(prefix), bytearray()
    for member in members:
        directory += member.central_record(len(body))
        body += member.local_record() + member.stored + member.descriptor + member.after
    body += before_directory
    offset = len(body)
    directory = directory if central is None else central
    body += directory
    short = min(len(members), 0xffff)
    fields = {"disk": 0, "first": 0, "here": short, "total": short, "size": len(directory), "offset": offset,
        "comment_len": len(comment), **(end or {})}
    if zip64 is not None:
        z = {"signature": b"PK\6\6", "record_size": 44, "disk": 0, "first": 0, "here": len(members), "total": len(members),
            "size": len(directory), "offset": offset, "locator_disk": 0, "disks": 1, "at": len(body), "extra": b"", **zip64}
        body += struct.pack("<4sQHHIIQQQQ", z["signature"], z["record_size"], 45, 45, z["disk"], z["first"], z["here"],
            z["total"], z["size"], z["offset"]) + z["extra"]
        body += struct.pack("<4sIQI", b"PK\6\7", z["locator_disk"], z["at"], z["disks"])
    body += struct.pack("<4sHHHHIIH", b"PK\5\6", fields["disk"], fields["first"], fields["here"], fields["total"],
        fields["size"], fields["offset"], fields["comment_len"])
    return bytes(body + comment + suffix)


def zip64_extra(*values):
    return struct.pack("<HH", 1, 8 * len(values)) + b"".join(struct.pack("<Q", v) for v in values)
