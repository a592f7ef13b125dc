"""misc/fetch_runtimes: the sample's runtime archives."""

import hashlib
import os
import shutil
import sys
import tarfile
import tomllib

import pytest

WINDOWS = "cpython-3.11.11-x86_64-pc-windows-msvc-install_only.tar"


@pytest.fixture
def elsewhere(root, runtimes, tmp_path):
    """The script in a tree of its own, with the committed digests and no archives; Go's modules are there already."""
    (tmp_path / "misc").mkdir()
    (tmp_path / "sample_project" / "runtimes").mkdir(parents=True)
    shutil.copy(root / "misc" / "fetch_runtimes", tmp_path / "misc")
    shutil.copy(root / "sample_project" / "runtimes" / "SHA256SUMS", tmp_path / "sample_project" / "runtimes")
    return tmp_path


def sums(folder):
    return dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_spec_names_the_same_archives_and_digests(root):
    spec = tomllib.loads((root / "sample_project" / "venvstacks.toml").read_text(encoding="utf-8"))
    named = {row["path"]: row["sha256"] for row in spec["tool"]["lamina"]["runtime_archives"]}
    assert named == {f"runtimes/{name}": value for name, value in sums(root / "sample_project" / "runtimes").items()}
    assert len({(row["implementation"], row["platform"]) for row in spec["tool"]["lamina"]["runtime_archives"]}) == 10


def test_archives_are_plain_and_sorted(runtimes):
    for name, wanted in sums(runtimes).items():
        assert digest(runtimes / name) == wanted, name
        short = ".".join(name.split("-")[1].split(".")[:2])
        with tarfile.open(runtimes / name, "r:") as tar:
            members = tar.getmembers()
        *files, last = members
        names = [member.name for member in files]
        assert names == sorted(names)
        assert all(member.isreg() or member.issym() for member in files)
        assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 315532800)}
        assert {member.mode for member in files if member.isreg()} == {0o644, 0o755}
        site = "python/Lib/site-packages" if "windows" in name else f"python/lib/python{short}/site-packages"
        assert last.isdir() and last.name == site
        assert ("python/python.exe" if "windows" in name else f"python/bin/python{short}") in names


def test_the_host_runtime_runs(runtimes, run, tmp_path):
    name = f"cpython-3.11.11-{os.uname().machine}-unknown-linux-gnu-install_only.tar"
    with tarfile.open(runtimes / name, "r:") as tar:
        tar.extractall(tmp_path, filter="tar")
    code = "import ssl, sqlite3, ctypes, zlib, lzma, hashlib, sys; print(sys.version.split()[0])"
    assert run(tmp_path / "python" / "bin" / "python3", "-I", "-c", code).ok().out == "3.11.11\n"


def test_repairs_only_what_is_wrong(elsewhere, run):
    folder = elsewhere / "sample_project" / "runtimes"
    run("python3", elsewhere / "misc" / "fetch_runtimes", "-q", "--platform", "win_amd64").ok()
    made = sorted(path.name for path in folder.glob("*"))
    assert made == ["SHA256SUMS", WINDOWS, WINDOWS.replace("3.11.11", "3.14.6")]
    assert digest(folder / WINDOWS) == sums(folder)[WINDOWS]
    other = (folder / WINDOWS.replace("3.11.11", "3.14.6")).stat().st_ino
    (folder / WINDOWS).write_bytes(b"half")
    result = run("python3", elsewhere / "misc" / "fetch_runtimes", "--platform", "win_amd64").ok()
    assert result.err.splitlines()[-1] == f"runtimes: {WINDOWS}"
    assert digest(folder / WINDOWS) == sums(folder)[WINDOWS]
    assert (folder / WINDOWS.replace("3.11.11", "3.14.6")).stat().st_ino == other
    result = run("python3", elsewhere / "misc" / "fetch_runtimes", "--platform", "win_amd64").ok()
    assert (result.out, result.err) == ("", "")


def test_refuses_other_bytes(elsewhere, run):
    folder = elsewhere / "sample_project" / "runtimes"
    text = (folder / "SHA256SUMS").read_text(encoding="utf-8")
    (folder / "SHA256SUMS").write_text(text.replace(sums(folder)[WINDOWS], "0" * 64), encoding="utf-8")
    result = run("python3", elsewhere / "misc" / "fetch_runtimes", "-q", "--platform", "win_amd64")
    got = "63d05b7066d34c4a3f7d916fa233e70aa5e9cc7e8fad223b1f6a5e6d5f1d84f7"
    assert (result.code, result.err) == (
        1, f"misc/fetch_runtimes: {WINDOWS} came out with SHA-256 {got}, SHA256SUMS says {'0' * 64}\n")
    assert not (folder / WINDOWS).exists()
    assert not list(folder.glob(".*"))


def test_no_go(elsewhere, run, tmp_path):
    result = run(sys.executable, elsewhere / "misc" / "fetch_runtimes", "-q", env={"PATH": tmp_path / "empty"})
    assert (result.code, result.err) == (
        1, "misc/fetch_runtimes: the program 'go' is needed to fetch the runtimes and is not on the PATH\n")


def test_no_network(elsewhere, run, tmp_path):
    result = run("python3", elsewhere / "misc" / "fetch_runtimes", "-q",
                 env={"GOMODCACHE": tmp_path / "empty", "GOPROXY": "off"})
    assert result.code == 1
    assert result.err.startswith(
        "misc/fetch_runtimes: cannot download the Go module github.com/kluctl/go-embed-python@v0.0.0-3.11.11-20241219-1: ")
