"""Segments: each stands alone, its digest is that of headers and files, the cuts follow the rule of docs/formats/archive.md, and a change stays where it is."""

import hashlib
import lzma
import subprocess
import tarfile
import zipfile
import zlib

import pytest

import segment_rule
import trees

MIB = 1024 * 1024


def unpack(format, data):
    """One segment, by a decompressor that takes exactly one frame, member or stream."""
    if format == "tar.gz":
        engine = zlib.decompressobj(wbits=31)
        out = engine.decompress(data)
        assert engine.eof and engine.unused_data == b""
        assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
        return out
    if format == "tar.xz":
        engine = lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
        out = engine.decompress(data)
        assert engine.eof and engine.unused_data == b""
        assert engine.check == lzma.CHECK_CRC64
        return out
    if format == "tar.zst":
        descriptor = data[4]
        assert data[:4] == b"\x28\xb5\x2f\xfd"
        assert descriptor & 4, "no checksum"
        assert descriptor >> 6 or descriptor & 0x20, "no content size"
        return subprocess.run(["zstd", "-dcq"], input=data, check=True, capture_output=True).stdout
    return data


@pytest.mark.parametrize("format", ["tar", "tar.gz", "tar.xz", "tar.zst"])
def test_each_stands_alone(archive, format):
    path, result = archive(format)
    data, (plain, _) = path.read_bytes(), archive("tar")
    stream = plain.read_bytes()
    assert hashlib.sha256(data).hexdigest() == result["digest"]
    assert len(data) == result["size"]
    offset = content_offset = 0
    for segment in result["segments"]:
        assert (segment["offset"], segment["content_offset"]) == (offset, content_offset)
        content = unpack(format, data[offset:offset + segment["size"]])
        assert len(content) == segment["content_size"]
        assert content == stream[content_offset:content_offset + len(content)]
        offset += segment["size"]
        content_offset += segment["content_size"]
    assert (offset, content_offset) == (result["size"], result["content_size"])
    assert content_offset == len(stream)


def path_hash(path):
    """FNV-1a with 64 bits, then the finalizer of splitmix64; the upper half."""
    mask = 2**64 - 1
    value = 0xcbf29ce484222325
    for byte in path.encode():
        value = (value ^ byte) * 0x100000001b3 & mask
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9 & mask
    value = (value ^ value >> 27) * 0x94d049bb133111eb & mask
    return (value ^ value >> 31) >> 32


TARGETS = {"tar": 4 * MIB, "tar.gz": 4 * MIB, "tar.xz": 16 * MIB, "tar.zst": 6 * MIB}
LARGE = {"tar.zst": 22 * MIB}  # else the same


