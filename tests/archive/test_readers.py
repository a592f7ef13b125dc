"""What we write is what others read: GNU tar, bsdtar, unzip, and Python's tarfile and zipfile."""

import hashlib
import os
import stat
import subprocess
import tarfile
import time
import unicodedata
import zipfile

import pytest

import trees

TARS = ["tar", "tar.gz", "tar.xz", "tar.zst"]
PACKERS = {"tar.gz": "gzip", "tar.xz": "xz", "tar.zst": "zstd"}


def quiet(*argv, **options):
    """Run a reader, which must have nothing to complain about."""
    done = subprocess.run([os.fspath(arg) for arg in argv], capture_output=True, text=True, errors="surrogateescape", **options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def check_tree(folder, nasty, link_times=True, rename=lambda path: path):
    got, times = trees.snapshot(folder)
    want = {rename(path): what for path, what in trees.expected(nasty).items()}
    assert trees.differences(got, want) == []
    wrong = [path for path, mtime in times.items() if mtime != trees.MTIME and (link_times or want[path][0] != "link")]
    assert wrong == []


@pytest.mark.parametrize("format, locale", [*((format, "C.UTF-8") for format in TARS), ("tar", "C")])
def test_gnu_tar(archive, nasty, tmp_path, monkeypatch, format, locale):
    monkeypatch.setenv("LC_ALL", locale)
    path, _ = archive(format)
    quiet("tar", "-xpf", path, "-C", tmp_path)
    check_tree(tmp_path, nasty)
    names = quiet("tar", "--quoting-style=literal", "-tf", path).splitlines()
    assert [os.fsencode(name) for name in names] == [os.fsencode(name) for name in trees.members(nasty)]
    assert quiet("tar", "-df", path, "-C", tmp_path) == ""


@pytest.mark.parametrize("format", TARS)
def test_gnu_tar_from_a_pipe(archive, nasty, tmp_path, format):
    path, _ = archive(format)
    unpack = f"{PACKERS[format]} -dc" if format in PACKERS else "cat"
    quiet("sh", "-c", f'{unpack} < "$1" | tar -xpf - -C "$2"', "sh", path, tmp_path)
    check_tree(tmp_path, nasty)


@pytest.mark.parametrize("format", [*TARS, "zip"])
def test_bsdtar(archive, nasty, tmp_path, monkeypatch, format):
    """libarchive composes names that are declared to be UTF-8, on its way to a name of the locale."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    path, _ = archive(format)
    quiet("bsdtar", "-xpf", path, "-C", tmp_path)
    check_tree(tmp_path, nasty, rename=lambda path: unicodedata.normalize("NFC", path))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/St_Johns"])
def test_unzip(archive, nasty, tmp_path, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    path, _ = archive("zip")
    quiet("unzip", "-q", path, "-d", tmp_path)
    check_tree(tmp_path, nasty, link_times=False)  # unzip sets none


@pytest.mark.parametrize("format", PACKERS)
def test_packer_accepts_it(archive, format):
    path, result = archive(format)
    quiet(PACKERS[format], "-tq", path)
    size = quiet("sh", "-c", f'{PACKERS[format]} -dc < "$1" | wc -c', "sh", path)
    assert int(size) == result["content_size"]


@pytest.mark.parametrize("format", TARS)
def test_tarfile(archive, nasty, tmp_path, format):
    path, result = archive(format)
    if format == "tar.zst":  # Python 3.11 has no zstd
        quiet("zstd", "-dq", path, "-o", tmp_path / "plain")
        path = tmp_path / "plain"
    got = {}
    with tarfile.open(path) as reader:
        members = reader.getmembers()
        for member in members:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "root", "root", trees.MTIME)
            assert set(member.pax_headers) <= {"path", "linkpath"}, member.pax_headers
            if member.isdir():
                got[member.name] = ("folder", member.mode, None)
            elif member.issym():
                got[member.name] = ("link", member.mode, member.linkname)
            else:
                assert member.type == tarfile.REGTYPE
                data = reader.extractfile(member).read()
                got[member.name] = ("file", member.mode, hashlib.sha256(data).hexdigest())
    assert trees.differences(got, trees.expected(nasty)) == []
    assert [member.name + "/" * member.isdir() for member in members] == trees.members(nasty)
    assert result["entry_count"] == len(members)


def test_ustar_only_where_it_fits(archive):
    """Pax headers are written for what ustar cannot hold, and for nothing else."""
    path, _ = archive("tar")
    with tarfile.open(path) as reader:
        for member in reader:
            name = member.name + "/" * member.isdir()
            try:
                tarfile.TarInfo(name).create_ustar_header({**member.get_info(), "name": name, "linkname": ""}, "ascii", "strict")
                fits = True
            except (ValueError, UnicodeError):
                fits = False
            assert ("path" not in member.pax_headers) == fits, name
            short = len(os.fsencode(member.linkname)) <= 100 and member.linkname.isascii()
            assert ("linkpath" not in member.pax_headers) == short, name


def test_end_of_tar(archive):
    path, result = archive("tar")
    data = path.read_bytes()
    assert len(data) == result["size"] == result["content_size"]
    assert len(data) % 512 == 0
    assert data[-1024:] == bytes(1024)
    assert data[-1536:-1024] != bytes(512)


def test_zipfile(archive, nasty):
    path, result = archive("zip")
    got = {}
    with zipfile.ZipFile(path) as reader:
        assert reader.testzip() is None
        for info in reader.infolist():
            assert info.create_system == 3
            assert info.date_time == time.gmtime(trees.MTIME // 2 * 2)[:6]
            assert bool(info.flag_bits & 0x800) == (not info.filename.isascii())
            assert info.compress_size <= info.file_size or info.file_size > 6 * 1024 * 1024
            assert (info.compress_type == zipfile.ZIP_STORED) == (info.compress_size == info.file_size)
            mode, kind = info.external_attr >> 16 & 0o7777, info.external_attr >> 16 & 0o170000
            data = reader.read(info)
            if info.is_dir():
                assert (kind, info.external_attr & 0x10) == (stat.S_IFDIR, 0x10)
                got[info.filename.rstrip("/")] = ("folder", mode, None)
            elif kind == stat.S_IFLNK:
                got[info.filename] = ("link", mode, data.decode())
            else:
                assert kind == stat.S_IFREG
                got[info.filename] = ("file", mode, hashlib.sha256(data).hexdigest())
        assert trees.differences(got, trees.expected(nasty)) == []
        assert [info.filename for info in reader.infolist()] == trees.members(nasty)
        assert result["entry_count"] == len(reader.infolist())
        assert result["content_size"] == sum(info.file_size for info in reader.infolist() if
            info.external_attr >> 28 == 0o10)


@pytest.mark.parametrize("mtime, want", [(0, (1980, 1, 1, 0, 0, 0)), (315532799, (1980, 1, 1, 0, 0, 0)),
    (315532801, (1980, 1, 1, 0, 0, 0)), (951782399, (2000, 2, 28, 23, 59, 58)), (951782400, (2000, 2, 29, 0, 0, 0)),
    (4354819198, (2107, 12, 31, 23, 59, 58)), (4354819200, (2107, 12, 31, 23, 59, 58)),
    (8589934591, (2107, 12, 31, 23, 59, 58))])
def test_zip_times(write, tmp_path, monkeypatch, mtime, want):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/a").write_bytes(b"a")
    write(tmp_path / "tree", tmp_path / "a.zip", "--format", "zip", "--mtime", str(mtime)).ok()
    with zipfile.ZipFile(tmp_path / "a.zip") as reader:
        assert reader.getinfo("a").date_time == want


X86_64 = b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\x3e\0"
AARCH64 = b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\xb7\0"


@pytest.mark.parametrize("head, level, filters", [
    (b"text", "6", ["lzma2"]), (X86_64, "0", ["x86", "lzma2"]), (X86_64, "9", ["x86", "lzma2"]),
    (AARCH64, "6", ["lzma2"]), (AARCH64, "9", ["arm64", "lzma2"])])
def test_xz_filters_follow_the_code(write, tmp_path, head, level, filters):
    """Machine code is compressed through the filter for its processor; that of ARM is for levels whose readers must be new anyway."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/program").write_bytes(head + bytes(i * i % 251 for i in range(20_000)))
    path = tmp_path / "a.tar.xz"
    write(tmp_path / "tree", path, "--format", "tar.xz", "--level", level).ok()
    lines = [line.split("\t") for line in quiet("xz", "--robot", "--list", "-vv", path).splitlines()]
    told = [[word.lstrip("-").split("=")[0] for word in line[-1].split()] for line in lines if line[0] == "block"]
    assert told == [filters]
    with tarfile.open(path) as reader:
        assert reader.extractfile("program").read() == (tmp_path / "tree/program").read_bytes()


