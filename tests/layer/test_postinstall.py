"""postinstall.py on its own: what it refuses, with which sentence, and what it leaves behind then."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import paths

SCRIPT = paths.ROOT / "src/layer/postinstall.py"
VERSION = "%d.%d.%d" % sys.version_info[:3]
SITE = "lib/python%d.%d/site-packages" % sys.version_info[:2]
CONFIG = "share/venv/metadata/venvstacks_layer.json"


@pytest.fixture
def stack(tmp_path):
    """A runtime layer that is a stand-in and an application layer on it; this Python runs the script."""
    runtime, app = tmp_path / "runtime", tmp_path / "app"
    (runtime / "bin").mkdir(parents=True)
    (runtime / "bin/python").write_text("")
    (app / SITE / "package").mkdir(parents=True)
    (app / SITE / "package/__init__.py").write_text("x = 1\n")
    (app / CONFIG).parent.mkdir(parents=True)
    shutil.copy(SCRIPT, app / "postinstall.py")
    write_config(app)
    return tmp_path


GOOD = {
    "python": "bin/python", "base_python": "../runtime/bin/python", "py_version": VERSION, "site_dir": SITE,
    "pylib_dirs": [f"../runtime/{SITE}"], "dynlib_dirs": ["../runtime/share/venv/dynlib"],
}


def write_config(app, **changes):
    config = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    (app / CONFIG).write_text(json.dumps(config))


def finish(app):
    return subprocess.run([sys.executable, app / "postinstall.py"], capture_output=True, text=True, timeout=60)


def refused(app, sentence):
    done = finish(app)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"postinstall: {sentence}\n")
    assert not (app / "pyvenv.cfg").exists()
    assert not (app / SITE / "sitecustomize.py").exists()


def test_what_it_writes(stack):
    app = stack / "app"
    done = finish(app)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (app / "pyvenv.cfg").read_text() == (
        f"home = {stack}/runtime/bin\n"
        "include-system-site-packages = false\n"
        f"version = {VERSION}\n"
        f"executable = {stack}/runtime/bin/python\n")
    namespace = {}
    exec((app / SITE / "sitecustomize.py").read_text(), namespace)
    assert namespace["PYLIB_DIRS"] == [f"{stack}/runtime/{SITE}"]
    assert namespace["DYNLIB_DIRS"] == [f"{stack}/runtime/share/venv/dynlib"]
    tag = sys.implementation.cache_tag
    assert sorted(path.name for path in app.rglob("*.pyc")) == [f"__init__.{tag}.pyc", f"sitecustomize.{tag}.pyc"]
    assert not list(app.rglob("*.partial"))


def test_runtime_layer_is_only_compiled(stack):
    app = stack / "app"
    write_config(app, python="../runtime/bin/python")  # its own Python is the base
    assert finish(app).returncode == 0
    assert not (app / "pyvenv.cfg").exists()
    assert len(list(app.rglob("*.pyc"))) == 1


def test_odd_names(tmp_path, stack):
    """Quotes, backslashes, letters of no alphabet and bytes that are no text."""
    odd = tmp_path / "it's \"odd\" \\ {pylib} %s ü \udcff"
    odd.mkdir()
    for name in ("app", "runtime"):
        (stack / name).rename(odd / name)
    done = finish(odd / "app")
    assert (done.returncode, done.stderr) == (0, "")
    namespace = {}
    exec((odd / "app" / SITE / "sitecustomize.py").read_text(), namespace)
    assert namespace["PYLIB_DIRS"] == [f"{odd}/runtime/{SITE}"]
    assert f"home = {odd}/runtime/bin\n" in (odd / "app/pyvenv.cfg").read_text(errors="surrogateescape")


def test_line_break_in_a_name(tmp_path, stack):
    odd = tmp_path / "a\nb"
    odd.mkdir()
    for name in ("app", "runtime"):
        (stack / name).rename(odd / name)
    refused(odd / "app", "Python cannot work in a folder with a line break in its name: "
        + repr(f"{odd}/runtime/bin/python"))


@pytest.mark.parametrize("field, value", [
    ("python", "/usr/bin/python3"), ("python", "../../bin/python"), ("base_python", "/bin/sh"),
    ("site_dir", "../../site"), ("site_dir", ".."), ("pylib_dirs", ["../app/lib", "../../etc"]),
    ("dynlib_dirs", ["/usr/lib"]),
])
def test_paths_that_lead_out(stack, field, value):
    write_config(stack / "app", **{field: value})
    bad = value if isinstance(value, str) else value[-1]
    refused(stack / "app", f"path {bad!r} of the layer leads out of {str(stack)!r}")


@pytest.mark.parametrize("changes, why", [
    ({"python": None}, "KeyError('python')"),
    ({"site_dir": 5}, "TypeError(\"unsupported operand type(s) for /: 'PosixPath' and 'int'\")"),
    ({"pylib_dirs": 5}, "TypeError(\"'int' object is not iterable\")"),
    ({"py_version": 3.11}, "TypeError(\"'py_version' is not a string\")"),
])
def test_configuration_of_another_kind(stack, changes, why):
    write_config(stack / "app", **changes)
    refused(stack / "app", f"{str(stack / 'app' / CONFIG)!r} is not what this script knows: {why}")


def test_configuration_that_is_none(stack):
    config = stack / "app" / CONFIG
    config.write_text("{")
    done = finish(stack / "app")
    assert done.returncode == 1
    assert done.stderr.startswith(f"postinstall: cannot read {str(config)!r}: Expecting property name")
    config.write_text("[1]")
    assert finish(stack / "app").returncode == 1
    config.unlink()
    done = finish(stack / "app")
    assert done.returncode == 1
    assert done.stderr == f"postinstall: cannot read {str(config)!r}: [Errno 2] No such file or directory: {str(config)!r}\n"


def test_another_python(stack):
    write_config(stack / "app", py_version="3.8.1")
    running = "%d.%d" % sys.version_info[:2]
    refused(stack / "app", f"the layer is for Python 3.8.1, and this is {running}: "
        f"run this script with {str(stack / 'runtime/bin/python')!r}")


def test_missing_runtime(stack):
    (stack / "runtime/bin/python").unlink()
    refused(stack / "app", f"the runtime layer is not there: no {str(stack / 'runtime/bin/python')!r}")


def test_a_file_that_cannot_be_written(stack):
    """A file where the folder of compiled files should be; one sentence, exit code 1."""
    cache = stack / "app" / SITE / "package/__pycache__"
    cache.write_text("")
    done = finish(stack / "app")
    assert done.returncode == 1
    assert done.stderr.startswith(f"postinstall: cannot compile '{cache.parent}/__init__.py': ")
    assert done.stderr.count("\n") == 1


def test_many_files_many_faults(stack):
    """More files than one process compiles."""
    package = stack / "app" / SITE / "package"
    for number in range(200):
        (package / f"m{number}.py").write_text(f"x = {number}\n")
    (package / "template.py").write_text("{% if %}")
    (package / "null.py").write_bytes(b"x = 1\0")
    (package / "latin.py").write_bytes(b"x = '\xff'\n")
    (package / "deep.py").write_text("(" * 3000 + ")" * 3000)
    (package / "warns.py").write_text("x = '\\d'\nassert (1, 'x')\n")
    (package / "link.py").symlink_to("m1.py")
    done = finish(stack / "app")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    names = {path.name.split(".")[0] for path in package.rglob("*.pyc")}
    assert names == {"__init__", "warns", *(f"m{number}" for number in range(200))}

    shutil.rmtree(package / "__pycache__")
    (package / "__pycache__").write_text("")
    done = finish(stack / "app")
    assert done.returncode == 1
    assert done.stderr.startswith(f"postinstall: cannot compile '{package}/__init__.py': ")
    assert done.stderr.endswith(" (and 201 more)\n")


def test_stale_and_foreign_compiled_files_are_replaced(stack):
    app = stack / "app"
    assert finish(app).returncode == 0
    [compiled] = (app / SITE / "package").rglob("*.pyc")
    good = compiled.read_bytes()
    (app / SITE / "package/__init__.py").write_text("x = 2\n")
    assert finish(app).returncode == 0
    assert compiled.read_bytes() != good
    (app / SITE / "package/__init__.py").write_text("x = 1\n")
    for bad in (b"", b"junk", good[:4] + b"\0\0\0\0" + good[8:], good[:8] + b"\0" * 8 + good[16:]):
        compiled.write_bytes(bad)
        assert finish(app).returncode == 0
        assert compiled.read_bytes() == good


def test_it_needs_nothing_newer_than_python_3_9():
    """Parsed by the grammar of 3.9; what it imports is all of the standard library."""
    import ast

    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 9))
    modules = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import)
        for alias in node.names} | {node.module.split(".")[0] for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)}
    assert modules <= set(sys.stdlib_module_names)
    assert not Path(SCRIPT).stat().st_mode & 0o111  # run as an argument of the runtime's Python
