"""Tests of applications that were unpacked from published archives with tar alone and finished by postinstall.py: they run, and
everything they import comes from the layer it should come from.

tests/e2e/test_deployed*.py import them all, a runtime each: RUNTIME there is its install target, MODULES the launch modules.
"""

import json
import os
import shutil
import subprocess

import pytest

import deploy

PY311, PY314 = "lib/python3.11", "lib/python3.14"
LIBRARY = {"x86_64": "libsndfile_x86_64.so", "aarch64": "libsndfile_arm64.so"}[os.uname().machine]

# application -> what its launch module prints
EXPECTED = {
    "scipy_import": {
        "python": "3.11.11",
        "determinant": 5.0,
        "sound": "libsndfile-1.2.2",
        "libraries": {LIBRARY: f"framework-sound/{PY311}/site-packages/_soundfile_data/{LIBRARY}"},
        "modules": {
            "json": f"cpython-3.11/{PY311}/json/__init__.py",
            "numpy": f"cpython-3.11/{PY311}/site-packages/numpy/__init__.py",
            "scipy": f"framework-scipy@1/{PY311}/site-packages/scipy/__init__.py",
            "where_from": f"app-scipy-import/{PY311}/site-packages/where_from.py",
            "__main__": f"app-scipy-import/{PY311}/site-packages/scipy_import.py",
        },
    },
    "http_import": {
        "python": "3.11.11",
        "path": "/hello",
        "modules": {
            "json": f"cpython-3.11/{PY311}/json/__init__.py",
            "certifi": f"framework-http-client/{PY311}/site-packages/certifi/__init__.py",
            "httpx": f"framework-http-client/{PY311}/site-packages/httpx/__init__.py",
            "where_from": f"app-http-import/{PY311}/site-packages/where_from.py",
            "__main__": f"app-http-import/{PY311}/site-packages/http_import.py",
        },
    },
    "sklearn_import": {
        "python": "3.14.6",
        "slope": 2.0,
        "modules": {
            "json": f"cpython-3.14@1/{PY314}/json/__init__.py",
            "numpy": f"cpython-3.14@1/{PY314}/site-packages/numpy/__init__.py",
            "scipy": f"framework-sklearn/{PY314}/site-packages/scipy/__init__.py",
            "sklearn": f"framework-sklearn/{PY314}/site-packages/sklearn/__init__.py",
            "where_from": f"app-sklearn-import/{PY314}/site-packages/where_from.py",
            "__main__": f"app-sklearn-import/{PY314}/site-packages/sklearn_import.py",
        },
    },
}
APPS = {module: "app-" + module.replace("_", "-") for module in EXPECTED}
# what an application's Python has on its path, from the stack's folder on
SEARCH_PATH = {
    "scipy_import": [
        "cpython-3.11/lib/python311.zip", f"cpython-3.11/{PY311}", f"cpython-3.11/{PY311}/lib-dynload",
        f"app-scipy-import/{PY311}/site-packages", f"framework-scipy@1/{PY311}/site-packages",
        f"framework-sound/{PY311}/site-packages", f"cpython-3.11/{PY311}/site-packages",
    ],
    "http_import": [
        "cpython-3.11/lib/python311.zip", f"cpython-3.11/{PY311}", f"cpython-3.11/{PY311}/lib-dynload",
        f"app-http-import/{PY311}/site-packages", f"framework-http-client/{PY311}/site-packages",
        f"cpython-3.11/{PY311}/site-packages",
    ],
    "sklearn_import": [
        "cpython-3.14@1/lib/python314.zip", f"cpython-3.14@1/{PY314}", f"cpython-3.14@1/{PY314}/lib-dynload",
        f"app-sklearn-import/{PY314}/site-packages", f"framework-sklearn/{PY314}/site-packages",
        f"cpython-3.14@1/{PY314}/site-packages",
    ],
}


# layer -> at least so many modules
COMPILED = {
    "cpython-3.11": 900, "framework-scipy@1": 500, "app-scipy-import": 2, "cpython-3.14@1": 900, "framework-sklearn": 1000,
    "app-sklearn-import": 2,
}


def pytest_generate_tests(metafunc):
    layers = {"cpython-3.11": list(COMPILED)[:3], "cpython-3.14@1": list(COMPILED)[3:]}[metafunc.module.RUNTIME]
    for name, values in (("module", metafunc.module.MODULES), ("layer", layers)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values)


@pytest.fixture(scope="module")
def deployed_layers(request, published):
    """Metadata of the layers on the runtime."""
    return [layer for layer in deploy.layers(published.out) if layer["runtime_layer"] == request.module.RUNTIME]


