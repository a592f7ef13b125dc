"""A stack of real wheels on a real runtime, unpacked somewhere: does it run, and does each module come from its layer?"""

import json
import os
import shutil
import subprocess
import textwrap

import pytest

import wheelhouse

pytestmark = pytest.mark.network
PLACE = "some where else"  # paths with spaces must work
SITE = "lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Modules and wheels of the test."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "main_module").mkdir()
    (folder / "main_module" / "__init__.py").write_text("")
    (folder / "main_module" / "__main__.py").write_text("import helper\nhelper.tell()\n")
    (folder / "helper.py").write_text(textwrap.dedent("""\
        import json
        import sys
        def tell():
            import lower, numpy, shared, main_module
            files = {module.__name__: module.__file__ for module in (lower, numpy, shared, main_module)}
            print(json.dumps({"files": files, "argv": sys.argv[1:], "prefix": sys.prefix,
                "base_prefix": sys.base_prefix, "executable": sys.executable}))
        """))
    program = folder / "native"
    program.write_text("#!/bin/sh\necho native \"$@\"\n")
    make = wheelhouse.make_wheel
    return {
        "modules": [folder / "main_module", folder / "helper.py"], "executables": [program],
        # "shared" is in two layers: the upper one wins
        "lower": make(folder, "lower-1.0", {"lower.py": b"", "shared.py": b"", "broken.py": b"def (\n"}),
        "upper": make(folder, "upper-1.0", {"shared.py": b"", "upper.pth": b"import sys; sys.upper_pth = True\n"}),
    }


def stack_layers(sources, layer_of, *wheels):
    return [
        layer_of("framework", "framework-lower@3", [0], wheels=[sources["lower"], *wheels]),
        layer_of("framework", "framework-upper@1", [1, 0], wheels=[sources["upper"]]),
        layer_of("application", "app-main", [2, 1, 0], modules=sources["modules"], launch_module="main_module",
            executables=sources["executables"]),
    ]


@pytest.fixture(scope="module")
def stack(tmp_path_factory, sources, make_stack, layer_of):
    out = tmp_path_factory.mktemp("stack") / PLACE
    numpy = wheelhouse.wheels(f"linux_{os.uname().machine}", "numpy")["numpy"]
    make_stack("3.11.11", stack_layers(sources, layer_of, numpy), out)
    return out


