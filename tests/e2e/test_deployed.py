"""The applications of the sample on CPython 3.11: the tests of support/deployed.py, and what needs no second runtime."""

import os
import shutil
import subprocess
import tarfile

import pytest

import deploy
from deployed import *  # noqa: F403
from deployed import EXPECTED, PY311, python, state

pytestmark = pytest.mark.network  # a cold store fetches wheels
RUNTIME = "cpython-3.11"
MODULES = ["scipy_import", "http_import"]


def test_every_application_for_this_machine_is_tested(published):
    kinds = deploy.manifest(published.out)["layers"]
    assert {layer["app_launch_module"] for layer in kinds["applications"]} == set(EXPECTED)
def test_working_folder(deployed, tmp_path):
    """From a folder that has modules of the same names: -m and -c see them there, as Python means it; -P and -I do not."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('wrong numpy')")
    (tmp_path / "where_from.py").write_text("raise SystemExit('wrong module')")
    program = deployed / "app-scipy-import/bin/python"
    for cwd in (deployed, deployed / "app-http-import", deployed / "app-scipy-import/bin", tmp_path.parent):
        assert python(program, "-m", "scipy_import", cwd=cwd) == EXPECTED["scipy_import"]
    assert python(program, "-I", "-m", "scipy_import", cwd=tmp_path) == EXPECTED["scipy_import"]
    assert python("./python", "-m", "scipy_import", cwd=program.parent) == EXPECTED["scipy_import"]
    assert python("../app-scipy-import/bin/python3.11", "-m", "scipy_import", cwd=deployed / "app-http-import") == \
        EXPECTED["scipy_import"]


@pytest.mark.parametrize("given", [{}, {"LD_LIBRARY_PATH": ""}, {"LD_LIBRARY_PATH": "/nowhere:/usr/lib"},
    {"PYTHONPATH": "", "PYTHONHOME": ""}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX", "TZ": "Asia/Kathmandu"}])
def test_environment(deployed, given):
    assert python(deployed / "app-scipy-import/bin/python", "-m", "scipy_import", env=given) == EXPECTED["scipy_import"]


def test_spawned_worker(deployed, tmp_path):
    script = tmp_path / "spawn.py"
    script.write_text("import json, multiprocessing\n"
        "def locate(name): return __import__(name).__file__\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        print(json.dumps(pool.map(locate, ['numpy', 'scipy', 'soundfile'])))\n")
    assert python(deployed / "app-scipy-import/bin/python", script) == [
        f"{deployed}/cpython-3.11/{PY311}/site-packages/numpy/__init__.py",
        f"{deployed}/framework-scipy@1/{PY311}/site-packages/scipy/__init__.py",
        f"{deployed}/framework-sound/{PY311}/site-packages/soundfile.py",
    ]


def test_layers_are_separate(deployed):
    """An application sees its own frameworks and no others; a framework sees no application."""
    code = "import importlib.util, json, sys; print(json.dumps([n for n in sys.argv[1:] if importlib.util.find_spec(n)]))"
    names = ["numpy", "scipy", "soundfile", "sklearn", "httpx", "where_from", "scipy_import", "pip", "setuptools", "wheel"]
    found = {layer: python(deployed / layer / "bin/python", "-c", code, *names) for layer in (
        "cpython-3.11", "framework-scipy@1", "framework-sound", "framework-http-client", "app-scipy-import",
        "app-http-import")}
    assert found == {
        "cpython-3.11": ["numpy"],
        "framework-scipy@1": ["numpy", "scipy"],
        "framework-sound": ["numpy", "soundfile"],
        "framework-http-client": ["numpy", "httpx"],
        "app-scipy-import": ["numpy", "scipy", "soundfile", "where_from", "scipy_import"],
        "app-http-import": ["numpy", "httpx", "where_from"],
    }


def test_distributions_are_known_with_their_files(deployed):
    """importlib.metadata reads what was installed: every file of every distribution's RECORD is there, with its digest."""
    code = """
import base64, hashlib, importlib.metadata as m, json
seen = {}
for dist in m.distributions():
    for file in dist.files:
        path = file.locate()
        if file.hash is None:
            assert file.name == "RECORD", file
        else:
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
            assert (file.hash.mode, file.hash.value, file.size) == ("sha256", digest, path.stat().st_size), path
    seen[dist.name] = [dist.version, dist.read_text("INSTALLER")]
print(json.dumps(seen, sort_keys=True))
"""
    assert python(deployed / "app-scipy-import/bin/python", "-c", code) == {
        name: [version, "lamina\n"] for name, version in (
            ("cffi", "2.0.0"), ("numpy", "2.4.6"), ("pycparser", "3.0"), ("scipy", "1.17.1"), ("soundfile", "0.13.1"))}


