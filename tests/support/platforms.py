"""Tests of the sample project's layers for a platform, built on this host without running anything of it. What is installed is
what `uv pip install --python-platform` puts in place, from the files that uv chooses for the platform from the package index.

tests/e2e/test_platform_*.py import them all, so that the platforms are tested side by side; PLATFORMS there says which.
"""

import hashlib
import os
import re
import shutil
import struct
import subprocess
import tarfile
import tomllib
import types

import pytest

import deploy
import private
from against_uv import Comparison, uv_install
from run import run

# ours -> what uv calls it, and the machine in the headers of its programs
UV_PLATFORM = {
    "linux_x86_64": "x86_64-manylinux_2_28", "linux_aarch64": "aarch64-manylinux_2_28",
    "macosx_arm64": "aarch64-apple-darwin", "macosx_x86_64": "x86_64-apple-darwin", "win_amd64": "x86_64-pc-windows-msvc",
}
MACHINE = {
    "linux_x86_64": ("ELF", 62), "linux_aarch64": ("ELF", 183),
    "macosx_arm64": ("Mach-O", 0x0100000C), "macosx_x86_64": ("Mach-O", 0x01000007), "win_amd64": ("PE", 0x8664),
}
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "12.0"}  # the sample's macosx_target
COMMON = ["cpython-3.11", "cpython-3.14", "framework-scipy", "framework-sound", "framework-sklearn", "framework-http-client"]
LINUX = [*COMMON, "app-scipy-import", "app-http-import", "app-sklearn-import"]
OTHERS = [*COMMON, "app-scipy-client", "app-http-import", "app-sklearn-import"]
LAYERS = {"linux_x86_64": LINUX, "linux_aarch64": LINUX, "macosx_arm64": OTHERS, "macosx_x86_64": OTHERS, "win_amd64": OTHERS}
TARGETS = {"cpython-3.14": "cpython-3.14@1", "framework-scipy": "framework-scipy@1"}
PYTHON = dict.fromkeys(["cpython-3.14", "framework-sklearn", "app-sklearn-import"], "3.14")


@pytest.fixture(scope="module")
def everywhere(request, session_environment, tmp_path_factory, lamina, runtimes, warm_store):
    """The platforms of the test file in .out. The lowest level, to save time."""
    folder = tmp_path_factory.mktemp("everywhere")
    spec = private.copy_sample(folder / "sample_project") / "venvstacks.toml"
    options = [option for name in request.module.PLATFORMS for option in ("--platform", name)]
    with session_environment():
        run(lamina, "publish", *options, "--level", "1", "--store", warm_store, spec, folder / "out").ok()
    one = len(request.module.PLATFORMS) == 1
    yield types.SimpleNamespace(folder=lambda name: folder / "out" if one else folder / "out" / name, spec=spec)
    shutil.rmtree(folder)


def pytest_generate_tests(metafunc):
    if "platform" in metafunc.fixturenames:
        metafunc.parametrize("platform", metafunc.module.PLATFORMS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def platform(request, everywhere, tmp_path_factory):
    """One platform after the other, unpacked by tar or unzip. .name, .out, .tree, .layers: {layer: its metadata}"""
    name, out = request.param, everywhere.folder(request.param)
    tree = tmp_path_factory.mktemp("unpacked")
    layers = {layer["layer_name"]: layer for layer in deploy.layers(out)}
    for layer in layers.values():
        archive = out / layer["archive_name"]
        if archive.suffix == ".zip":
            subprocess.run(["unzip", "-q", archive, "-d", tree], check=True)
        else:
            deploy.unpack(archive, tree)
    yield types.SimpleNamespace(name=name, windows=name.startswith("win"), out=out, tree=tree, layers=layers)
    shutil.rmtree(tree)


def site_of(platform, layer):
    return "Lib/site-packages" if platform.windows else f"lib/python{PYTHON.get(layer, '3.11')}/site-packages"


def test_what_is_published(platform):
    assert list(platform.layers) == LAYERS[platform.name]
    extension = "zip" if platform.windows else "tar.zst"
    for name, layer in platform.layers.items():
        target = TARGETS.get(name, name)
        assert (layer["install_target"], layer["target_platform"]) == (target, platform.name)
        assert layer["archive_name"] == f"{target}.{extension}"
        assert layer["bound_to_implementation"] == (platform.windows and not name.startswith("cpython"))
        assert (platform.tree / target / "postinstall.py").is_file()


def locked(spec, layer):
    """[(requirement, name, {wheel's file name: SHA-256})] of what a layer installs itself."""
    lock = tomllib.loads((spec.parent / "requirements" / layer / f"pylock.{layer}.toml").read_text())
    found = []
    for package in lock.get("packages", []):
        marker = f" ; {package['marker']}" if "marker" in package else ""
        wheels = {os.path.basename(wheel.get("path") or wheel["url"]): wheel["hashes"]["sha256"] for wheel in package["wheels"]}
        found.append((f"{package['name']}=={package['version']}{marker}", package["name"], wheels))
    return found


def uv_choice(platform, layers, spec, python, scratch):
    """{package: file} that uv would install for the platform from all that the package index has."""
    pins = sorted({pin for layer in layers if PYTHON.get(layer, "3.11") == python for pin, _, _ in locked(spec, layer)})
    done = subprocess.run(["uv", "pip", "install", "--verbose", "--dry-run", "--no-config", "--no-deps",
        "--only-binary", ":all:", "--target", scratch, "--python-version", python, "--python-platform",
        UV_PLATFORM[platform], *pins], env={**os.environ, **MACOS}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"Selecting: (\S+?)==\S+ \[\w+\] \((\S+\.whl)\)", done.stderr))


