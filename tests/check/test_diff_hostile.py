"""lamina diff on archives that are damaged, lie or want to do harm: one sentence, exit code 1, and no crash."""

import gzip
import subprocess
import tarfile

import pytest

import wheels
from handmade import Entry, folder, tar_bytes, write, zstd

GOOD = [folder("app"), Entry("app/a", b"1")]
TAR = tar_bytes(GOOD)
CUT_OFF = "is not a usable archive: it has no end mark (was it cut off?)"
UNUSABLE = "is not a usable zip file: member 'demo/a.py'"


def huge():
    member = tarfile.TarInfo("huge")
    member.size = 1 << 40
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(10240)


REFUSED = {
    "empty.tar": (lambda: b"", "is neither a tar nor a zip"),
    "text.tar": (lambda: b"hello\n" * 200, "is neither a tar nor a zip"),
    "no-tar.gz": (lambda: gzip.compress(b"no tar" * 1000), "is neither a tar nor a zip"),
    "checksum.tar": (lambda: TAR[:3] + b"X" + TAR[4:], "is neither a tar nor a zip"),
    "cut-in-header.tar": (lambda: TAR[:700], "is not a usable archive: Truncated tar archive"),
    "cut-in-body.tar": (lambda: tar_bytes([Entry("a", b"x" * 5000)])[:2000],
        "is not a usable archive: member 'a' cannot be read: Truncated tar archive"),
    "cut-between.tar": (lambda: TAR[:1536], CUT_OFF),
    "cut.tar.gz": (lambda: gzip.compress(TAR)[:-20], "is not a usable archive: truncated gzip input"),
    "cut.tar.zst": (lambda: zstd(TAR)[:-9], "is not a usable archive: Truncated zstd input"),
    "claims.tar": (huge, "is refused: its members claim more than 68719476736 bytes ('huge' is the first beyond)"),
    "long-name.tar": (lambda: tar_bytes([Entry("n" * 5000)], tarfile.GNU_FORMAT),
        "is refused: the name of a member has 5000 bytes, the limit is 4096"),
    "bzip2.zip": (wheels.BAD["bzip2"], f"{UNUSABLE} is compressed by method 12, which is not supported"),
    "crc.zip": (wheels.BAD["crc-wrong"], f"{UNUSABLE} has another CRC than its bytes"),
    "deflate.zip": (wheels.BAD["deflate-damaged"], f"{UNUSABLE} is not a deflate stream"),
    "encrypted.zip": (wheels.BAD["encrypted"], f"{UNUSABLE} is encrypted"),
    "hidden.zip": (wheels.BAD["hidden-member"], f"{UNUSABLE} is followed by bytes of no member"),
    "more.zip": (wheels.BAD["more-than-it-says"], f"{UNUSABLE} holds more bytes than it says"),
    "name.zip": (wheels.BAD["name-mismatch"], f"{UNUSABLE} has another name in its local header"),
    "claims.zip": (wheels.BAD["oversized-claim"], f"{UNUSABLE} claims 2147483648 bytes, more than 31 compressed bytes can hold"),
    "twice.zip": (wheels.BAD["same-name-twice"], "is not a usable zip file: member 'demo/__init__.py' is there twice"),
    "trailing.zip": (wheels.BAD["trailing"], "is not a usable zip file: its end record is not the end of the file"),
    "bytes.zip": (wheels.BAD["not-utf8"], "is not a usable zip file: member 'demo/\\xff.py' has a name that is not UTF-8"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("first", [True, False], ids=["as a", "as b"])
def test_refused(run_lamina, tmp_path, name, first):
    make, said = REFUSED[name]
    made = make()
    (tmp_path / name).write_bytes(made if isinstance(made, bytes) else made[1])
    write(tmp_path / "good.tar", GOOD)
    pair = (name, "good.tar") if first else ("good.tar", name)
    result = run_lamina("diff", *pair, cwd=tmp_path)
    assert (result.code, result.out, result.err) == (1, "", f"lamina: '{name}' {said}\n")


def test_a_hole_of_100_gigabytes(run_lamina, tmp_path):
    """A small archive that says it holds more than any disk."""
    with open(tmp_path / "hole", "wb") as file:
        file.truncate(100 << 30)
    subprocess.run(["tar", "--sparse", "-cf", "bomb.tar", "hole"], cwd=tmp_path, check=True)
    write(tmp_path / "good.tar", GOOD)
    result = run_lamina("diff", "good.tar", "bomb.tar", cwd=tmp_path)
    assert (result.code, result.err) == (1,
        "lamina: 'bomb.tar' is refused: its members claim more than 68719476736 bytes ('hole' is the first beyond)\n")


def test_names_are_only_shown(run_lamina, tmp_path):
    """Names that lead out, or act on a terminal, do neither."""
    write(tmp_path / "good.tar", GOOD)
    names = ["../../out", "/abs", "a\x1b[31m\nb", "C:\\x", "caf\udce9"]
    (tmp_path / "evil.tar").write_bytes(tar_bytes([Entry(name, b"x") for name in names], tarfile.GNU_FORMAT))
    before = sorted(path.name for path in tmp_path.parent.rglob("*"))
    result = run_lamina("diff", "good.tar", "evil.tar", cwd=tmp_path)
    assert result.code == 3
    assert [line for line in result.out.splitlines() if line.startswith("  added")] == [
        "  added    ../../out: file of 1 bytes", "  added    /abs: file of 1 bytes", "  added    C:\\x5cx: file of 1 bytes",
        "  added    a\\x1b[31m\\x0ab: file of 1 bytes", "  added    caf\\xe9: file of 1 bytes"]
    assert sorted(path.name for path in tmp_path.parent.rglob("*")) == before
    report = run_lamina("diff", "--json", "good.tar", "evil.tar", cwd=tmp_path)
    assert "caf\\\\xe9" in report.out


def test_zeros_are_an_empty_tar(run_lamina, tmp_path):
    (tmp_path / "zeros.tar").write_bytes(bytes(10240))
    write(tmp_path / "good.tar", GOOD)
    result = run_lamina("diff", "zeros.tar", "good.tar", cwd=tmp_path)
    assert (result.code, result.out) == (3, "different  good.tar\n  added    app: folder\n  added    app/a: file of 1 bytes\n"
        "1 of 1 layer differs\n")


def test_what_is_no_file(run_lamina, tmp_path):
    import os
    os.mkfifo(tmp_path / "fifo")
    write(tmp_path / "good.tar", GOOD)
    result = run_lamina("diff", "good.tar", "fifo", cwd=tmp_path)
    assert (result.code, result.out) == (1, "")
    assert "fifo" in result.err and result.err.count("\n") == 1


def test_every_cut(run_lamina, tmp_path):
    """Wherever an archive is cut off, there is a sentence and no crash."""
    data = zstd(TAR)
    write(tmp_path / "good.tar", GOOD)
    for length in range(1, len(data), 7):
        (tmp_path / "cut.tar.zst").write_bytes(data[:length])
        result = run_lamina("diff", "good.tar", "cut.tar.zst", cwd=tmp_path)
        assert result.code == 1 and result.err.startswith("lamina: 'cut.tar.zst' is ") and result.err.count("\n") == 1, result
