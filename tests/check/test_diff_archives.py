"""lamina diff on archives made by hand: each kind of difference, in each format, and of archives of others."""

import hashlib
import json
import struct
import subprocess
import tarfile
import zipfile

import pytest

import rawzip
from handmade import Entry, folder, link, tar_bytes, write, write_zip, zstd

BASE = [folder("app"), Entry("app/a.txt", b"one\n"), folder("app/lib"), Entry("app/lib/b.py", b"x = 1\n", mode=0o755),
    link("app/lib/c", "b.py"), folder("app/lib/empty")]


def changed(index, **fields):
    return [entry.but(**fields) if i == index else entry for i, entry in enumerate(BASE)]


@pytest.fixture
def diff(run_lamina, tmp_path):
    """diff(entries of a, entries of b) -> result; the names are a.tar and b.tar unless given."""

    def compare(a, b, *args, names=("a.tar", "b.tar"), **options):
        write(tmp_path / names[0], a, **options)
        write(tmp_path / names[1], b, **options)
        return run_lamina("diff", *args, names[0], names[1], cwd=tmp_path)

    return compare


def only(result):
    """The one layer of a JSON report."""
    assert result.code in (0, 3), result
    (layer,) = json.loads(result.out)["layers"]
    return layer


def test_equal(diff):
    result = diff(BASE, BASE)
    assert (result.code, result.out, result.err) == (0, "equal      b.tar\n1 layer, all equal\n", "")


