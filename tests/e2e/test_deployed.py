"""Published archives, unpacked with tar alone and finished by postinstall.py: the applications run, and everything they
import comes from the layer it should come from."""

import json
import os
import shutil
import subprocess
import tarfile

import pytest

import deploy

pytestmark = pytest.mark.network  # a cold store fetches wheels
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


def python(program, *args, env=None, cwd="/"):
    """What the application prints, as JSON. Nothing on standard error, and an empty environment unless one is given."""
    done = subprocess.run([program, *args], cwd=cwd, env=env or {}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", EXPECTED)
def test_application(deployed, module):
    assert python(deployed / APPS[module] / "bin/python", "-m", module) == EXPECTED[module]


def test_every_application_for_this_machine_is_tested(published):
    kinds = deploy.manifest(published.out)["layers"]
    assert {layer["app_launch_module"] for layer in kinds["applications"]} == set(EXPECTED)


@pytest.mark.parametrize("module", EXPECTED)
def test_nothing_outside_the_stack_is_searched(deployed, module):
    code = "import json, sys; print(json.dumps(sys.path))"
    first, *path = python(deployed / APPS[module] / "bin/python", "-c", code)
    assert first == ""
    assert path == [f"{deployed}/{folder}" for folder in SEARCH_PATH[module]]


@pytest.mark.parametrize("module", EXPECTED)
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


@pytest.mark.parametrize("module", EXPECTED)
def test_through_a_link(deployed, module, tmp_path):
    (tmp_path / "my python").symlink_to(deployed / APPS[module] / "bin/python")
    (tmp_path / "stack").symlink_to(deployed)
    assert python(tmp_path / "my python", "-m", module) == EXPECTED[module]
    assert python(tmp_path / "stack" / APPS[module] / "bin/python", "-m", module) == EXPECTED[module]
    assert python("my python", "-m", module, env={"PATH": str(tmp_path)}, cwd=tmp_path.parent) == EXPECTED[module]


@pytest.mark.parametrize("given", [{}, {"LD_LIBRARY_PATH": ""}, {"LD_LIBRARY_PATH": "/nowhere:/usr/lib"},
    {"PYTHONPATH": "", "PYTHONHOME": ""}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX", "TZ": "Asia/Kathmandu"}])
def test_environment(deployed, given):
    assert python(deployed / "app-scipy-import/bin/python", "-m", "scipy_import", env=given) == EXPECTED["scipy_import"]


@pytest.mark.parametrize("module", EXPECTED)
@pytest.mark.parametrize("clean", [True, False])
def test_children(deployed, module, clean):
    """A child that is started with sys.executable is the same application, even with an environment of its own."""
    code = ("import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, '-m', {module!r}], env={{}} if {clean} else None)\n"
        "sys.exit(done.returncode)")
    assert python(deployed / APPS[module] / "bin/python", "-c", code) == EXPECTED[module]


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
        "cpython-3.11", "cpython-3.14@1", "framework-scipy@1", "framework-sound", "framework-http-client",
        "framework-sklearn", "app-scipy-import", "app-http-import")}
    assert found == {
        "cpython-3.11": ["numpy"],
        "cpython-3.14@1": ["numpy"],
        "framework-scipy@1": ["numpy", "scipy"],
        "framework-sound": ["numpy", "soundfile"],
        "framework-http-client": ["numpy", "httpx"],
        "framework-sklearn": ["numpy", "scipy", "sklearn"],
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


@pytest.mark.parametrize("layer, at_least", [
    ("cpython-3.11", 900), ("framework-scipy@1", 500), ("app-scipy-import", 2), ("cpython-3.14@1", 900),
    ("framework-sklearn", 1000), ("app-sklearn-import", 2)])
def test_compiled_files_are_checked_by_hash(deployed, layer, at_least):
    """PEP 552: flags 3 is by hash and to be checked; the hash is the source's (as this version of Python makes it)."""
    count, bad = python(deployed / layer / "bin/python", "-c", CHECK_COMPILED, deployed / layer)
    assert bad == []
    assert count >= at_least


def test_what_is_imported_is_compiled_already(deployed):
    """Running writes nothing: all modules of an application have their compiled file."""
    before = {path: path.stat().st_mtime_ns for path in deployed.rglob("*")}
    for module in EXPECTED:
        python(deployed / APPS[module] / "bin/python", "-m", module)
    assert {path: path.stat().st_mtime_ns for path in deployed.rglob("*")} == before


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


def state(folder):
    return {path.relative_to(folder): (path.lstat().st_mtime_ns, path.lstat().st_ino, path.lstat().st_mode)
        for path in folder.rglob("*")}


def test_postinstall_again_changes_nothing(published, deployed):
    before = state(deployed)
    for layer in deploy.layers(published.out):
        done = deploy.postinstall(deployed, layer)
        assert (done.stdout, done.stderr) == ("", "")
    assert state(deployed) == before


def test_moved(published, tmp_path):
    """A stack of one application and the layers below it, moved after it was made ready: postinstall.py makes it work again,
    and does nothing but write the new place down."""
    first, second = tmp_path / "here", tmp_path / "there and elsewhere"
    layers = {layer["layer_name"]: layer for layer in deploy.layers(published.out)}
    stack = [layers[name] for name in ("cpython-3.11", "framework-http-client", "app-http-import")]
    for layer in stack:
        deploy.unpack(published.out / layer["archive_name"], first)
    for layer in stack:
        deploy.postinstall(first, layer)
    before = state(first)
    first.rename(second)
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
