"""Equal inputs give equal bytes: archives, metadata, manifest, segments and listings, whatever the machine is like."""

import hashlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

import deploy
import paths
import private
from run import run

pytestmark = pytest.mark.network  # a cold store fetches wheels
# a few layers with everything that can differ: libraries, links, modules, pure and native wheels
SOME = ["--include", "sound", "--include", "http-client", "--include", "scipy-import", "--include", "http-import"]
# these, small, for every platform
SMALL = ["--include", "http-client", "--include", "*-import", "--include", "scipy-client"]


def contents(out):
    """{path: digest}, with the mode."""
    return {path.relative_to(out).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), stat.S_IMODE(path.stat().st_mode))
        for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="session")
def reference(published):
    found = contents(published.out)
    assert len(found) == 9 + 3 * 9 + 1  # archives; metadata, segments, entries; the manifest
    return found


def only_some(found):
    """What a run with SOME writes, but for the manifest: its entries are compared one by one."""
    layers = ("framework-sound", "framework-http-client", "app-scipy-import", "app-http-import")
    return {name: digest for name, digest in found.items() if os.path.basename(name).split(".")[0] in layers}


def entries(out):
    return {layer["layer_name"]: layer for layer in deploy.layers(out)}


@pytest.fixture
def same_as_published(run_lamina, published, reference, warm_store, tmp_path):
    """check(*options, spec=, store=, cwd=, env=, out=): publish SOME layers and compare with what the session published."""

    def check(*options, spec=None, store=None, out=None, **more):
        out = out or tmp_path / "out"
        spec = spec or published.spec
        run_lamina("publish", "--store", store or warm_store, *SOME, *options, spec, out, **more).ok()
        folder = more.get("cwd") or Path.cwd()
        assert only_some(contents(folder / out)) == only_some(reference)
        assert entries(folder / out).items() <= entries(published.out).items()

    return check


