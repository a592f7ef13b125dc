"""Real layers in every format, read back by the tools that people have: equal contents, modes, links and times."""

import calendar
import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile

import pytest

import private
from run import run

pytestmark = pytest.mark.network  # a cold store fetches wheels
FORMATS = ["tar.zst", "tar.xz", "tar.gz", "zip", "tar"]
LAYERS = ["framework-sound", "app-scipy-import"]  # libraries, links to them, a wrapper; modules
TIME = calendar.timegm((2026, 6, 1, 0, 0, 0))  # exclude-newer of the sample
UTC = {"TZ": "UTC", "PATH": os.environ["PATH"]}


@pytest.fixture(scope="session")
def formats(session_environment, tmp_path_factory, lamina, runtimes, warm_store):
    """{format: folder with archives}; the runtime layer too where that is quick."""
    folder = tmp_path_factory.mktemp("formats")
    spec = private.copy_sample(folder / "sample_project") / "venvstacks.toml"
    with session_environment():
        for format in FORMATS:
            options = ["--include", "sound", "--include", "scipy-import"]
            if format in ("tar.zst", "zip"):
                options += ["--include", "cpython-3.11", "--level", "1"]
            run(lamina, "publish", "--format", format, *options, "--store", warm_store, spec, folder / format).ok()
    yield {format: folder / format for format in FORMATS}
    shutil.rmtree(folder)


def command(*argv):
    """Run a tool where no umask and no time zone takes part."""
    subprocess.run(argv, check=True, env=UTC, umask=0, stdin=subprocess.DEVNULL)


def by_gnu_tar(archive, folder):
    assert "GNU tar" in subprocess.run(["tar", "--version"], capture_output=True, text=True, check=True).stdout
    command("tar", "-xpf", archive, "-C", folder)
    return tree(folder)


def by_bsdtar(archive, folder):
    command("bsdtar", "-xpf", archive, "-C", folder)
    return tree(folder)


def by_unzip(archive, folder):
    """It gives links the time of unpacking; nothing in an archive can change that."""
    command("unzip", "-q", "-K", archive, "-d", folder)
    return {name: (*found[:3], TIME) if found[0] == "link" else found for name, found in tree(folder).items()}


def by_tarfile(archive, folder):
    """Without unpacking."""
    found = {}
    stream = None
    if archive.name.endswith(".zst"):
        with open(folder / "plain.tar", "wb") as plain:
            subprocess.run(["zstd", "-dcq", archive], check=True, stdout=plain)
        stream = open(folder / "plain.tar", "rb")
    with tarfile.open(None if stream else archive, fileobj=stream) as members:
        for member in members:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root")
            kind = "folder" if member.isdir() else "link" if member.issym() else "file"
            body = member.linkname if kind == "link" else b"" if kind == "folder" else members.extractfile(member).read()
            found[member.name] = entry(kind, member.mode, body, member.mtime)
    if stream:
        stream.close()
    return found


def by_zipfile(archive, folder):
    found = {}
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            mode = member.external_attr >> 16
            kind = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}[stat.S_IFMT(mode)]
            assert (kind == "folder") == member.is_dir() == member.filename.endswith("/")
            body = members.read(member)
            found[member.filename.rstrip("/")] = entry(kind, stat.S_IMODE(mode), body.decode() if kind == "link" else body,
                calendar.timegm(member.date_time))
    return found


def entry(kind, mode, body, mtime):
    """What is compared: a link's mode means nothing, a folder has no content."""
    return (kind, None if kind == "link" else mode, hashlib.sha256(body).hexdigest() if kind == "file" else body, mtime)


def tree(folder):
    found = {}
    for path in folder.rglob("*"):
        info = path.lstat()
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
        body = os.readlink(path) if kind == "link" else b"" if kind == "folder" else path.read_bytes()
        found[path.relative_to(folder).as_posix()] = entry(kind, stat.S_IMODE(info.st_mode), body, int(info.st_mtime))
    return found


READERS = {
    "tar.zst": [by_gnu_tar, by_bsdtar, by_tarfile], "tar.xz": [by_gnu_tar, by_bsdtar, by_tarfile],
    "tar.gz": [by_gnu_tar, by_bsdtar, by_tarfile], "tar": [by_gnu_tar, by_bsdtar, by_tarfile],
    "zip": [by_unzip, by_bsdtar, by_zipfile],
}