@pytest.fixture(scope="module")
def chosen(session_environment, platform, everywhere, tmp_path_factory):
    """{layer: [wheel in the store]}: uv's choice, which must be in the lock with a digest that is in the store."""
    with session_environment():
        choice = {python: uv_choice(platform.name, platform.layers, everywhere.spec, python,
            tmp_path_factory.mktemp("target")) for python in ("3.11", "3.14")}
    return {layer: {choice[PYTHON.get(layer, "3.11")][name]: wheels
        for _, name, wheels in locked(everywhere.spec, layer) if name in choice[PYTHON.get(layer, "3.11")]}
        for layer in platform.layers}


def from_store(store, folder, wheels):
    """Links, named as wheels are, to the store's files of these {file name: {name: digest}}."""
    folder.mkdir()
    for name, digests in wheels.items():
        digest = digests[name]  # KeyError: uv chooses a file that the lock does not have
        (folder / name).symlink_to(store / "sources" / digest[:2] / digest[2:])
    return sorted(folder.iterdir())


def runtime_files(archive):
    """{path: (executable, digest or link target)} of a runtime archive, of what a runtime layer takes over."""
    found = {}
    with tarfile.open(archive) as members:
        for member in members:
            name = member.name.removeprefix("python/")
            if member.isdir() or "__pycache__" in name or name.endswith(".pyc") or name.startswith(("bin/pip", "Scripts/pip")):
                continue
            body = member.linkname if member.issym() else hashlib.sha256(members.extractfile(member).read()).hexdigest()
            found[name] = (not member.issym() and bool(member.mode & 0o100), body)
    return found


def runtime_archive(spec, python, platform):
    stack = tomllib.loads(spec.read_text())
    [entry] = [entry for entry in stack["tool"]["lamina"]["runtime_archives"]
        if entry["platform"] == platform and entry["implementation"].startswith(f"cpython@{python}.")]
    return spec.parent / entry["path"]


@pytest.mark.parametrize("layer", sorted({*LINUX, *OTHERS}))
def test_installed_as_uv_does(platform, chosen, layer, everywhere, warm_store, tmp_path):
    if layer not in platform.layers:
        assert layer == ("app-scipy-client" if platform.name.startswith("linux") else "app-scipy-import")
        return
    ours = platform.tree / TARGETS.get(layer, layer)
    if not chosen[layer]:
        assert not list(ours.rglob("*.dist-info"))
        return
    python = PYTHON.get(layer, "3.11")
    wheels = from_store(warm_store, tmp_path / "wheels", chosen[layer])
    target = tmp_path / "uv"
    uv_install(target, wheels, "--target", target, "--python-platform", UV_PLATFORM[platform.name], "--python-version", python,
        env=MACOS)
    site = site_of(platform, layer)

    def rename(path):
        return path[len(site) + 1:] if path.startswith(f"{site}/") else path

    if layer.startswith("cpython"):
        base = runtime_files(runtime_archive(everywhere.spec, python, platform.name))
        Comparison(ours, target, site, wheels, rename, lambda path: path in base or not path.startswith(f"{site}/")).check()
    else:
        Comparison(ours, target, site, wheels, rename).check()


@pytest.mark.parametrize("layer", ["cpython-3.11", "cpython-3.14"])
def test_runtime_is_the_archive(platform, everywhere, layer):
    """Besides site-packages: every file of the runtime archive, byte by byte, and nothing else but what a layer adds."""
    ours = platform.tree / TARGETS.get(layer, layer)
    python = PYTHON.get(layer, "3.11")
    base = runtime_files(runtime_archive(everywhere.spec, python, platform.name))
    site = site_of(platform, layer)
    found = {}
    for path in ours.rglob("*"):
        name = path.relative_to(ours).as_posix()
        if name.startswith(f"{site}/") and name not in base or path.is_dir() and not path.is_symlink():
            continue
        body = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        found[name] = (not path.is_symlink() and bool(path.stat().st_mode & 0o100), body)
    added = {name: entry for name, entry in found.items() if name not in base}
    assert {name for name in added if not name.startswith("share/venv/")} <= {
        "postinstall.py", "bin/python", "bin/python3"}
    for name in ("bin/python", "bin/python3"):
        assert added.get(name, (False, f"python{python}")) == (False, f"python{python}")
    assert {name: found.get(name) for name in base} == base


