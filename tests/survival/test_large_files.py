"""Memory stays within its bound, however large a file is."""

import base64
import hashlib
import zlib

import rawzip
import small_stack
import wheelhouse
from sanitizers import measures_memory
from small_stack import LOCAL

MIB = 1 << 20
BOUND = 300 * MIB
LARGE = 2 << 30


def zeros():
    """A file of LARGE zeros: deflated, its CRC, and its digest as RECORD has it."""
    block, compressor = bytes(MIB), zlib.compressobj(9, zlib.DEFLATED, -15)
    first = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    # after a full flush nothing refers to what came before: the same bytes again are the same block again
    stored = first * (LARGE // MIB) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    crc, digest = 0, hashlib.sha256()
    for _ in range(LARGE // MIB):
        crc = zlib.crc32(block, crc)
        digest.update(block)
    return stored, crc, "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def make_large_wheel(folder):
    stored, crc, digest = zeros()
    info = {"large-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: large\nVersion: 1.0\n",
        "large-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    rows = "".join(wheelhouse.record_row(name, data) for name, data in info.items())
    record = f"large/zeros.bin,{digest},{LARGE}\n{rows}large-1.0.dist-info/RECORD,,\n".encode()
    fields = {"crc": crc, "size": LARGE}
    members = [rawzip.Member("large/zeros.bin", compress=True, stored=stored, local=fields, central=fields)]
    members += [rawzip.Member(name, data) for name, data in {**info, "large-1.0.dist-info/RECORD": record}.items()]
    (folder / "large-1.0-py3-none-any.whl").write_bytes(rawzip.make(members))


@measures_memory
def test_large_files(data_stack):
    """2 GiB in a wheel, and 2 GiB beside a launch module."""
    place = data_stack
    make_large_wheel(place.wheels)
    with open(place.project / "launch" / "data" / "zeros.bin", "wb") as file:
        file.truncate(LARGE)
    small_stack.write_spec(place.project, small_stack.UV, layers=small_stack.DATA_LAYERS.format(package="large"))
    assert place.peak("lock", *LOCAL, place.spec) < BOUND
    assert place.peak("publish", *LOCAL, place.spec, place.out) < BOUND
    for layer in ("small-runtime", "app-data"):
        listing = (place.out / "__venvstacks__" / "entries" / f"{layer}.txt").read_text()
        assert any(f" {LARGE} " in line and line.endswith("zeros.bin") for line in listing.splitlines())