def test_again(run_lamina, published, reference, warm_store, tmp_path):
    """The whole stack by one thread, elsewhere, with all that follows in one."""
    env = {"TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "HOME": tmp_path / "no home", "USER": "x", "COLUMNS": "40"}
    old = os.umask(0o077)
    try:
        run_lamina("publish", "--jobs", "1", "--store", warm_store, published.spec, tmp_path / "out", env=env).ok()
    finally:
        os.umask(old)
    assert contents(tmp_path / "out") == reference


@pytest.fixture(scope="session")
def wheels(published, warm_store, tmp_path_factory):
    return private.local_wheels(published.spec, warm_store, tmp_path_factory.mktemp("wheels") / "wheels")


@pytest.mark.parametrize("jobs", ["1", "2", "7", "64"])
def test_jobs(same_as_published, wheels, tmp_path, jobs):
    """With a store that has no segments: all is compressed."""
    same_as_published("--jobs", jobs, "--no-index", "--local-wheels", wheels, store=tmp_path / "store")


@pytest.mark.parametrize("umask", [0o077, 0o000, 0o777])
def test_umask(run_lamina, same_as_published, private_environment, umask):
    """Modes of what is written are exact, too (0o777 also for the folders in between)."""
    for folder in (private_environment / "home/.local/state/lamina",):
        folder.mkdir(parents=True)
    old = os.umask(umask)
    try:
        if umask == 0o777 and os.getuid() != 0:
            pytest.skip("only root can work with a umask that takes all rights away")
        same_as_published()
    finally:
        os.umask(old)


@pytest.mark.parametrize("env", [
    {"TZ": "America/St_Johns"}, {"TZ": ":/nonexistent"}, {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"}, {"LC_ALL": "C"},
    {"LANG": None, "LC_ALL": None}, {"LANG": "ja_JP.EUC-JP"}, {"HOME": "/nonexistent"}, {"HOME": None}, {"TMPDIR": "/nonexistent"},
    {"PATH": "/nonexistent"}, {"PYTHONHASHSEED": "7", "PYTHONPATH": "/nonexistent"}, {"GIT_DIR": "/nonexistent"},
    {"ZSTD_CLEVEL": "19", "ZSTD_NBTHREADS": "3", "XZ_OPT": "-9", "GZIP": "-9", "TAR_OPTIONS": "--owner=x"},
    {"SOURCE_DATE_EPOCH": ""}, {"NO_COLOR": "1", "TERM": "dumb"},
], ids=lambda env: ",".join(f"{name}={value}" for name, value in env.items()))
def test_environment(same_as_published, env):
    """With no PATH, too: publishing runs no other program."""
    same_as_published(env=env)


def test_source_date_epoch_of_the_lock(same_as_published):
    """The same time, given in another way."""
    same_as_published(env={"SOURCE_DATE_EPOCH": "1780272000"})  # 2026-06-01T00:00:00Z


def test_working_folder(same_as_published, published, tmp_path):
    """Paths of spec and output as they are typed: relative, with links, with dots."""
    (tmp_path / "link").symlink_to(published.spec.parent)
    same_as_published(cwd=published.spec.parent, spec="venvstacks.toml", out=tmp_path / "a")
    same_as_published(cwd=published.spec.parent.parent, spec="sample_project/../sample_project/./venvstacks.toml",
        out=tmp_path / "b")
    same_as_published(cwd=tmp_path, spec="link/venvstacks.toml", out=Path("c"))
    same_as_published(cwd=tmp_path, spec="link/venvstacks.toml", out=Path("./link/../c/../d/"))


def test_another_checkout(same_as_published, runtimes, tmp_path):
    """In a place with another name, its files made in another order, at another time, by another hand."""
    folder = tmp_path / "Ein anderer Ort, größer [1] %20 $HOME 'q'"
    first = private.copy_sample(tmp_path / "first")
    for path in sorted(first.rglob("*"), reverse=True):
        target = folder / path.relative_to(first)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            shutil.copyfile(path, target) if path.suffix != ".tar" else os.link(path, target)
            if path.suffix != ".tar":
                target.chmod(0o600)
                os.utime(target, (86400, 86400))
    (folder / "support_modules/__pycache__").mkdir()
    (folder / "support_modules/__pycache__/where_from.cpython-311.pyc").write_bytes(b"x")
    (folder / "launch_modules/scipy_client/__pycache__").mkdir()
    same_as_published(spec=folder / "venvstacks.toml", out=tmp_path / "out")


def test_a_checkout_in_git(same_as_published, sample, tmp_path):
    """Ignored files do not count, and neither does what git thinks of line ends."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", sample]
    subprocess.run([*git, "init", "-q", "."], check=True)
    (sample / ".gitignore").write_text("*.log\nruntimes/\n")
    (sample / "launch_modules/debug.log").write_text("x")
    (sample / "launch_modules/scipy_client/debug.log").write_text("x")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    subprocess.run([*git, "config", "core.autocrlf", "true"], check=True)
    same_as_published(spec=sample / "venvstacks.toml")


def test_cold_store(same_as_published, published, warm_store, tmp_path):
    """An empty store, filled from a folder of wheels and without any network; then used again, then without the folder."""
    wheels = private.local_wheels(published.spec, warm_store, tmp_path / "wheels")
    store = tmp_path / "store"
    same_as_published("--no-index", "--local-wheels", wheels, store=store, out=tmp_path / "cold")
    same_as_published("--no-index", store=store, out=tmp_path / "warm")
    same_as_published("--no-index", store=tmp_path / "other store", out=tmp_path / "links", env={"PIP_FIND_LINKS": str(wheels)})


def test_half_a_store(same_as_published, warm_store, published, tmp_path):
    """Everything in a store may be deleted at any time."""
    wheels = private.local_wheels(published.spec, warm_store, tmp_path / "wheels")
    store = tmp_path / "store"
    same_as_published("--no-index", "--local-wheels", wheels, store=store, out=tmp_path / "first")
    for index, path in enumerate(sorted(path for path in (store / "sources").rglob("*") if path.is_file())):
        if index % 2:
            path.unlink()
    for path in store.glob("store.sqlite*"):
        path.unlink()
    same_as_published("--no-index", "--local-wheels", wheels, store=store, out=tmp_path / "second")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can work as another user")
def test_another_user(published, reference, lamina, warm_store):
    """Somebody who may only read the project, with a home and a store of their own."""
    nobody = pwd.getpwnam("nobody")
    place = Path(tempfile.mkdtemp(prefix="lamina-test-", dir=paths.OPEN))  # the folders of pytest are closed to others
    try:
        place.chmod(0o755)
        spec = place / "project/venvstacks.toml"
        shutil.copytree(published.spec.parent, spec.parent)
        shutil.copy(lamina, place / "lamina")
        shutil.copytree(private.local_wheels(published.spec, warm_store, place / "links"), place / "wheels")
        for path in place.rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.name == "lamina" else 0o644)
        (place / "own").mkdir()
        os.chown(place / "own", nobody.pw_uid, nobody.pw_gid)
        run("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", place / "lamina", "publish",
            "--no-index", "--local-wheels", place / "wheels", *SOME, spec, place / "own/out", cwd="/", env={
                "HOME": place / "own/home", "XDG_CACHE_HOME": None, "XDG_STATE_HOME": None, "TMPDIR": None, "USER": "nobody",
                "XDG_DATA_HOME": None, "XDG_CONFIG_HOME": None}).ok()
        assert {path.stat().st_uid for path in (place / "own/out").rglob("*")} == {nobody.pw_uid}
        assert only_some(contents(place / "own/out")) == only_some(reference)
        assert (place / "own/home/.cache/lamina/store.sqlite").exists()
        assert (place / "own/home/.local/state/lamina/catalogue.sqlite").exists()
    finally:
        shutil.rmtree(place)


@pytest.fixture(scope="session")
def second_store(tmp_path_factory):
    return tmp_path_factory.mktemp("second") / "store"


@pytest.mark.parametrize("format", ["tar.zst", "tar.xz", "tar.gz", "zip", "tar"])
def test_every_format_twice(run_lamina, published, warm_store, second_store, tmp_path, format):
    """On all platforms, by one thread and by three, under another umask; the second time with nothing that was compressed before."""

    def publish(name, umask, store, *options, **env):
        old = os.umask(umask)
        try:
            run_lamina("publish", "--store", store, "--platform", "all", "--format", format, *options, *SMALL, published.spec,
                tmp_path / name, env=env).ok()
        finally:
            os.umask(old)

    publish("a", 0o022, warm_store, "--jobs", "1", TZ="UTC")
    wheels = private.local_wheels(published.spec, warm_store, tmp_path / "wheels")
    publish("b", 0o077, second_store, "--jobs", "3", "--no-index", "--local-wheels", wheels, TZ="Asia/Tokyo")
    first = contents(tmp_path / "a")
    assert sum(name.endswith(f".{format}") for name in first) == 5 * 4
    assert contents(tmp_path / "b") == first


def test_content_does_not_depend_on_the_format(run_lamina, published, warm_store, tmp_path):
    """Nor on the level; archives do."""
    hashes = {}
    for format, level in (("tar", None), ("zip", None), ("tar.zst", "1"), ("tar.zst", None), ("tar.gz", "1"), ("tar.xz", "0")):
        options = ["--format", format, *(["--level", level] if level else [])]
        out = tmp_path / f"{format}-{level}"
        run_lamina("publish", "--store", warm_store, *SOME, *options, published.spec, out).ok()
        hashes[format, level] = {name: layer["content_hash"] for name, layer in entries(out).items()}
        listing = (out / "__venvstacks__/entries/app-http-import.txt").read_bytes()
        assert "sha256:" + hashlib.sha256(listing).hexdigest() == hashes[format, level]["app-http-import"]
    assert all(found == hashes["tar", None] for found in hashes.values())


def test_two_runs_at_once(lamina, published, reference, warm_store, tmp_path):
    """One store, two folders, at the same time."""
    processes = [subprocess.Popen([lamina, "publish", "-q", "--store", warm_store, *SOME, published.spec, tmp_path / name],
        stdin=subprocess.DEVNULL) for name in ("a", "b", "c")]
    assert [process.wait(timeout=90) for process in processes] == [0, 0, 0]
    for name in ("a", "b", "c"):
        assert only_some(contents(tmp_path / name)) == only_some(reference)


def test_locks_are_left_alone(same_as_published, sample):
    """Publishing writes nothing beside the spec; build --publish neither, when the locks are valid."""
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (sample / "requirements").rglob("*") if path.is_file()}
    names = sorted(path.name for path in sample.iterdir())
    same_as_published(spec=sample / "venvstacks.toml")
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (sample / "requirements").rglob("*") if path.is_file()}
    assert after == before and sorted(path.name for path in sample.iterdir()) == names


def test_build_publish_is_publish(run_lamina, published, reference, warm_store, tmp_path):
    run_lamina("build", "--publish", "--store", warm_store, *SOME, published.spec, tmp_path / "out").ok()
    assert only_some(contents(tmp_path / "out")) == only_some(reference)
    assert json.loads((tmp_path / "out/__venvstacks__/venvstacks.json").read_text())["layers"]["runtimes"] == []