@pytest.mark.parametrize("format", [*TARS, "zip"])
@pytest.mark.parametrize("prefix", [None, "layer"])
def test_empty(write, tmp_path, format, prefix):
    """A layer without entries is an archive with nothing but its folder."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "out").mkdir()
    path = tmp_path / f"a.{format}"
    options = ["--prefix", prefix] if prefix else []
    result = write(tmp_path / "tree", path, "--format", format, *options).json()
    assert result["entry_count"] == (1 if prefix else 0)
    if format == "zip":
        with zipfile.ZipFile(path) as reader:
            assert reader.namelist() == (["layer/"] if prefix else [])
    else:
        quiet("tar", "-xf", path, "-C", tmp_path / "out")
        assert os.listdir(tmp_path / "out") == ([prefix] if prefix else [])


def test_zip_of_more_than_65535_entries(write, tmp_path):
    listing = tmp_path / "listing"
    listing.write_text("".join(f"folder\td/{n:05}\tx\n" for n in range(70000)))
    path = tmp_path / "a.zip"
    result = write(listing, path, "--format", "zip").json()
    assert result["entry_count"] == 70001
    with zipfile.ZipFile(path) as reader:
        assert reader.namelist() == ["d/", *(f"d/{n:05}/" for n in range(70000))]
    assert quiet("unzip", "-Zt", path).startswith("70001 files, ")
    assert len(quiet("bsdtar", "-tf", path).splitlines()) == 70001