def python(stack, *args, program="app-main/bin/python", cwd=None, env=None):
    """Standard output of the application's Python; a program is relative to the stack, or with `cwd` to that folder."""
    program = program if cwd else stack / program
    done = subprocess.run([program, *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_module_comes_from_its_layer(stack):
    told = json.loads(python(stack, "-m", "main_module", "one", "two three"))
    assert told == {
        "files": {
            "lower": f"{stack}/framework-lower@3/{SITE}/lower.py",
            "numpy": f"{stack}/framework-lower@3/{SITE}/numpy/__init__.py",
            "shared": f"{stack}/framework-upper@1/{SITE}/shared.py",
            "main_module": f"{stack}/app-main/{SITE}/main_module/__init__.py",
        },
        "argv": ["one", "two three"],
        "prefix": f"{stack}/app-main",
        "base_prefix": f"{stack}/cpython-3.11",
        "executable": f"{stack}/app-main/bin/python",
    }


def test_search_path(stack):
    path = json.loads(python(stack, "-c", "import json, sys; assert sys.upper_pth; print(json.dumps(sys.path[1:]))"))
    runtime = f"{stack}/cpython-3.11/lib"
    assert path == [
        f"{runtime}/python311.zip", f"{runtime}/python3.11", f"{runtime}/python3.11/lib-dynload",
        f"{stack}/app-main/{SITE}", f"{stack}/framework-upper@1/{SITE}", f"{stack}/framework-lower@3/{SITE}",
        f"{stack}/cpython-3.11/{SITE}"]


def test_a_lower_layer_does_not_see_upper_ones(stack):
    code = "import lower, importlib.util as u; print(u.find_spec('main_module'), lower.__file__)"
    out = python(stack, "-c", code, program="framework-lower@3/bin/python")
    assert out == f"None {stack}/framework-lower@3/{SITE}/lower.py\n"


@pytest.mark.parametrize("name", ["python", "python3", "python3.11"])
def test_names_of_the_interpreter(stack, name):
    out = python(stack, "-c", "import sys; print(sys.prefix, sys.executable)", program=f"app-main/bin/{name}")
    assert out == f"{stack}/app-main {stack}/app-main/bin/python\n"


def test_runtime_has_no_installer(stack):
    code = "import importlib.util as u; print([u.find_spec(n) for n in ('pip', 'setuptools', 'wheel')])"
    assert python(stack, "-c", code, program="cpython-3.11/bin/python") == "[None, None, None]\n"


def test_executable(stack):
    assert python(stack, "x  y", program="app-main/bin/native") == "native x  y\n"


def test_libraries_of_a_lower_layer(stack):
    """Found by name alone, through the links, in the program, and in children with and without its environment."""
    names = os.listdir(stack / "framework-lower@3/share/venv/dynlib")
    assert any(name.startswith("libscipy_openblas") for name in names) and any(".so." in name for name in names)
    code = "import ctypes, sys; [ctypes.CDLL(name) for name in sys.argv[1:]]; print('loaded')"
    assert python(stack, "-c", code, *names) == "loaded\n"
    parent = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', *sys.argv[2:]], " \
        "env={} if sys.argv[1] else None, capture_output=True, text=True))"
    for clean in ("", "clean"):
        assert "returncode=0, stdout='loaded" in python(stack, "-c", parent, clean, code, *names)


def test_spawned_workers(stack):
    code = "import multiprocessing as m, helper\nif __name__ == '__main__':\n" \
        " print(m.get_context('spawn').Pool(1).map(abs, [-1]))"
    script = stack.parent / "spawned.py"
    script.write_text(code)
    assert python(stack, script) == "[1]\n"


@pytest.mark.parametrize("given", [None, "", "/first:/second"])
def test_library_path(stack, given):
    """Ours comes first, what was there stays, and a child adds nothing."""
    env = {} if given is None else {"LD_LIBRARY_PATH": given}
    code = "import os, subprocess, sys\nprint(os.environ['LD_LIBRARY_PATH'])\n" \
        "if sys.argv[1:]: sys.stdout.flush(); subprocess.run([sys.executable, '-c', sys.argv[1]])"
    lines = python(stack, "-c", code, code, env=env).splitlines()
    ours = f"{stack}/framework-lower@3/share/venv/dynlib"
    assert lines == [f"{ours}:{given}" if given else ours] * 2


def test_started_from_anywhere(stack, tmp_path):
    """Through links, by PATH, relative to the working folder, by each shell that is here."""
    code = "import sys; print(sys.prefix)"
    want = f"{stack}/app-main\n"
    links = tmp_path / "-links here"
    links.mkdir()
    (links / "absolute").symlink_to(stack / "app-main/bin/python3")
    (links / "relative").symlink_to(os.path.relpath(stack / "app-main/bin/python", links))
    (links / "twice").symlink_to("relative")
    (tmp_path / "folder").symlink_to(stack / "app-main/bin")
    for program in (links / "absolute", links / "relative", links / "twice", tmp_path / "folder/python"):
        assert python(stack, "-c", code, program=program) == want
    assert python(stack, "-c", code, program="./python", cwd=stack / "app-main/bin") == want
    assert python(stack, "-c", code, program="../bin/python", cwd=stack / "app-main/bin") == want
    shells = [shell for shell in ("sh", "dash", "bash", "busybox", "zsh", "ksh") if shutil.which(shell)]
    for shell in shells:
        start = [shutil.which(shell), *(["sh"] if shell == "busybox" else [])]
        run = lambda *args, **more: subprocess.run(
            [*start, *args, "-c", code], capture_output=True, text=True, timeout=60, **more)
        assert run(stack / "app-main/bin/python").stdout == want
        assert run("python", cwd=stack / "app-main/bin").stdout == want
        assert run("-c", "python -c \"$1\"", "sh", code, env={"PATH": f"{stack}/app-main/bin"}).stdout == want
        assert run("-c", "python3 -c \"$1\"", "sh", code, env={"PATH": f"{stack}/app-main/bin"}).stdout == want
        assert run("-c", "exec ./twice -c \"$1\"", "sh", code, cwd=links).stdout == want


def test_isolated_mode(stack):
    assert python(stack, "-I", "-c", "import helper, lower, sys; print(sys.flags.isolated)") == "1\n"


def pycs(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.pyc")}


def test_compiled_files_are_checked_by_hash(stack):
    found = pycs(stack)
    sources = [path for path in stack.rglob("*.py") if "lib" in path.relative_to(stack).parts]
    assert len(found) > 500
    # what is no Python is left alone
    assert {path.name for path in sources} - {path.split("/")[-1].split(".")[0] + ".py" for path in found} >= {"broken.py"}
    for name, body in found.items():
        assert body[4:8] == b"\x03\0\0\0", name  # PEP 552: by hash, to be checked


def test_compiled_files_do_not_depend_on_the_place(stack, sources, make_stack, layer_of, tmp_path):
    elsewhere = tmp_path / "other"
    make_stack("3.11.11", stack_layers(sources, layer_of), elsewhere)
    ours = pycs(elsewhere)
    theirs = {path: body for path, body in pycs(stack).items() if "/numpy" not in path}
    assert set(ours) == set(theirs)
    assert {path for path in ours if ours[path] != theirs[path]} == {
        f"{layer}/{SITE}/__pycache__/sitecustomize.cpython-311.pyc"  # names the place
        for layer in ("framework-lower@3", "framework-upper@1", "app-main")}
    told = python(elsewhere, "-c", "import helper; print(helper.tell.__code__.co_filename)")
    assert told == f"{elsewhere}/app-main/{SITE}/helper.py\n"


def snapshot(folder):
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in folder.rglob("*")}


def finish(root):
    """Run postinstall.py of each layer: it says nothing."""
    for layer in ("cpython-3.11", "framework-lower@3", "framework-upper@1", "app-main"):
        done = subprocess.run([root / "cpython-3.11/bin/python", root / layer / "postinstall.py"], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_postinstall_may_run_again_and_after_a_move(stack, tmp_path):
    before = snapshot(stack)
    finish(stack)
    assert snapshot(stack) == before
    second = tmp_path / "second place"
    subprocess.run(["cp", "-a", stack, second], check=True)  # compiled for another place, with its times, as after a move
    before = snapshot(second)
    finish(second)
    changed = {path.relative_to(second).as_posix() for path, was in snapshot(second).items() if was != before.get(path)}
    files = {path for path in changed if (second / path).is_file()}
    assert files == {f"{layer}/{name}" for layer in ("framework-lower@3", "framework-upper@1", "app-main")
        for name in ("pyvenv.cfg", f"{SITE}/sitecustomize.py", f"{SITE}/__pycache__/sitecustomize.cpython-311.pyc")}
    told = python(second, "-c", "import lower, sys; print(lower.__file__, sys.prefix)")
    assert told == f"{second}/framework-lower@3/{SITE}/lower.py {second}/app-main\n"


def test_newer_python(make_stack, layer_of, tmp_path):
    """3.14 starts the compiling processes in another way, and finds its environment with other code."""
    wheel = wheelhouse.make_wheel(tmp_path, "lower-1.0", {"lower.py": b""})
    (tmp_path / "main_module.py").write_text("import lower, sys; print(lower.__file__, sys.prefix, sys.executable)")
    out = tmp_path / PLACE
    make_stack("3.14.6", [
        layer_of("framework", "framework-lower", [0], wheels=[wheel]),
        layer_of("application", "app-main", [1, 0], modules=[tmp_path / "main_module.py"]),
    ], out)
    told = python(out, "-m", "main_module")
    assert told == f"{out}/framework-lower/lib/python3.14/site-packages/lower.py {out}/app-main {out}/app-main/bin/python\n"
    assert all(body[4:8] == b"\x03\0\0\0" for body in pycs(out).values())