@pytest.fixture(scope="session")
def reference(formats, tmp_path_factory):
    """{layer: its entries}, as Python reads the plain tar."""
    return {layer: by_tarfile(formats["tar"] / f"{layer}.tar", None) for layer in LAYERS}


def test_reference(reference):
    """Some entries that are known without reading any archive."""
    sound = reference["framework-sound"]
    site = "framework-sound/lib/python3.11/site-packages"
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine]
    library = f"libsndfile_{machine}.so"
    assert sound[f"framework-sound/share/venv/dynlib/{library}"] == (
        "link", None, f"../../../lib/python3.11/site-packages/_soundfile_data/{library}", TIME)
    assert sound["framework-sound/bin/python_"] == ("link", None, "../../cpython-3.11/bin/python3.11", TIME)
    assert sound["framework-sound/bin/python3"] == ("link", None, "python", TIME)
    assert sound["framework-sound/bin/python"][:2] == ("file", 0o755)
    assert sound[f"{site}/soundfile.py"][:2] == ("file", 0o644)
    assert sound[site] == ("folder", 0o755, b"", TIME)
    assert {found[3] for layer in LAYERS for found in reference[layer].values()} == {TIME}
    modules = {f"app-scipy-import/lib/python3.11/site-packages/{name}.py": f"{folder}/{name}.py"
        for name, folder in (("scipy_import", "launch_modules"), ("where_from", "support_modules"))}
    for name, source in modules.items():
        digest = hashlib.sha256((private.paths.SAMPLE / source).read_bytes()).hexdigest()
        assert reference["app-scipy-import"][name] == ("file", 0o644, digest, TIME)


@pytest.mark.parametrize("format, reader", [(format, reader) for format, readers in READERS.items() for reader in readers],
    ids=lambda value: getattr(value, "__name__", value))
def test_read_back(formats, reference, tmp_path, format, reader):
    for layer in LAYERS:
        (tmp_path / layer).mkdir()
        assert reader(formats[format] / f"{layer}.{format}", tmp_path / layer) == reference[layer]


def test_a_runtime_is_read_back(formats, tmp_path):
    """Large files that are cut into segments, hundreds of folders, programs and aliases."""
    found = []
    for format, reader in (("tar.zst", by_gnu_tar), ("tar.zst", by_bsdtar), ("zip", by_unzip), ("zip", by_bsdtar)):
        folder = tmp_path / f"{format}{len(found)}"
        folder.mkdir()
        found.append(reader(formats[format] / f"cpython-3.11.{format}", folder))
    assert len(found[0]) > 1500
    assert found[1] == found[0] and found[2] == found[0] and found[3] == found[0]
    assert found[0]["cpython-3.11/bin/python"] == ("link", None, "python3.11", TIME)
    assert found[0]["cpython-3.11/bin/python3.11"][:2] == ("file", 0o755)


@pytest.mark.parametrize("format, tool", [("tar.zst", ["zstd", "-tq"]), ("tar.xz", ["xz", "-t"]), ("tar.gz", ["gzip", "-t"]),
    ("zip", ["unzip", "-tqq"]), ("zip", ["zip", "-T"])])
def test_tools_find_no_fault(formats, format, tool):
    for archive in sorted(formats[format].glob(f"*.{format}")):
        done = subprocess.run([*tool, archive], env=UTC, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_names_are_sorted_and_below_one_folder(formats):
    for format in ("tar", "tar.gz", "tar.xz"):
        for layer in LAYERS:
            with tarfile.open(formats[format] / f"{layer}.{format}") as members:
                names = members.getnames()
            assert names[0] == layer and len(names) == len(set(names))
            assert all(name.startswith(f"{layer}/") for name in names[1:])
            for folder in {os.path.dirname(name) for name in names[1:]}:  # a folder comes before what is in it
                inside = [index for index, name in enumerate(names) if os.path.dirname(name) == folder]
                assert names.index(folder) < min(inside)


def test_unpacking_twice(formats, reference, tmp_path):
    """Over what is there: links and files are replaced. (bsdtar leaves the times of folders that are there.)"""
    for reader, format in ((by_gnu_tar, "tar.zst"), (by_gnu_tar, "tar.gz"), (by_bsdtar, "tar.xz"), (by_bsdtar, "tar")):
        reader(formats[format] / f"framework-sound.{format}", tmp_path)
        found = tree(tmp_path)
        assert {name: entry[:3] for name, entry in found.items()} == {
            name: entry[:3] for name, entry in reference["framework-sound"].items()}
        assert {entry[3] for entry in found.values() if entry[0] != "folder"} == {TIME}