@pytest.fixture(scope="module")
def deployed(published, deployed_layers, tmp_path_factory):
    """The folder in which these layers are unpacked and ready to run. Its path has spaces and a quote."""
    folder = tmp_path_factory.mktemp("deployed")
    yield deploy.deploy(published.out, deployed_layers, folder / "it's a place of its own")
    shutil.rmtree(folder)


def python(program, *args, env=None, cwd="/"):
    """What the application prints, as JSON. Nothing on standard error, and an empty environment unless one is given."""
    done = subprocess.run([program, *args], cwd=cwd, env=env or {}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_application(deployed, module):
    assert python(deployed / APPS[module] / "bin/python", "-m", module) == EXPECTED[module]


def test_nothing_outside_the_stack_is_searched(deployed, module):
    code = "import json, sys; print(json.dumps(sys.path))"
    first, *path = python(deployed / APPS[module] / "bin/python", "-c", code)
    assert first == ""
    assert path == [f"{deployed}/{folder}" for folder in SEARCH_PATH[module]]


def test_no_other_library_is_loaded(deployed, module):
    """Every library that the process has mapped is of the stack, or one that a manylinux wheel may expect of the system."""
    code = ("import contextlib, importlib, io, json, sys\n"
        "with contextlib.redirect_stdout(io.StringIO()): importlib.import_module(sys.argv[1]).main()\n"
        "lines = [line.split(None, 5) for line in open('/proc/self/maps')]\n"
        "print(json.dumps(sorted({fields[5].strip() for fields in lines if len(fields) > 5})))")
    mapped = python(deployed / APPS[module] / "bin/python", "-c", code, module)
    others = [path for path in mapped if ".so" in path and not path.startswith(f"{deployed}/")]
    expected = {"libc", "libm", "libmvec", "libdl", "libpthread", "librt", "libutil", "libgcc_s", "libstdc++", "libz",
        "ld-linux-x86-64", "ld-linux-aarch64"}
    assert {os.path.basename(path).split(".so")[0] for path in others} - expected == set()
    assert [path for path in others if not path.startswith(("/lib", "/usr/lib"))] == []


def test_through_a_link(deployed, module, tmp_path):
    (tmp_path / "my python").symlink_to(deployed / APPS[module] / "bin/python")
    (tmp_path / "stack").symlink_to(deployed)
    assert python(tmp_path / "my python", "-m", module) == EXPECTED[module]
    assert python(tmp_path / "stack" / APPS[module] / "bin/python", "-m", module) == EXPECTED[module]
    assert python("my python", "-m", module, env={"PATH": str(tmp_path)}, cwd=tmp_path.parent) == EXPECTED[module]


@pytest.mark.parametrize("clean", [True, False])
def test_children(deployed, module, clean):
    """A child that is started with sys.executable is the same application, even with an environment of its own."""
    code = ("import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, '-m', {module!r}], env={{}} if {clean} else None)\n"
        "sys.exit(done.returncode)")
    assert python(deployed / APPS[module] / "bin/python", "-c", code) == EXPECTED[module]


CHECK_COMPILED = """
import importlib.util as u, json, pathlib, sys
bad, count = [], 0
for path in pathlib.Path(sys.argv[1]).rglob("*.pyc"):
    head, source = path.read_bytes()[:16], pathlib.Path(u.source_from_cache(str(path)))
    if head != u.MAGIC_NUMBER + b"\\3\\0\\0\\0" + u.source_hash(source.read_bytes()):
        bad.append(str(path))
    count += 1
print(json.dumps([count, bad]))
"""


def test_compiled_files_are_checked_by_hash(deployed, layer):
    """PEP 552: flags 3 is by hash and to be checked; the hash is the source's (as this version of Python makes it)."""
    count, bad = python(deployed / layer / "bin/python", "-c", CHECK_COMPILED, deployed / layer)
    assert bad == []
    assert count >= COMPILED[layer]


def test_what_is_imported_is_compiled_already(request, deployed):
    """Running writes nothing: all modules of an application have their compiled file."""
    before = {path: path.stat().st_mtime_ns for path in deployed.rglob("*")}
    for module in request.module.MODULES:
        python(deployed / APPS[module] / "bin/python", "-m", module)
    assert {path: path.stat().st_mtime_ns for path in deployed.rglob("*")} == before


def state(folder):
    return {path.relative_to(folder): (path.lstat().st_mtime_ns, path.lstat().st_ino, path.lstat().st_mode)
        for path in folder.rglob("*")}


def test_postinstall_again_changes_nothing(deployed_layers, deployed):
    before = state(deployed)
    for layer in deployed_layers:
        done = deploy.postinstall(deployed, layer)
        assert (done.stdout, done.stderr) == ("", "")
    assert state(deployed) == before