def test_no_compiled_files_in_archives(published):
    for archive in published.out.glob("*.tar.zst"):
        plain = subprocess.run(["zstd", "-dcq", archive], check=True, stdout=subprocess.PIPE).stdout
        listed = subprocess.run(["tar", "-t"], input=plain, check=True, stdout=subprocess.PIPE).stdout.decode().splitlines()
        assert listed
        assert [name for name in listed if "__pycache__" in name or name.endswith((".pyc", ".pyo"))] == []


def test_a_changed_source_is_seen(deployed, tmp_path):
    """The pinned times are all the same, so only hashes can tell that a module was replaced by an update."""
    layers = tmp_path / "stack"
    layers.mkdir()
    for name in ("cpython-3.11", "framework-http-client"):
        (layers / name).symlink_to(deployed / name)
    shutil.copytree(deployed / "app-http-import", layers / "app-http-import", symlinks=True)
    module = layers / "app-http-import" / PY311 / "site-packages/where_from.py"
    was = module.stat()
    text = module.read_text()
    module.write_text(text.replace('"python": sys', '"pythoN": sys'))
    os.utime(module, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert module.stat().st_size == was.st_size
    assert "pythoN" in python(layers / "app-http-import/bin/python", "-m", "http_import")


def test_moved(published, deployed, tmp_path):
    """A stack of one application and the layers below it, moved after it was made ready: postinstall.py makes it work again,
    and does nothing but write the new place down."""
    second = tmp_path / "there and elsewhere"
    second.mkdir()
    layers = {layer["layer_name"]: layer for layer in deploy.layers(published.out)}
    stack = [layers[name] for name in ("cpython-3.11", "framework-http-client", "app-http-import")]
    for layer in stack:
        subprocess.run(["cp", "-a", deployed / layer["install_target"], second], check=True)  # for others there is the first place
    before = state(second)
    for layer in stack:
        deploy.postinstall(second, layer)
    files = {path for path, was in state(second).items() if was != before.get(path) and (second / path).is_file()}
    site = f"{PY311}/site-packages"
    assert {str(path) for path in files} == {f"{layer}/{name}" for layer in ("framework-http-client", "app-http-import")
        for name in ("pyvenv.cfg", f"{site}/sitecustomize.py", f"{site}/__pycache__/sitecustomize.cpython-311.pyc")}
    assert python(second / "app-http-import/bin/python", "-m", "http_import") == EXPECTED["http_import"]
    code = "import json, sys; print(json.dumps([sys.prefix, sys.base_prefix, sys.executable]))"
    assert python(second / "app-http-import/bin/python", "-c", code) == [
        f"{second}/app-http-import", f"{second}/cpython-3.11", f"{second}/app-http-import/bin/python"]


def test_modes_and_owners_in_archives(published):
    """Root owns everything, files are 0644 or 0755, and links stay inside the stack."""
    for layer in deploy.layers(published.out):
        archive = published.out / layer["archive_name"]
        target = layer["install_target"]
        with subprocess.Popen(["zstd", "-dcq", archive], stdout=subprocess.PIPE) as process:
            with tarfile.open(fileobj=process.stdout, mode="r|") as members:
                for member in members:
                    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root")
                    assert member.name == target or member.name.startswith(f"{target}/")
                    assert member.isdir() or member.isreg() or member.issym(), member
                    assert member.mode in ({0o777} if member.issym() else {0o755} if member.isdir() else {0o644, 0o755})
                    if member.issym():
                        end = os.path.normpath(os.path.join("/", os.path.dirname(member.name), member.linkname))
                        assert not os.path.isabs(member.linkname)
                        assert end.split("/")[1] in {target, layer["runtime_layer"]}, member.name
