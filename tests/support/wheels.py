"""Wheels made in the test: good ones, and one for each thing that can be wrong. tests/cases/wheels/refused.toml has what is
said of each bad one."""

import base64
import hashlib
import io
import struct
import zipfile

from rawzip import ENCRYPTED, FOLDER, LINK, Member, deflate, make, zip64_extra

CODE = b"import sys\n" * 200


def record_digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def wheel(files=None, *, name="demo", version="1.0", file_name=None, info=None, record=None, left_out=(), wheel=None,
        metadata=None, members=(), **zip_options):
    """(file name, bytes). files: path -> bytes. record(rows) may change the rows of RECORD ([path, digest, size]); left_out: files
    of .dist-info that are not there; wheel, metadata: the bytes of these files; members: added as they are, not in RECORD."""
    info = info or f"{name}-{version}.dist-info"
    files = {"demo/__init__.py": CODE} if files is None else files
    files = {**files,
        f"{info}/METADATA": metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": wheel or b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files = {path: data for path, data in files.items() if path.split("/")[-1] not in left_out}
    rows = [[path, record_digest(data), str(len(data))] for path, data in files.items()] + [[f"{info}/RECORD", "", ""]]
    text = record(rows) if record else None
    if not isinstance(text, bytes):
        text = "".join(",".join(row) + "\n" for row in rows).encode()
    if "RECORD" not in left_out:
        files[f"{info}/RECORD"] = text
    all_members = [Member(path, data, compress=len(data) > 100) for path, data in files.items()] + list(members)
    return file_name or f"{name}-{version}-py3-none-any.whl", make(all_members, **zip_options)


def member(data, suffix):
    """The bytes of the member of a wheel whose name ends so."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(suffix)))


def change(index, column, value):
    """A change of one field of RECORD."""
    def record(rows):
        rows[index][column] = value
    return record


def add_row(*row):
    return lambda rows: rows.append(list(row))


def drop(index):
    return lambda rows: rows.pop(index) and None


def with_member(path, data=b"x", in_record=True, **options):
    """A wheel with one more member, as RECORD says."""
    record = add_row(path, record_digest(data), str(len(data))) if in_record else None
    return wheel(record=record, members=[Member(path, data, **options)])


def both(**fields):
    return {"local": fields, "central": fields}


BAD = {
    # paths
    "traversal": lambda: with_member("../evil.py"),
    "traversal-inside": lambda: with_member("demo/../../evil.py"),
    "traversal-not-in-record": lambda: with_member("../evil.py", in_record=False),
    "absolute": lambda: with_member("/etc/cron.d/evil"),
    "drive": lambda: with_member("C:/evil.py", in_record=False),
    "backslash": lambda: with_member("..\\evil.py"),
    "dot": lambda: with_member("demo/./evil.py"),
    "empty-component": lambda: with_member("demo//evil.py"),
    "control-byte": lambda: with_member("demo/evil\x07.py", in_record=False),
    "folder-outside": lambda: wheel(members=[Member("../evil/", mode=FOLDER)]),
    "not-utf8": lambda: with_member(b"demo/\xff.py".decode("latin-1"), in_record=False, central={"name": b"demo/\xff.py"},
        local={"name": b"demo/\xff.py"}),
    "long-component": lambda: with_member("demo/" + "x" * 256, in_record=False),
    "deep": lambda: with_member("x/" * 128 + "x", in_record=False),
    "folders-without-end": lambda: wheel({f"{number:05}/" + "d/" * 120 + "x": b"" for number in range(8300)}),
    "link": lambda: with_member("demo/link", b"../../../etc/passwd", mode=LINK),
    "fifo": lambda: with_member("demo/fifo", b"", mode=0o10644),
    "file-and-folder": lambda: with_member("demo", b"x"),
    "below-a-file": lambda: with_member("demo/__init__.py/x.py"),
    # RECORD
    "digest": lambda: wheel(record=change(0, 1, record_digest(b"other"))),
    "digest-of-metadata": lambda: wheel(record=change(1, 1, record_digest(b"other"))),
    "size": lambda: wheel(record=change(0, 2, "7")),
    "size-not-a-number": lambda: wheel(record=change(0, 2, "-1")),
    "no-digest": lambda: wheel(record=change(0, 1, "")),
    "md5": lambda: wheel(record=change(0, 1, "md5=" + "A" * 22)),
    "digest-cut": lambda: wheel(record=change(0, 1, "sha256=AAAA")),
    "missing-from-record": lambda: wheel(record=drop(0)),
    "missing-from-wheel": lambda: wheel(record=add_row("demo/gone.py", record_digest(b""), "0")),
    "record-traversal": lambda: wheel(record=add_row("../../evil.py", record_digest(b""), "0")),
    "record-absolute": lambda: wheel(record=add_row("/etc/passwd", "", "")),
    "record-two-rows": lambda: wheel(record=add_row("demo/__init__.py", record_digest(b"other"), "5")),
    "record-two-fields": lambda: wheel(record=add_row("demo/__init__.py", record_digest(CODE))),
    "record-not-csv": lambda: wheel(record=lambda rows: b'"demo/__init__.py,sha256=x,1\n'),
    "record-empty": lambda: wheel(record=lambda rows: b""),
    "record-not-utf8": lambda: wheel(record=lambda rows: b"demo/\xff.py,,\n"),
    "data-of-another-member": lambda: wheel({"demo/a.py": b"aaa", "demo/b.py": b"bbb"},
        record=lambda rows: rows.__setitem__(slice(0, 2), [["demo/a.py", rows[1][1], "3"], ["demo/b.py", rows[0][1], "3"]])),
    # .dist-info
    "no-dist-info": lambda: ("demo-1.0-py3-none-any.whl", make([Member("demo/__init__.py", CODE)])),
    "two-dist-infos": lambda: with_member("other-1.0.dist-info/METADATA"),
    "another-project": lambda: wheel(info="other-1.0.dist-info"),
    "another-version": lambda: wheel(info="demo-1.1.dist-info"),
    "no-version": lambda: wheel(info="demo.dist-info"),
    "no-record": lambda: wheel(left_out=["RECORD"]),
    "no-wheel-file": lambda: wheel(left_out=["WHEEL"]),
    "no-metadata": lambda: wheel(left_out=["METADATA"]),
    "format-2": lambda: wheel(wheel=b"Wheel-Version: 2.0\n"),
    "format-10": lambda: wheel(wheel=b"Wheel-Version: 10.0\n"),
    "format-missing": lambda: wheel(wheel=b"Generator: test\n"),
    # the file name
    "no-wheel-name": lambda: wheel(file_name="demo.whl"),
    "another-file-name": lambda: wheel(file_name="demo-2.0-py3-none-any.whl"),
    # the zip
    "no-zip": lambda: ("demo-1.0-py3-none-any.whl", b"<html>not found</html>" * 9),
    "empty": lambda: ("demo-1.0-py3-none-any.whl", b""),
    "truncated": lambda: (wheel()[0], wheel()[1][:-30]),
    "trailing": lambda: wheel(suffix=b"more"),
    "prefixed": lambda: wheel(prefix=b"#!/bin/sh\n"),
    "name-mismatch": lambda: with_member("demo/a.py", local={"name": b"demo/b.py"}),
    "size-mismatch": lambda: with_member("demo/a.py", local={"size": 9, "stored": 9}),
    "crc-mismatch": lambda: with_member("demo/a.py", local={"crc": 9}),
    "crc-wrong": lambda: with_member("demo/a.py", **both(crc=9)),
    "method-mismatch": lambda: with_member("demo/a.py", local={"method": 8}),
    "encrypted": lambda: with_member("demo/a.py", flags=ENCRYPTED),
    "bzip2": lambda: with_member("demo/a.py", **both(method=12)),
    "same-name-twice": lambda: with_member("demo/__init__.py", b"other", in_record=False),
    "oversized-claim": lambda: with_member("demo/a.py", CODE, compress=True, **both(size=1 << 31)),
    "oversized-member": lambda: with_member("demo/a.py", CODE, compress=True, local={"size": 0xffffffff, "stored": 0xffffffff,
        "extra": zip64_extra(1 << 40, len(deflate(CODE)))}, central={"size": 0xffffffff, "extra": zip64_extra(1 << 40)}),
    "more-than-it-says": lambda: with_member("demo/a.py", b"x" * 50, compress=True, stored=deflate(b"x" * 5000)),
    "deflate-damaged": lambda: with_member("demo/a.py", CODE, compress=True, stored=b"\xff" * 40),
    "hidden-member": lambda: wheel(members=[Member("demo/a.py", b"x", after=struct.pack("<4s", b"PK\3\4") + bytes(40))],
        record=add_row("demo/a.py", record_digest(b"x"), "1")),
}
