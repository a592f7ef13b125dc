"""Seeds for fuzzing zip files, wheels and tars of anybody. {name: bytes}; "ok-..." is accepted, "bad-..." refused."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile

import bad_zips
import seeds_python
from handmade import Entry, folder, link, tar_bytes, zstd
from rawzip import FOLDER, Member, make, zip64_extra

MANY = 0xffffffff

ZIP = {
    "ok-nothing": make([]),
    "ok-stored": make([Member("a", b"first")]),
    "ok-deflated": make([Member("a", b"first " * 50, compress=True)]),
    "ok-empty-members": make([Member("a"), Member("b", compress=True)]),
    "ok-folders": make([Member("d/", mode=FOLDER), Member("d/e/", mode=FOLDER), Member("d/e/f", b"x")]),
    "ok-no-mode": make([Member("a", b"x", mode=0)]),
    "ok-descriptor": make([Member("a", b"abc", descriptor=True), Member("b", b"abc", compress=True, descriptor=True)]),
    "ok-descriptor-unsigned": make([Member("a", b"abc", descriptor=struct.pack("<III", 0x352441c2, 3, 3))]),
    "ok-utf8": make([Member("ä/€😀", b"x")]),
    "ok-comment": make([Member("a", b"x", central={"comment": b"of a member"})], comment=b"of the file"),
    "ok-comment-looks-like-an-end": make([Member("a", b"x")], comment=b"PK\5\6"),
    "ok-extra": make([Member("a", b"x", extra=struct.pack("<HHI", 0x5455, 4, 1)), Member("b", extra=struct.pack("<HH", 0xcafe, 0))]),
    "ok-second-name-same": make([Member("a", b"x", central={"extra": bad_zips.unicode_path(b"a")})]),
    "ok-zip64": make([Member("a", b"abc", central={"size": MANY, "stored": MANY, "extra": zip64_extra(3, 3)})], zip64={}),
    "ok-zip64-end": make([Member("a", b"x")], end={"here": 0xffff, "total": 0xffff, "size": MANY, "offset": MANY}, zip64={}),
    "ok-many": make([Member(f"f{number}", b"%d" % number) for number in range(100)]),
    **{f"bad-{case.replace(',', '').replace(' ', '-').lower()}": data for case, (data, _) in bad_zips.BAD.items()},
}

RECORD = "a-1.dist-info/RECORD"


def wheel(file_name, members):
    return file_name.encode() + b"\n" + make([Member(name, data, compress=True) for name, data in members.items()])


def recorded(text):
    return wheel("a-1-py3-none-any.whl", {"a.py": b"", RECORD: text if isinstance(text, bytes) else text.encode()})


WHEEL = {
    **{f"ok-name-{number}": wheel(name, {"a.py": b""}) for number, name in enumerate((
        "a-1-py3-none-any.whl", "A.b_c-1.0-2-py2.py3-none-any.whl", "a-1!2.3rc4.post5.dev6+local.7-cp311-abi3-linux_x86_64.whl",
        "a-1-10build-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "a-1-CP311-CP311-Win_AMD64.whl",
        "a-1-pp310-pypy310_pp73-macosx_11_0_arm64.whl"))},
    **{f"bad-name-{number}": wheel(name, {"a.py": b""}) for number, name in enumerate((
        "", "a.whl", "a-1-py3-none.whl", "a-1-py3-none-any.zip", "a-1-x-py3-none-any.whl", "a-1-1-1-py3-none-any.whl", "a--py3-none-any.whl",
        "a-x-py3-none-any.whl", "-1-py3-none-any.whl", "../a-1-py3-none-any.whl", "a-1-py3-none-any.whl\0", "ä-1-py3-none-any.whl",
        "a-1-py3..py2-none-any.whl", "a" * 300 + "-1-py3-none-any.whl", "a__b-1-py3-none-any.whl"))},
    **{f"{name[:name.index('-')]}-record{name[name.index('-'):]}": recorded(text) for name, text in seeds_python.RECORD.items()},
    "ok-nothing": wheel("a-1-py3-none-any.whl", {}),
    "bad-no-zip": b"a-1-py3-none-any.whl\n",
    "bad-no-line": b"a-1-py3-none-any.whl",
    "bad-text": b"a-1-py3-none-any.whl\n<html></html>" * 3,
}

ENTRIES = [folder("d"), Entry("d/f", b"text\n" * 30), link("d/l", "f"), Entry("d/x", b"#!", mode=0o755)]
PLAIN = tar_bytes(ENTRIES)
GNU, PAX = tarfile.GNU_FORMAT, tarfile.PAX_FORMAT
LONG = "long/" * 40 + "name"


def one(**fields):
    return tar_bytes([Entry("a", b"abc", **fields)], PAX)


def header(body=b"abc", **fields):
    """A tar of one member whose header has other bytes at some fields, with the checksum that belongs to it (or "checksum")."""
    places = {"name": (0, 100), "mode": (100, 8), "uid": (108, 8), "size": (124, 12), "mtime": (136, 12), "checksum": (148, 8),
        "type": (156, 1), "link": (157, 100), "magic": (257, 8), "prefix": (345, 155)}
    data = bytearray(tar_bytes([Entry("a", body)]))
    for field, value in {"checksum": b" " * 8, **fields}.items():
        at, size = places[field]
        data[at:at + size] = value.ljust(size, b"\0")
    if "checksum" not in fields:
        data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def pax(text):
    """A tar of one member with this as its extended header."""
    info = tarfile.TarInfo("a")
    plain = info.tobuf(tarfile.USTAR_FORMAT)
    extended = tarfile.TarInfo("PaxHeaders/a")
    extended.type, extended.size = tarfile.XHDTYPE, len(text)
    return extended.tobuf(tarfile.USTAR_FORMAT) + text.ljust((len(text) + 511) // 512 * 512, b"\0") + plain + bytes(1024)


def records(**values):
    """Records of an extended header."""
    out = b""
    for key, value in values.items():
        body = b" " + key.replace("__", ".").encode() + b"=" + value + b"\n"
        size = len(body) + 1
        while len(str(size)) + len(body) != size:
            size += 1
        out += str(size).encode() + body
    return out


def global_header():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=PAX, pax_headers={"comment": "all of it", "mtime": "1.5"}) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


def damaged(data, at, value=0xff):
    out = bytearray(data)
    out[at] ^= value
    return bytes(out)


TAR = {
    "ok-plain": PLAIN,
    "ok-nothing": bytes(1024),
    "ok-kinds": tar_bytes([Entry("f", b"x"), Entry("h", kind="hard", link="f"), Entry("p", kind="fifo"), Entry("c", kind="char"), Entry("b", kind="block")]),
    "ok-sizes": tar_bytes([Entry(f"f{size}", b"x" * size) for size in (0, 1, 511, 512, 513)]),
    "ok-modes": tar_bytes([Entry("s", mode=0o6755), Entry("t", kind="folder", mode=0o1777)]),
    "ok-owners": tar_bytes([Entry("a", uid=1000, gid=100, user="me", group="us")]),
    "ok-dots": tar_bytes([folder("."), folder("./d/"), Entry("./d/../a", b"x")]),
    "ok-same-name": tar_bytes([Entry("a", b"1"), Entry("a", b"2")]),
    "ok-odd-names": tar_bytes([Entry("/abs"), Entry("../up"), Entry("a\nb"), Entry("ä€😀"), link("l", "../../x")], PAX),
    "ok-ustar-prefix": tar_bytes([Entry("p" * 90 + "/" + "n" * 90)]),
    "ok-gnu-long": tar_bytes([Entry(LONG, b"x"), link("l", LONG), Entry("a", uid=1 << 40, time=-5)], GNU),
    "ok-pax-long": tar_bytes([Entry(LONG, b"x"), link("l", LONG), Entry("a", uid=1 << 40, time=1.25)], PAX),
    "ok-pax-attributes": one(pax={"SCHILY.xattr.user.note": "text", "SCHILY.acl.access": "user::rw-", "LIBARCHIVE.creationtime": "1.5", "atime": "3"}),
    "ok-pax-global": global_header(),
    "ok-pax-size": pax(records(path=b"other", size=b"0", mtime=b"-1.5", uid=b"7", uname="ä".encode())),
    "ok-pax-deleted": pax(records(path=b"", comment=b"")),
    "ok-pax-charset": pax(records(hdrcharset=b"BINARY", path=b"\xff")),
    "ok-v7": header(magic=b""),
    "ok-not-utf8": header(name=b"a\xff"),
    "ok-base-256": header(uid=b"\x80\0\0\0\0\1\2\3", mtime=b"\xff" * 12),
    "ok-spaces-in-numbers": header(mode=b"   644 ", uid=b" 0 "),
    "ok-unknown-type": header(type=b"Z"),
    "ok-old-folder": header(b"", name=b"a/", type=b"\0"),
    "bad-no-end": PLAIN[:len(PLAIN.rstrip(b"\0")) // 512 * 512 + 512],
    "ok-gzip": gzip.compress(PLAIN, mtime=0),
    "ok-gzip-parts": gzip.compress(PLAIN[:1000], mtime=0) + gzip.compress(PLAIN[1000:], mtime=0),
    "ok-bzip2": bz2.compress(PLAIN),
    "ok-xz": lzma.compress(PLAIN),
    "ok-xz-no-check": lzma.compress(PLAIN, check=lzma.CHECK_NONE),
    "ok-lzma": lzma.compress(PLAIN, format=lzma.FORMAT_ALONE),
    "ok-zstd": zstd(PLAIN),
    "ok-zstd-frames": zstd(PLAIN[:1000]) + struct.pack("<II", 0x184d2a50, 4) + b"skip" + zstd(PLAIN[1000:]),
    "ok-zip": ZIP["ok-folders"],
    "bad-text": b"<html>not here</html>" * 50,
    "bad-cut-header": PLAIN[:700],
    "bad-cut-data": tar_bytes([Entry("a", b"x" * 2000)])[:1200],
    "bad-checksum": header(checksum=b"000001\0 "),
    "bad-size": header(size=b"77777777777\0"),
    "bad-size-negative": header(size=b"\xff" * 12),
    "bad-size-base-256": header(size=b"\x80" + b"\0" * 3 + b"\x7f" * 8),
    "bad-second-header": damaged(tar_bytes([Entry("a"), Entry("b")]), 512 + 3),
    "bad-gzip-cut": gzip.compress(PLAIN, mtime=0)[:-12],
    "ok-gzip-sum": damaged(gzip.compress(PLAIN, mtime=0), -7),  # libarchive does not look at it
    "bad-gzip-text": gzip.compress(b"no tar", mtime=0),
    "bad-bzip2-cut": bz2.compress(PLAIN)[:-12],
    "bad-bzip2-sum": damaged(bz2.compress(PLAIN), 12),
    "bad-xz-cut": lzma.compress(PLAIN)[:-20],
    "bad-xz-sum": damaged(lzma.compress(PLAIN), -15),
    "bad-zstd-cut": zstd(PLAIN)[:-5],
    "bad-zstd-sum": damaged(zstd(PLAIN), -1),
    "bad-zip": ZIP["bad-crc"],
}
