"""Layers of every platform from the real runtime archives, made on this host without running anything of them."""

import json
import os
import subprocess

import pytest

import wheelhouse

pytestmark = pytest.mark.network
RUNTIMES = [
    ("linux_x86_64", "x86_64-unknown-linux-gnu"), ("linux_aarch64", "aarch64-unknown-linux-gnu"),
    ("macosx_arm64", "aarch64-apple-darwin"), ("macosx_x86_64", "x86_64-apple-darwin"),
    ("win_amd64", "x86_64-pc-windows-msvc"),
]


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


@pytest.mark.parametrize("version", ["3.11.11", "3.14.6"])
@pytest.mark.parametrize("platform, triple", RUNTIMES)
def test_layers(platform, triple, version, runtimes, assemble, layer_of, tmp_path):
    minor = version.rsplit(".", 1)[0]
    archive = runtimes / f"cpython-{version}-{triple}-install_only.tar"
    pure = wheelhouse.make_wheel(tmp_path, "pure-1.0", {"pure.py": b"", "pure-1.0.data/headers/pure.h": b""})
    layers = [
        layer_of("runtime", f"cpython-{minor}", archive=archive),
        layer_of("application", "app-pure", [0], archive=archive, wheels=[pure]),
    ]
    layers = [{**layer, "version": version} for layer in layers]
    assemble(platform, layers, tmp_path / "out")
    runtime, app = files_of(tmp_path / "out" / f"cpython-{minor}"), files_of(tmp_path / "out/app-pure")
    windows = platform.startswith("win")
    site = "Lib/site-packages" if windows else f"lib/python{minor}/site-packages"

    listed = subprocess.run(["tar", "-tf", archive], check=True, capture_output=True, text=True).stdout.splitlines()
    taken = {name[len("python/"):] for name in listed if not name.endswith("/")}
    taken = {name for name in taken if not name.startswith(("bin/pip", "Scripts/pip"))}
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in runtime)
    ours = {"postinstall.py", "share/venv/metadata/venvstacks_layer.json"}
    assert runtime - ours == taken - {site}
    assert (tmp_path / "out" / f"cpython-{minor}" / site).is_dir()

    config = json.loads((tmp_path / "out/app-pure/share/venv/metadata/venvstacks_layer.json").read_text())
    python = "python.exe" if windows else "bin/python"
    assert config == {
        "python": "Scripts/python.exe" if windows else "bin/python", "py_version": version,
        "base_python": f"../cpython-{minor}/{python}", "site_dir": site,
        "pylib_dirs": [f"../cpython-{minor}/{site}"], "dynlib_dirs": [],
    }
    assert python in runtime
    interpreters = {"Scripts/python.exe", "Scripts/pythonw.exe"} if windows else {
        "bin/python", "bin/python3", f"bin/python{minor}"}
    assert app == ours | interpreters | {
        f"include/site/python{minor}/pure/pure.h", f"{site}/pure.py",
        *(f"{site}/pure-1.0.dist-info/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL"))}
    if windows:
        launcher = (tmp_path / "out/app-pure/Scripts/python.exe").read_bytes()
        assert launcher[:2] == b"MZ" and b"pyvenv.cfg" in launcher.replace(b"\0", b"")
    else:
        assert os.readlink(tmp_path / "out/app-pure/bin/python") == f"../../cpython-{minor}/bin/python{minor}"


def test_nothing_of_the_machine_takes_part(assemble, fake_runtimes, layer_of, tool, run, tmp_path):
    """Other folder, umask, locale, time zone and home: the same layers."""
    (tmp_path / "module.py").write_text("")
    wheel = wheelhouse.make_wheel(tmp_path, "pure-1.0", {"B.py": b"", "a.py": (b"", 0o755), "ä.py": b""})
    layers = [
        layer_of("runtime", "cpython-3.11", archive=fake_runtimes["posix"]),
        layer_of("application", "app-pure", [0], wheels=[wheel], modules=[tmp_path / "module.py"]),
    ]
    first = assemble("linux_x86_64", layers, tmp_path / "out")
    again = run("sh", "-c", 'umask 077; exec "$@"', "sh", tool("layer_tool"), tmp_path / "plan.json", "elsewhere",
        cwd=tmp_path, env={"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo", "HOME": "/"}).ok()
    assert dict(line.split(" ") for line in again.out.splitlines()) == first
    tar = lambda folder: subprocess.run(["tar", "-C", folder, "--sort=name", "--owner=0", "--group=0", "-c",
        "cpython-3.11", "app-pure"], check=True, capture_output=True).stdout
    assert tar(tmp_path / "out") == tar(tmp_path / "elsewhere")