def machines(path):
    """(format, [machines]) of a program or library; None for another file."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:4] == b"\x7fELF":
        return "ELF", [struct.unpack_from("<H", head, 18)[0]]
    if head[:4] == b"\xcf\xfa\xed\xfe":
        return "Mach-O", [struct.unpack_from("<I", head, 4)[0]]
    if head[:4] == b"\xca\xfe\xba\xbe":
        return "Mach-O", [struct.unpack_from(">I", head, 8 + 20 * i)[0] for i in range(struct.unpack_from(">I", head, 4)[0])]
    if head[:2] == b"MZ":
        start = struct.unpack_from("<I", head, 60)[0]
        return "PE", [struct.unpack_from("<H", head, start + 4)[0]]
    return None


def test_machine_code_is_of_the_platform(platform):
    """Every extension module, library and program, by its header."""
    kind, machine = MACHINE[platform.name]
    seen = 0
    for path in platform.tree.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        told = machines(path)
        if told is None:
            assert not re.search(r"\.(pyd|dylib|dll|exe)$|\.so(\.\d+)*$", path.name), path
        else:
            assert told[0] == kind and machine in told[1], path
            seen += 1
    assert seen > 300


def test_links(platform):
    """No link in a Windows layer. Elsewhere each leads to something in the stack."""
    links = [path for path in platform.tree.rglob("*") if path.is_symlink()]
    if platform.windows:
        assert links == []
    for path in links:
        assert path.resolve().is_relative_to(platform.tree) and path.resolve().exists(), path
    libraries = {path.relative_to(platform.tree).as_posix(): path.resolve().relative_to(platform.tree).as_posix()
        for path in platform.tree.glob("framework-sound/share/venv/dynlib/libsnd*")}
    data = "framework-sound/lib/python3.11/site-packages/_soundfile_data"
    name = {"linux_x86_64": "libsndfile_x86_64.so", "linux_aarch64": "libsndfile_arm64.so",
        "macosx_arm64": "libsndfile_arm64.dylib", "macosx_x86_64": "libsndfile_x86_64.dylib"}.get(platform.name)
    assert libraries == ({f"framework-sound/share/venv/dynlib/{name}": f"{data}/{name}"} if name else {})


def test_interpreters(platform):
    """How each layer starts Python."""
    upper = [layer for layer in platform.layers if not layer.startswith("cpython")]
    for layer in upper:
        folder = platform.tree / TARGETS.get(layer, layer)
        version = PYTHON.get(layer, "3.11")
        runtime = platform.tree / ("cpython-3.14@1" if version == "3.14" else "cpython-3.11")
        if platform.windows:
            launchers = runtime / "Lib/venv/scripts/nt"
            sources = ("venvlauncher.exe", "venvwlauncher.exe") if version == "3.14" else ("python.exe", "pythonw.exe")
            for name, source in zip(("python.exe", "pythonw.exe"), sources):
                assert (folder / "Scripts" / name).read_bytes() == (launchers / source).read_bytes()
            continue
        wrapped = (folder / "bin/python_").is_symlink()
        program = folder / ("bin/python_" if wrapped else "bin/python")
        assert program.resolve() == runtime / f"bin/python{version}"
        assert os.readlink(folder / "bin/python3") == os.readlink(folder / f"bin/python{version}") == "python"
        if wrapped:
            text = (folder / "bin/python").read_text()
            assert text.startswith("#!/bin/sh\n")
            assert ("DYLD_LIBRARY_PATH" in text) == platform.name.startswith("macos")
    if platform.windows:
        for runtime in ("cpython-3.11", "cpython-3.14@1"):
            assert (platform.tree / runtime / "python.exe").is_file()
            assert not (platform.tree / runtime / "bin").exists()
        return
    # numpy's wheels bring libraries for Linux and macOS on x86, so its runtime layer publishes them to all above
    libraries = sorted(path.name for path in (platform.tree / "cpython-3.11/share/venv/dynlib").glob("*"))
    assert (platform.tree / "app-http-import/bin/python_").is_symlink() == bool(libraries)
    assert (platform.tree / "framework-sound/bin/python_").is_symlink()


def test_applications(platform):
    """Launch and support modules are in every application layer, as they are in the project."""
    modules = {
        "app-scipy-import": ["scipy_import.py", "where_from.py"],
        "app-scipy-client": ["scipy_client/__init__.py", "scipy_client/__main__.py", "scipy_client/solve.py", "where_from.py"],
        "app-http-import": ["http_import.py", "where_from.py"],
        "app-sklearn-import": ["sklearn_import.py", "where_from.py"],
    }
    for layer in [layer for layer in platform.layers if layer.startswith("app-")]:
        site = platform.tree / layer / site_of(platform, layer)
        files = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()}
        assert sorted(files) == modules[layer]
        for name, path in files.items():
            source = "support_modules" if name == "where_from.py" else "launch_modules"
            assert path.read_bytes() == (private.paths.SAMPLE / source / name).read_bytes()
