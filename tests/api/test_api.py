"""The public C API: the example of the documents, built as its users build it, and a program that does more at once."""

import json
import os
import shutil
import subprocess

import pytest

import paths
import fake_stack
from fake_stack import HOST

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"]
NAMES = ["base", "framework-low", "framework-plain", "app-one", "app-two", "app-three"]


@pytest.fixture
def small(tmp_path, lamina):
    """A small stack that says itself where its wheels are. It is not locked."""
    stack = fake_stack.SmallStack(tmp_path / "small", lamina)
    stack.make()
    stack.edit("[tool.uv]\n", f'[tool.uv]\nno-index = true\nfind-links = ["{stack.wheels}"]\n')
    return stack


@pytest.fixture(scope="module")
def flags():
    """What pkg-config says of the library that was built."""
    where = str(paths.BUILD / "lib" / "pkgconfig")
    done = subprocess.run(["pkg-config", "--cflags", "--libs", "lamina"], env={**os.environ, "PKG_CONFIG_PATH": where},
        capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.fixture(scope="module")
def example(flags, tmp_path_factory):
    program = tmp_path_factory.mktemp("example") / "publish"
    subprocess.run([paths.CC, "-std=c99", *STRICT, paths.ROOT / "docs/examples/publish.c", *flags, "-o", program], check=True)
    return program


def test_example_locks_and_publishes(run, example, small, tmp_path):
    first = run(example, small.spec, "out", "store", cwd=tmp_path)
    assert first.code == 0, first
    manifest = json.loads((tmp_path / "out/__venvstacks__/venvstacks.json").read_text())
    assert json.loads(first.out) == {HOST: manifest}
    lines = first.err.splitlines()
    assert lines[0] == "some layers need to be locked"
    assert sorted(line for line in lines if line.startswith("publish ")) == sorted(  # several at once: any may be done first
        f"publish {name}: written for {HOST}, build 1" for name in NAMES)
    second = run(example, small.spec, "out", "store", cwd=tmp_path)
    assert (second.code, second.out, second.err) == (0, first.out, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue.sqlite", "out", "small", "store"]
    by_program = small.run("publish", "--store", tmp_path / "store", small.spec, tmp_path / "out2").ok()
    assert by_program.out.count("published  ") == 6
    assert json.loads((tmp_path / "out2/__venvstacks__/venvstacks.json").read_text()) == manifest


def test_example_tells_what_is_wrong(run, example, small, tmp_path):
    small.edit('launch_module = "three.py"', 'launch_module = "nothing.py"')
    line = small.spec.read_text().splitlines().index('launch_module = "nothing.py"') + 1
    result = run(example, small.spec, "out", cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"{small.spec}:{line}:17: error: layer 'three': launch module 'nothing.py': "
        f"module '{small.spec.parent}/nothing.py': no such file or folder\n"
        f"publish: 1 error in '{small.spec}'\n")
    assert run(example, small.spec).code == 2
    small.edit('launch_module = "nothing.py"', 'launch_module = "three.py"')
    small.edit('requirements = ["plainpkg"]', 'requirements = ["plainpkg", "nosuchpkg"]')
    result = run(example, small.spec, "out", cwd=tmp_path)
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[-2].startswith("publish: finding the files of layer 'plain': ") or (
        "nosuchpkg" in result.err)


def test_header_is_also_cpp(flags, tmp_path):
    source = tmp_path / "use.cpp"
    source.write_text('#include <lamina/lamina.h>\nint main() { lamina_options o{}; lamina_stack *s = nullptr;\n'
        'const lamina_code code = lamina_load("x", &o, &s);\nlamina_free(s);\nreturn code == LAMINA_INVALID ? 0 : 1; }\n')
    program = tmp_path / "use"
    for standard in ("c++11", "c++20"):
        subprocess.run([paths.CXX, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, *flags, "-o", program],
            check=True)
        assert subprocess.run([program]).returncode == 0


@pytest.mark.parametrize("standard", ["c99", "c11", "c17", "c2x"])
def test_header_stands_alone(flags, tmp_path, standard):
    source = tmp_path / "use.c"
    source.write_text("#include <lamina/lamina.h>\nextern int lamina_was_included;\n")
    includes = [flag for flag in flags if flag.startswith(("-I", "-D"))]
    subprocess.run([paths.CC, f"-std={standard}", *STRICT, "-fsyntax-only", source, *includes], check=True)


def test_every_function_of_the_header_is_in_the_library():
    """And nothing else of ours has no prefix."""
    header = (paths.BUILD / "include/lamina/lamina.h").read_text()
    symbols = subprocess.run(["nm", "--defined-only", "-g", paths.BUILD / "lib/liblamina.a"], capture_output=True, text=True,
        check=True).stdout
    defined = {line.split()[-1] for line in symbols.splitlines() if len(line.split()) == 3 and line.split()[1] in "TDBR"}
    ours = {name for name in defined if name.startswith("lamina_")}
    assert ours and all(f"{name}(" in header for name in ours)


def locked(small):
    small.run("lock", "--store", small.store, small.spec).ok()
    return [small.spec, small.store, small.folder / "state"]


def test_two_stacks_at_once(run, tool, small, tmp_path):
    where = locked(small)
    result = run(tool("api_tool"), "two", *where, tmp_path / "a", tmp_path / "b")
    assert (result.code, result.out) == (0, "0 \n0 \n"), result
    for name in ("__venvstacks__/venvstacks.json", "base.tar.zst", "app-one.tar.zst"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_two_stacks_at_once_into_one_folder(run, tool, small, tmp_path):
    where = locked(small)
    result = run(tool("api_tool"), "two", *where, tmp_path / "a", tmp_path / "a")
    assert (result.code, result.out) == (0, "0 \n0 \n"), result
    small.out = tmp_path / "a"
    assert small.builds() == dict.fromkeys(NAMES, 1)


def test_cancel_from_the_callback(run, tool, small, tmp_path):
    where = locked(small)
    result = run(tool("api_tool"), "cancel", *where, tmp_path / "out")
    lines = result.ok().out.splitlines()
    assert lines[0].startswith("130 ") and lines[0].endswith("interrupted")
    assert lines[1:] == ["no answer", "130 interrupted", "0 "]
    small.out = tmp_path / "out"
    assert small.builds() == dict.fromkeys(NAMES, 1)


def test_check(run, tool, small, tmp_path):
    where = locked(small)
    small.run("publish", "--store", small.store, small.spec, tmp_path / "out").ok()
    result = run(tool("api_tool"), "check", *where, tmp_path / "out").ok()
    code, report = result.out.split("\n", 1)
    assert code == "0 "
    by_program = small.run("check", "--json", "--expected", tmp_path / "out", "--store", small.store, small.spec).ok()
    assert report == by_program.out
    small.write("three.py", "print(33)\n")
    small.run("lock", "--if-needed", "--store", small.store, small.spec).ok()
    result = run(tool("api_tool"), "check", *where, tmp_path / "out").ok()
    assert result.out.split("\n", 1)[0] == f"3 what was built differs from '{tmp_path}/out'"
    assert "three.py" in result.out


def test_build(run, tool, small, tmp_path):
    where = locked(small)
    result = run(tool("api_tool"), "build", *where, tmp_path / "trees").ok()
    assert result.out == "0 \n"
    assert (tmp_path / "trees/framework-low@1/lib/python3.11/site-packages/lowpkg.py").is_file()


def test_no_resolver(run, example, small, tmp_path):
    shutil.rmtree(small.spec.parent / "requirements", ignore_errors=True)
    result = run(example, small.spec, "out", cwd=tmp_path, env={"PATH": "/nonexistent"})
    assert result.code == 1
    assert result.err.splitlines()[-1].endswith(
        "cannot find the resolver 'uv': install uv, or give its path with --uv or LAMINA_UV")
