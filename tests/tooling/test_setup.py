"""misc/setup.py: what it says when it cannot install."""

import contextlib
import os
import time
from pathlib import Path

import pytest

import setup


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine where only zlib's package is missing, and the given programs exist."""
    monkeypatch.setattr(setup, "is_missing", lambda kind, name: name == "zlib")
    monkeypatch.setattr(setup, "LOG", tmp_path)

    def programs(*names):
        monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}" if name in names else None)

    return programs


def failure():
    with pytest.raises(setup.Failure) as caught:
        setup.install_packages("demo")
    return str(caught.value)


def test_no_apt(bare):
    bare()
    assert failure() == "install what these packages of Debian have, with your system's package manager: zlib1g-dev"


def test_no_sudo(bare, monkeypatch):
    bare("apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert failure() == "these packages are missing and this user cannot install them; as root: apt-get install zlib1g-dev"


def test_nothing_missing_runs_nothing(bare, monkeypatch):
    bare()
    monkeypatch.setattr(setup, "is_missing", lambda kind, name: False)
    setup.install_packages("check")


def test_what_is_missing(monkeypatch, tmp_path):
    """Whatever certificates are named in the environment."""
    file, full, empty = tmp_path / "full" / "file", tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    file.write_bytes(b"")
    for named in (True, False):
        if named:
            monkeypatch.setenv("SSL_CERT_FILE", str(file))
        else:
            monkeypatch.delenv("SSL_CERT_FILE")
        assert not setup.is_missing("file", file)
        assert setup.is_missing("file", tmp_path / "other")
        assert not setup.is_missing("folder", full)
        assert setup.is_missing("folder", empty)
        assert setup.is_missing("folder", tmp_path / "other")
        assert not setup.is_missing("certificates", full)
        assert setup.is_missing("certificates", empty) is not named


@pytest.mark.parametrize("profile", ["demo", "check"])
def test_every_kind_is_known(profile):
    """None is looked for as a library that pkg-config knows because its kind is misspelt."""
    kinds = {kind for _, kind, _ in setup.PACKAGES[profile]}
    assert kinds <= {"program", "library", "module", "file", "folder", "certificates"}


def test_failing_program_names_the_log_and_the_error(monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "LOG", tmp_path)
    with pytest.raises(setup.Failure) as caught:
        setup.run_logged("x", ["sh", "-c", "echo first; echo 'E: no such package'; echo last; exit 3"], "cannot install")
    assert str(caught.value) == f"cannot install: E: no such package (the whole log: {tmp_path}/x.log)"
    with pytest.raises(setup.Failure) as caught:
        setup.run_logged("x", ["sh", "-c", "exit 3"], "cannot install")
    assert str(caught.value) == f"cannot install: exit code 3 (the whole log: {tmp_path}/x.log)"


def test_proxies_without_direct(tmp_path):
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'https://a.example,https://b.example|direct'\n", encoding="utf-8")
    go.chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path}:{path}"
    try:
        assert setup.go_proxies(dict(os.environ)) == "https://a.example,https://b.example"
    finally:
        os.environ["PATH"] = path


def test_pinned_tools_have_digests(root):
    lines = (root / "misc" / "tools-requirements.txt").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    for line in [line for line in lines if line and not line.startswith("#")]:
        name, *digests = line.split()
        assert "==" in name and digests and all(d.startswith("--hash=sha256:") and len(d) == 78 for d in digests), line


ZIG = "#!/bin/sh\nsleep 600 &\necho $! $$ > '{pids}.new'\nmv '{pids}.new' '{pids}'\nwait\n"


def test_the_compiler_ends_with_what_it_was_begun_for(tmp_path, monkeypatch):
    """Also what it started itself."""
    pids = tmp_path / "pids"
    (tmp_path / "zig").write_text(ZIG.format(pids=pids))
    (tmp_path / "zig").chmod(0o755)
    monkeypatch.setattr(setup, "BIN", tmp_path)
    with setup.compiler_begun():
        while not pids.exists():
            time.sleep(0.01)
        group = int(pids.read_text().split()[1])
        assert os.getpgid(int(pids.read_text().split()[0])) == group != os.getpgid(0)
    while alive(group):  # a child of an ended process is reaped by somebody else
        time.sleep(0.01)


def alive(group):
    """Whether a process of the group still runs; what only waits to be reaped does not."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats.append(path.read_text().rpartition(")")[2].split())
    return any(int(words[2]) == group and words[0] != "Z" for words in stats)


def test_no_compiler_is_no_fault_here(tmp_path, monkeypatch):
    """The build tells it."""
    monkeypatch.setattr(setup, "BIN", tmp_path)
    with setup.compiler_begun():
        assert not (tmp_path / "zig").exists()