CHANGES = {
    "bytes": (changed(1, body=b"two\n"), "  changed  a.txt: bytes\n"),
    "size": (changed(1, body=b"three\n"), "  changed  a.txt: bytes, size 4 -> 6\n"),
    "mode": (changed(3, mode=0o644), "  changed  lib/b.py: mode 0755 -> 0644\n"),
    "umask mode": (changed(1, mode=0o664), "  changed  a.txt: mode 0644 -> 0664\n"),
    "setuid": (changed(3, mode=0o4755), "  changed  lib/b.py: mode 0755 -> 4755\n"),
    "folder mode": (changed(2, mode=0o700), "  changed  lib: mode 0755 -> 0700\n"),
    "link": (changed(4, link="../a.txt"), "  changed  lib/c: link b.py -> ../a.txt\n"),
    "absolute link": (changed(4, link="/etc/passwd"), "  changed  lib/c: link b.py -> /etc/passwd\n"),
    "time": (changed(1, time=1_780_272_001), "  changed  a.txt: time 2026-06-01T00:00:00Z -> 2026-06-01T00:00:01Z\n"),
    "time of a folder": (changed(5, time=0), "  changed  lib/empty: time 2026-06-01T00:00:00Z -> 1970-01-01T00:00:00Z\n"),
    "time of a link": (changed(4, time=1), "  changed  lib/c: time 2026-06-01T00:00:00Z -> 1970-01-01T00:00:01Z\n"),
    "uid": (changed(1, uid=1000), "  changed  a.txt: owner 0:0 (root:root) -> 1000:0 (root:root)\n"),
    "gid": (changed(1, gid=7), "  changed  a.txt: owner 0:0 (root:root) -> 0:7 (root:root)\n"),
    "owner name": (changed(1, user="joe", group="staff"), "  changed  a.txt: owner 0:0 (root:root) -> 0:0 (joe:staff)\n"),
    "block device": ([*BASE, Entry("app/disk", kind="block")], "  added    disk: block device\n"),
    "added": ([*BASE, Entry("app/z", b"12345")], "  added    z: file of 5 bytes\n"),
    "removed": ([entry for entry in BASE if not entry.name.endswith("a.txt")], "  removed  a.txt: file of 4 bytes\n"),
    "added folder": ([*BASE, folder("app/z")], "  added    z: folder\n"),
    "added link": ([*BASE, link("app/z", "a.txt")], "  added    z: link to a.txt\n"),
    "type": (changed(4, kind="file", body=b"b.py", mode=0o644), "  changed  lib/c: type link -> file\n"),
    "fifo": (changed(1, kind="fifo", body=b""), "  changed  a.txt: type file -> fifo\n"),
    "device": ([*BASE, Entry("app/null", kind="char")], "  added    null: character device\n"),
    "case": ([entry.but(name=entry.name.replace("a.txt", "A.txt")) for entry in BASE],
        "  added    A.txt: file of 4 bytes\n  removed  a.txt: file of 4 bytes\n"),
    "order": ([*BASE[:3], BASE[5], *BASE[3:5]],
        "  the members are in another order: where a has 'lib/b.py', b has 'lib/empty'\n"),
    "top folder": ([entry.but(name=entry.name.replace("app", "api", 1)) for entry in BASE],
        "  the top folder is 'app' in a, 'api' in b\n"),
    "missing folder member": ([entry for entry in BASE if entry.name != "app/lib"], "  removed  lib: folder\n"),
    "twice": ([*BASE, BASE[1].but(body=b"evil")], "  b: member 'app/a.txt' is there more than once\n"
        "  the members are in another order: where a has 'a.txt', b has 'lib'\n  changed  a.txt: bytes\n"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change(diff, name):
    after, told = CHANGES[name]
    result = diff(BASE, after)
    findings = [line for line in told.splitlines(keepends=True) if not line.startswith(("  changed", "  added", "  removed"))]
    entries = [line for line in told.splitlines(keepends=True) if line not in findings]
    lines = result.out.splitlines(keepends=True)
    assert (result.code, result.err) == (3, ""), result
    assert lines[0] == "different  b.tar\n" and lines[-1] == "1 of 1 layer differs\n"
    assert sorted(lines[1:-1]) == sorted(findings + entries)


def test_the_other_way(diff):
    """What is removed one way is added the other."""
    assert "  added    a.txt: file of 4 bytes\n" in diff(CHANGES["removed"][0], BASE).out


@pytest.mark.parametrize("end", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip"])
def test_formats(diff, end):
    result = diff(BASE, CHANGES["size"][0], names=(f"a{end}", f"b{end}"))
    assert (result.code, result.out) == (3,
        f"different  b{end}\n  changed  a.txt: bytes, size 4 -> 6\n1 of 1 layer differs\n")
    assert diff(BASE, BASE, names=(f"a{end}", f"b{end}")).code == 0


@pytest.mark.parametrize("a, b, said", [
    (".tar", ".tar.gz", "'none' in a, 'gzip' in b"), (".tar.xz", ".tar.zst", "'xz' in a, 'zstd' in b"),
    (".tar.bz2", ".tar", "'bzip2' in a, 'none' in b"), (".tar.gz", ".zip", "'gzip' in a, 'zip' in b")])
def test_equal_content_in_another_format(diff, a, b, said):
    result = diff(BASE, BASE, names=(f"a{a}", f"b{b}"))
    assert result.code == 3
    assert f"  the content is equal, the compressor is not: {said}\n" in result.out
    assert "changed" not in result.out and "added" not in result.out


def test_another_level(run_lamina, tmp_path):
    body = bytes(i * i % 251 for i in range(50_000))
    data = tar_bytes([folder("app"), Entry("app/a", body)])
    (tmp_path / "a.tar.zst").write_bytes(zstd(data, 1))
    (tmp_path / "b.tar.zst").write_bytes(zstd(data, 19))
    result = run_lamina("diff", "--json", tmp_path / "a.tar.zst", tmp_path / "b.tar.zst")
    layer = only(result)
    assert (result.code, layer["content_equal"], layer["entries"], layer["findings"]) == (3, True, [], [
        "the content is equal, and so is the compressor ('zstd'); the compressed bytes are not: another level, or another "
        "build of it"])


def test_zip_levels(run_lamina, tmp_path):
    entries = [Entry("a", bytes(i * i % 251 for i in range(50_000)))]
    for name, level in (("a.zip", 1), ("b.zip", 9)):
        write_zip(tmp_path / name, entries, level=level)
    assert only(run_lamina("diff", "--json", "a.zip", "b.zip", cwd=tmp_path))["findings"] == [
        "the content is equal, the zips are not: in how members are compressed, or in their records"]


def unix_owner(uid, gid):
    """The extra field of Info-ZIP that has numbers of any length."""
    numbers = b"".join(struct.pack("<BI", 4, number) for number in (uid, gid))
    return struct.pack("<HHB", 0x7875, 1 + len(numbers), 1) + numbers


EXTRAS = {
    "owner": (unix_owner(0, 0), unix_owner(1000, 100), "owner 0:0 -> 1000:100"),
    "owner of one side only": (b"", unix_owner(1000, 100), None),
    "time": (b"", struct.pack("<HHBi", 0x5455, 5, 1, 0), "time 1980-01-01T00:00:00Z -> 1970-01-01T00:00:00Z"),
    "others": (b"", struct.pack("<HH4s", 0xcafe, 4, b"1234") + struct.pack("<HH", 0xbeef, 0),
        "attributes nothing -> extra field cafe of 4 bytes, extra field beef of 0 bytes"),
    "an owner of a later version": (b"", struct.pack("<HHBBB", 0x7875, 3, 2, 0, 0), None),
    "an owner that is cut off": (b"", struct.pack("<HHBBI", 0x7875, 6, 1, 4, 1), None),
    "an owner of too many bytes": (b"", struct.pack("<HHBBB", 0x7875, 3, 1, 9, 0), None),
    "a group of too many bytes": (b"", struct.pack("<HHBBB", 0x7875, 3, 1, 0, 9), None),
}


@pytest.mark.parametrize("name", EXTRAS)
def test_extra_fields_of_a_zip(run_lamina, tmp_path, name):
    """What they say of a member is compared; what cannot be read says nothing."""
    of_a, of_b, told = EXTRAS[name]
    for file, field in (("a.zip", of_a), ("b.zip", of_b)):
        (tmp_path / file).write_bytes(rawzip.make([rawzip.Member("app/a", b"1", extra=field)]))
    result = run_lamina("diff", "a.zip", "b.zip", cwd=tmp_path)
    line = f"changed  a: {told}" if told else (
        "the content is equal, the zips are not: in how members are compressed, or in their records")
    assert (result.code, result.out) == (3, f"different  b.zip\n  {line}\n1 of 1 layer differs\n")


def first_difference(folder, a="gnu.tar", b="pax.tar"):
    pairs = zip((folder / a).read_bytes(), (folder / b).read_bytes())
    return next(place for place, (x, y) in enumerate(pairs) if x != y)


def test_dialects(run_lamina, tmp_path):
    """The same members as ustar, GNU and pax: the headers are other bytes."""
    long = [folder("app"), Entry("app/" + "n" * 120, b"x")]
    for name, dialect in (("gnu.tar", tarfile.GNU_FORMAT), ("pax.tar", tarfile.PAX_FORMAT)):
        (tmp_path / name).write_bytes(tar_bytes(long, dialect))
    layer = only(run_lamina("diff", "--json", "gnu.tar", "pax.tar", cwd=tmp_path))
    assert layer["content_equal"] is True and layer["entries"] == []
    assert layer["findings"] == ["a is in GNU tar format, b is in POSIX pax interchange format",
        f"the content is equal, the tar streams are not: the first byte that differs is {first_difference(tmp_path)}, at member '.'"]


def test_header_bytes_that_no_reader_shows(run_lamina, tmp_path):
    data = bytearray(tar_bytes(BASE))
    (tmp_path / "a.tar").write_bytes(data)
    data[512 + 505] = ord("x")  # in the unused end of the second header
    checksum = sum(data[512:1024]) - sum(data[512 + 148:512 + 156]) + 8 * 32
    data[512 + 148:512 + 156] = b"%06o\0 " % checksum
    (tmp_path / "b.tar").write_bytes(data)
    layer = only(run_lamina("diff", "--json", "a.tar", "b.tar", cwd=tmp_path))
    place = first_difference(tmp_path, "a.tar", "b.tar")
    assert 660 <= place < 668
    assert layer["findings"] == [
        f"the content is equal, the tar streams are not: the first byte that differs is {place}, at member 'a.txt'"]


def test_padding_at_the_end(run_lamina, tmp_path):
    data = tar_bytes(BASE)
    (tmp_path / "a.tar").write_bytes(data)
    (tmp_path / "b.tar").write_bytes(data + bytes(10240))
    layer = only(run_lamina("diff", "--json", "a.tar", "b.tar", cwd=tmp_path))
    assert layer["findings"] == [
        f"the content is equal, the tar streams are not: the first byte that differs is {len(data)}, at member 'lib/empty'"]


def test_nanoseconds_and_attributes(diff):
    pax = {"SCHILY.xattr.user.note": "hello"}
    result = diff(BASE, [*BASE[:1], BASE[1].but(pax=pax, time=1_780_272_000.5), *BASE[2:]], dialect=tarfile.PAX_FORMAT)
    line = next(line for line in result.out.splitlines() if "a.txt" in line)
    assert line.startswith("  changed  a.txt: time 2026-06-01T00:00:00Z -> 2026-06-01T00:00:00.500000000Z, attributes ")
    assert "user.note=2cf24dba5fb0a30e" in line  # SHA-256 of hello


def test_hard_links(diff):
    """A hard link has the content of what it leads to; that it is one is told all the same."""
    linked = [folder("app"), Entry("app/a", b"same"), Entry("app/b", kind="hard", link="app/a")]
    copied = [folder("app"), Entry("app/a", b"same"), Entry("app/b", b"same")]
    layer = only(diff(linked, copied, "--json"))
    assert [(entry["path"], entry["what"]) for entry in layer["entries"]] == [("b", ["hard link"])]
    assert layer["content_equal"] is True
    assert layer["entries"][0]["a"]["hard_link"] == "app/a"
    assert "  changed  b: hard link app/a -> nothing\n" in diff(linked, copied).out
    nowhere = [folder("app"), Entry("app/a", b"same"), Entry("app/b", kind="hard", link="app/none")]
    assert "a: member 'app/b' is a hard link to nothing" in only(diff(nowhere, copied, "--json"))["findings"]


def test_sparse_files(tmp_path, run_lamina):
    """GNU tar's sparse member has the content of the plain one."""
    with open(tmp_path / "hole", "wb") as file:
        file.write(b"begin")
        file.truncate(3_000_000)
        file.seek(2_000_000)
        file.write(b"middle")
    for name, options in (("plain.tar", []), ("sparse.tar", ["--sparse"])):
        subprocess.run(["tar", *options, "-cf", name, "hole"], cwd=tmp_path, check=True)
    assert (tmp_path / "sparse.tar").stat().st_size < 100_000
    layer = only(run_lamina("diff", "--json", "plain.tar", "sparse.tar", cwd=tmp_path))
    assert (layer["content_equal"], layer["entries"]) == (True, [])


def test_dot_slash(run_lamina, tmp_path):
    """`tar -C folder .` names everything ./something."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/x").write_text("1")
    subprocess.run(["tar", "-cf", "dots.tar", "-C", "tree", "--mtime=@0", "--owner=0", "--group=0", "."], cwd=tmp_path, check=True)
    subprocess.run(["tar", "-cf", "names.tar", "-C", "tree", "--mtime=@0", "--owner=0", "--group=0", "x"], cwd=tmp_path, check=True)
    layer = only(run_lamina("diff", "--json", "dots.tar", "names.tar", cwd=tmp_path))
    assert [(entry["path"], entry["change"]) for entry in layer["entries"]] == [(".", "removed")]
    assert layer["content_equal"] is True


@pytest.mark.parametrize("command", [["tar", "-cf"], ["tar", "--format=posix", "-cf"], ["bsdtar", "--format=ustar", "-cf"],
    ["bsdtar", "--format=pax", "-cf"], ["zip", "-q", "-r", "-y"]], ids=" ".join)
def test_what_others_write(run_lamina, tmp_path, command):
    """Archives by other programs: equal to one of Python with the same content, and one changed file is found."""
    tree = tmp_path / "app"
    (tree / "lib").mkdir(parents=True)
    (tree / "a.txt").write_bytes(b"one\n")
    (tree / "lib/b.py").write_bytes(b"x = 1\n")
    (tree / "lib/b.py").chmod(0o755)
    (tree / "lib/c").symlink_to("b.py")
    (tree / "lib/empty").mkdir()
    (tree / "a.txt").chmod(0o644)
    end = ".zip" if command[0] == "zip" else ".tar"
    subprocess.run([*command, f"theirs{end}", "app"], cwd=tmp_path, check=True)
    write(tmp_path / f"ours{end}", BASE)
    layer = only(run_lamina("diff", "--json", f"theirs{end}", f"ours{end}", cwd=tmp_path))
    assert layer["content_equal"] is True
    assert {word for entry in layer["entries"] for word in entry["what"]} <= {"time", "owner", "attributes", "mode"}
    write(tmp_path / f"ours{end}", CHANGES["bytes"][0])
    layer = only(run_lamina("diff", "--json", f"theirs{end}", f"ours{end}", cwd=tmp_path))
    assert [entry["path"] for entry in layer["entries"] if "bytes" in entry["what"]] == ["a.txt"]


def test_zip_times(run_lamina, tmp_path):
    """The time of the directory, whatever the zone is."""
    write_zip(tmp_path / "a.zip", [Entry("x", b"1")])
    write_zip(tmp_path / "b.zip", [Entry("x", b"1")], date=(2026, 6, 1, 0, 0, 2))
    for zone in ("UTC", "Pacific/Auckland"):
        result = run_lamina("diff", "a.zip", "b.zip", cwd=tmp_path, env={"TZ": zone})
        assert "  changed  x: time 2026-06-01T00:00:00Z -> 2026-06-01T00:00:02Z\n" in result.out


def test_wheels_are_zips(run_lamina, tmp_path):
    for name, text in (("a.whl", "1"), ("b.whl", "2")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(zipfile.ZipInfo("demo/__init__.py"), text)
            archive.writestr(zipfile.ZipInfo("demo-1.0.dist-info/RECORD"), "demo/__init__.py,,\nfar.so,,\n")
            archive.writestr(zipfile.ZipInfo("far.so"), text)
    layer = only(run_lamina("diff", "--json", "a.whl", "b.whl", cwd=tmp_path))
    assert [(entry["path"], entry["package"]) for entry in layer["entries"]] == [
        ("demo/__init__.py", "demo 1.0"), ("far.so", "demo 1.0")]


def test_large_changes(diff):
    layer = only(diff([folder("app"), Entry("app/big", b"a" * 400_000), Entry("app/huge", b""), Entry("app/little", b"")],
        [folder("app"), Entry("app/big", b"a" * 500_000), Entry("app/huge", b"a" * 1_000_000), Entry("app/little", b"a" * 99_999)],
        "--json"))
    assert {entry["path"]: entry["large"] for entry in layer["entries"]} == {"big": True, "huge": True, "little": False}
    layer = only(diff([folder("app"), Entry("app/big", b"a" * 400_001)], [folder("app"), Entry("app/big", b"a" * 500_000)], "--json"))
    assert layer["entries"][0]["large"] is False


def test_many_entries(diff):
    a = [folder("app"), *(Entry(f"app/{i:04}", b"1") for i in range(200))]
    b = [folder("app"), *(Entry(f"app/{i:04}", b"2") for i in range(200))]
    lines = diff(a, b).out.splitlines()
    assert len(lines) == 43 and lines[-2] == "  ... and 160 more entries (-v lists all)"
    assert len(diff(a, b, "-v").out.splitlines()) == 202
    assert len(only(diff(a, b, "--json"))["entries"]) == 200


def test_many_times_are_one_line(diff):
    a = [folder("app"), *(Entry(f"app/{i:04}", b"1") for i in range(20))]
    b = [entry.but(time=0) for entry in a]
    b[7] = b[7].but(body=b"2")
    assert diff(a, b).out.splitlines()[1:-1] == [
        "  changed  . and 19 more: time 2026-06-01T00:00:00Z -> 1970-01-01T00:00:00Z",
        "  changed  0006: bytes, time 2026-06-01T00:00:00Z -> 1970-01-01T00:00:00Z"]


def test_report(diff):
    """Every key of the JSON form."""
    result = diff(BASE, CHANGES["size"][0], "--json")
    report = json.loads(result.out)
    layer = report["layers"][0]
    assert set(report) == {"equal", "layers", "packages", "findings"}
    assert (report["equal"], report["packages"], report["findings"]) == (False, [], [])
    assert set(layer) == {"layer_name", "target_platform", "state", "archives", "content_equal", "entries", "metadata",
        "findings", "notes"}
    data = tar_bytes(BASE)
    assert layer["archives"]["a"] == {"name": "a.tar", "present": True, "size": len(data), "compressor": None, "time": None,
        "top": "app", "sha256": hashlib.sha256(data).hexdigest()}
    header = {"uid": 0, "gid": 0, "user": "root", "group": "root", "time": "2026-06-01T00:00:00Z", "mode": "0644", "type": "file"}
    assert layer["entries"] == [{"path": "a.txt", "change": "changed", "what": ["bytes", "size"], "large": False,
        "package": None,
        "a": {**header, "size": 4, "sha256": hashlib.sha256(b"one\n").hexdigest()},
        "b": {**header, "size": 6, "sha256": hashlib.sha256(b"three\n").hexdigest()}}]


def test_quiet(diff):
    assert diff(BASE, BASE, "-q").out == ""
    assert diff(BASE, CHANGES["mode"][0], "-q").out == "different  b.tar\n  changed  lib/b.py: mode 0755 -> 0644\n"