def part_length(size, large):
    """Of the parts of a large member: as many as it has room for, of equal length in whole blocks, the last one shorter."""
    count = max(1, size // large)
    return -(-size // (count * 512)) * 512


def cuts(members, target, large=None):
    """The rule as the document has it. members: (path in the layer, bytes in the tar stream).
    Returns [(content offset, index of the first member that begins, members that begin)]."""
    out, filled, large = [], None, large or target
    offset = 0
    for index, (path, size) in enumerate(members):
        if size > target * 3 // 2:
            for at in range(0, size, part_length(size, large)):
                out.append([offset + at, index + (at > 0), int(at == 0)])
            filled = None
        else:
            if filled is None or filled + size > target * 3 // 2:
                out.append([offset, index, 0])
                filled = 0
            out[-1][2] += 1
            filled += size
            if filled >= target // 4 and path_hash(path) * (2 * target if filled < target else target // 8) < size << 32:
                filled = None
        offset += size
    return out


def sizes(path):
    """(path in the layer, bytes with headers and padding) of each member, as tarfile sees them."""
    with tarfile.open(path) as reader:
        members = reader.getmembers()
    ends = [member.offset for member in members[1:]] + [members[-1].offset_data + (members[-1].size + 511) // 512 * 512]
    return [(member.name.partition("/")[2], end - member.offset) for member, end in zip(members, ends)]


@pytest.mark.parametrize("format", TARGETS)
def test_cuts_follow_the_rule(archive, format):
    _, result = archive(format)
    got = [[segment["content_offset"], segment["first_entry"], segment["entry_count"]] for segment in result["segments"]]
    assert got == cuts(sizes(archive("tar")[0]), TARGETS[format], LARGE.get(format))


@pytest.mark.parametrize("format", TARGETS)
def test_digests_follow_the_rule(archive, format):
    """Headers and the digests of files; of a part of a file, where it is as well; and the end of the archive."""
    members = segment_rule.member_digests(archive("tar")[0].read_bytes())
    _, result = archive(format)
    for segment in result["segments"]:
        begin, end = segment["content_offset"], segment["content_offset"] + segment["content_size"]
        assert segment["digest"] == segment_rule.segment_digest(members, begin, end, result["content_size"], TARGETS[format])


@pytest.mark.parametrize("level, target, large", [("8", 6, 22), ("7", 6, 22), ("12", 6, 22), ("6", 6, 6), ("13", 6, 6)])
def test_parts_of_large_files_of_zst(write, tmp_path, level, target, large):
    """Where searching is deep but not slow they are larger: at least 22 MiB, where the file has as much."""
    members = {"begin": b"b" * 100_000, "large/13": trees.text(1, MIB) * 13, "large/43": trees.text(2, MIB) * 43,
        "large/67": trees.text(3, MIB) * 67, "small": b"s" * 1000}
    trees.write(tmp_path / "tree", members)
    options = ["--prefix", trees.PREFIX]
    result = write(tmp_path / "tree", tmp_path / "a", "--format", "tar.zst", "--level", level, *options).json()
    plain = write(tmp_path / "tree", tmp_path / "plain", "--format", "tar", *options).json()
    got = [[segment["content_offset"], segment["first_entry"], segment["entry_count"]] for segment in result["segments"]]
    assert got == cuts(sizes(tmp_path / "plain"), target * MIB, large * MIB)
    assert len(got) == {22: 1 + 1 + 1 + 3 + 1, 6: 1 + 2 + 7 + 11 + 1}[large]
    with subprocess.Popen(["zstd", "-dcq", tmp_path / "a"], stdout=subprocess.PIPE) as zstd:
        assert hashlib.file_digest(zstd.stdout, "sha256").hexdigest() == plain["digest"]


def test_zip_segments(archive):
    """Entries begin in the segment that says so; its digest that of the same members in a tar."""
    path, result = archive("zip")
    members = segment_rule.member_digests(archive("tar")[0].read_bytes())
    with zipfile.ZipFile(path) as reader:
        infos = reader.infolist()
        content = b"".join(reader.read(info) for info in infos if info.external_attr >> 28 == 0o10)
        directory = reader.start_dir
    offset = content_offset = index = 0
    for segment in result["segments"]:
        assert (segment["offset"], segment["content_offset"], segment["first_entry"]) == (offset, content_offset, index)
        end = offset + segment["size"]
        count = segment["entry_count"]
        assert all(offset <= info.header_offset < end for info in infos[index:index + count])
        begun = members[index:index + count]
        if count == 0 or begun[0][3] - begun[0][0] > 6 * MIB:  # of a large file
            (_, header, digest, _), = members[index - (count == 0):index + 1 - (count == 0)]
            skip = 0 if count else skip + previous
            previous = segment["content_size"]
            text = (header if count else b"") + digest + segment_rule.number(skip) + segment_rule.number(segment["content_size"])
        else:
            text = b"".join(header + digest for _, header, digest, _ in begun)
        assert hashlib.sha256(text).hexdigest() == segment["digest"]
        offset, content_offset, index = end, content_offset + segment["content_size"], index + count
    assert (offset, content_offset, index) == (directory, len(content), len(infos))
    assert content_offset == result["content_size"]


def library(count=3000):
    """{path: bytes} of about 30 MiB, the shape of a package with many modules."""
    return {f"lib/python3.11/site-packages/p{n % 23}/m{n:04}.py": trees.noise(n, 2000 + n * 7919 % 16000) for n in
        range(count)}


@pytest.fixture(scope="module")
def library_folder(tmp_path_factory):
    return trees.write(tmp_path_factory.mktemp("library"), library())


def digests(write, folder, out):
    result = write(folder, out, "--format", "tar", "--prefix", trees.PREFIX).json()
    out.unlink()
    return [segment["digest"] for segment in result["segments"]]


def test_sizes_are_near_the_target(write, library_folder, tmp_path):
    result = write(library_folder, tmp_path / "a.tar", "--format", "tar", "--prefix", trees.PREFIX).json()
    sizes = [segment["content_size"] for segment in result["segments"]]
    assert len(sizes) >= 6
    assert all(MIB <= size <= 6 * MIB for size in sizes[:-1])
    assert 3 * MIB < sum(sizes) / len(sizes) < 5 * MIB


def test_a_change_stays_where_it_is(write, library_folder, tmp_path):
    before = digests(write, library_folder, tmp_path / "a.tar")
    assert len(set(before)) == len(before)
    names = sorted(library())
    for name in (names[0], names[len(names) // 2], names[-1]):
        path = library_folder / name
        data = path.read_bytes()

        path.write_bytes(b"\n" + data[1:])  # same size: the segment it is in, and no other
        after = digests(write, library_folder, tmp_path / "a.tar")
        assert [a == b for a, b in zip(before, after, strict=True)].count(False) == 1

        for change in (lambda: path.write_bytes(data * 2), path.unlink, lambda: (path.parent / (path.name + "x")).touch()):
            change()  # grows, goes, comes under another name: the cut behind it may move, too
            after = digests(write, library_folder, tmp_path / "a.tar")
            assert len(set(after) - set(before)) <= 2
        (path.parent / (path.name + "x")).unlink()
        path.write_bytes(data)
    assert digests(write, library_folder, tmp_path / "a.tar") == before


def test_a_large_file_keeps_its_segments(write, tmp_path):
    """What is before and behind a large file does not move the cuts inside of it."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/large.so").write_bytes(trees.noise(7, 13 * MIB + 123))
    (tmp_path / "tree/z").write_bytes(b"behind")
    before = digests(write, tmp_path / "tree", tmp_path / "a.tar")
    (tmp_path / "tree/a").write_bytes(b"before" * 12345)
    (tmp_path / "tree/z").write_bytes(b"behind" * 54321)
    after = digests(write, tmp_path / "tree", tmp_path / "a.tar")
    assert len(before) == len(after) == 5
    assert before[1:4] == after[1:4]
