"""Results to standard output, all else to standard error; JSON; readers that go away; text that would act on a terminal."""

import json
import os
import subprocess

import pytest

from fake_stack import HOST
from terminal import terminal

NAMES = ["base", "framework-low", "framework-plain", "app-one", "app-two", "app-three"]


def work(locked, command, out, *options):
    if command in ("lock", "show"):
        where = [locked.spec]
    else:
        where = [locked.spec, out]
    sources = [] if command == "show" else ["--no-index", "--local-wheels", locked.wheels]
    return locked.run(command, *sources, "--store", locked.store, *options, *where)


COMMANDS = [["lock", "--if-needed"], ["build"], ["build", "--publish"], ["publish"], ["local-export"], ["show"],
    ["publish", "--dry-run"], ["publish", "--show"], ["lock", "--if-needed", "--show"], ["build", "--show-only"],
    ["publish", "--include", "base", "--platform", "all"], ["publish", "-q"], ["publish", "-v"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_json_is_one_document(locked, tmp_path, command):
    result = work(locked, command[0], tmp_path / "out", *command[1:], "--json").ok()
    document = json.loads(result.out)
    assert isinstance(document, dict)
    assert result.out == json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert "{" not in result.err


def test_json_of_publish(locked, tmp_path):
    out = tmp_path / "out"
    document = work(locked, "publish", out, "--json", "--include", "low", "--include", "two").json()
    assert list(document) == ["manifests", "outputs"]
    assert list(document["manifests"]) == [HOST]
    assert document["manifests"][HOST] == json.loads((out / "__venvstacks__/venvstacks.json").read_text())
    assert document["outputs"] == [
        {"archive_build": 1, "layer_name": name, "path": f"{out}/{file}", "size_bytes": (out / file).stat().st_size,
            "state": "published", "target_platform": HOST}
        for name, file in (("framework-low", "framework-low@1.tar.zst"), ("app-two", "app-two.tar.zst"))]


def test_json_with_show_has_both(locked, tmp_path):
    out = tmp_path / "out"
    document = work(locked, "publish", out, "--json", "--show", "--dry-run", "--include", "three").json()
    assert list(document) == ["outputs", "stack"]
    assert document["outputs"] == [{"layer_name": "app-three", "path": f"{out}/app-three.tar.zst", "size_bytes": 0,
        "state": "pending", "target_platform": HOST}]
    assert document["stack"]["spec_name"] == "venvstacks.toml"
    assert document["stack"]["applications"][2]["selected_operations"] == ["publish"]
    assert not out.exists()


def test_json_of_a_failure(locked, tmp_path):
    spec = tmp_path / "bad.toml"
    spec.write_text('[[runtimes]]\nname = "a b"\npython_implementation = "cpython@3.11.11"\nrequirements = []\n'
        'build_requirements = []\n')
    result = locked.run("show", "--json", "--store", locked.store, spec)
    assert result.code == 2
    assert json.loads(result.out) == {
        "error": f"1 error in '{spec}'", "exit_code": 2,
        "findings": [
            {"severity": "error", "file": str(spec), "line": 2, "column": 8, "layer": "a b",
                "text": "name with a character other than letters, digits and '-_.@+': 'a b'"},
            {"severity": "warning", "file": str(spec), "line": 5, "column": 1, "layer": "a b",
                "text": "'build_requirements' has no effect; remove it"}],
    }
    assert result.err == (
        f"{spec}:2:8: error: layer 'a b': name with a character other than letters, digits and '-_.@+': 'a b'\n"
        f"{spec}:5:1: warning: layer 'a b': 'build_requirements' has no effect; remove it\n"
        f"lamina: 1 error in '{spec}'\n")


def test_results_go_to_stdout_and_the_rest_to_stderr(locked, tmp_path):
    out = tmp_path / "out"
    first = work(locked, "publish", out).ok()
    assert [line.split()[:2] for line in first.out.splitlines()] == [["published", name] for name in NAMES]
    # layers are made at once: what was done is told when it is done
    assert sorted(line.split()[:2] for line in first.err.splitlines()[:-1]) == sorted(["publish", f"{name}:"] for name in NAMES)
    second = work(locked, "publish", out).ok()
    assert [line.split()[:2] for line in second.out.splitlines()] == [["unchanged", name] for name in NAMES]
    assert second.err.count("\n") == 1 and second.err.startswith("lamina: 6 unchanged, ")
    third = work(locked, "publish", out, "--force", "--include", "one").ok()
    assert third.out.split()[:2] == ["published", "app-one"]


def test_quiet(locked, tmp_path):
    result = work(locked, "publish", tmp_path / "out", "-q").ok()
    assert (result.out, result.err) == ("", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[:2] == ["__venvstacks__", "app-one.tar.zst"]
    result = work(locked, "show", None, "-q").ok()
    assert result.out.startswith("venvstacks.toml\n")  # that is what was asked for


def test_paths_are_as_short_as_they_get(locked, tmp_path):
    result = locked.run("publish", "--no-index", "--local-wheels", locked.wheels, "--store", locked.store, "-i", "three",
        "-o", tmp_path / "sub" / "out", locked.spec, cwd=tmp_path).ok()
    assert result.out.split()[-1] == "sub/out/app-three.tar.zst"
    assert " in 'sub/out', " in result.err


def test_nothing_for_this_platform(locked, tmp_path):
    result = work(locked, "publish", tmp_path / "out", "-p", "macosx_arm64")
    assert (result.code, result.out) == (0, "")
    assert result.err == "lamina: no selected layer is for this platform; 'lamina show' lists the layers\n"


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["build", "--help"], ["completion", "bash"], ["show"]])
def test_full_disk(locked, lamina, args):
    where = [locked.spec, "--store", locked.store] if args == ["show"] else []
    with open("/dev/full", "w") as full:
        done = subprocess.run([lamina, *args, *where], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "lamina: cannot write to standard output: No space left on device\n")


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["build", "--help"], ["completion", "zsh"], ["show"],
    ["publish", "--dry-run"]])
def test_a_reader_that_left(locked, lamina, args, tmp_path):
    where = [locked.spec, "--store", locked.store] if len(args[0]) < 8 and args[0][0] in "sp" else []
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([lamina, *args, *where], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_no_standard_output_at_all(locked, lamina, tmp_path):
    """What lamina opens must not become standard output by accident."""
    out = tmp_path / "out"
    script = 'exec "$0" publish --no-index --local-wheels "$1" --store "$2" "$3" "$4" >&- 2>&- <&-'
    done = subprocess.run(["sh", "-c", script, lamina, locked.wheels, tmp_path / "store", locked.spec, out])
    assert done.returncode == 1
    assert work(locked, "publish", out).ok().out.splitlines()[0].split()[:2] == ["unchanged", "base"]
    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or b"published" not in path.read_bytes()
    done = subprocess.run(["sh", "-c", 'exec "$0" --version >&-', lamina], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "lamina: cannot write to standard output: Bad file descriptor\n")


def test_a_failing_error_output_stops_nothing(locked, lamina, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([lamina, "publish", "--no-index", "--local-wheels", locked.wheels, "--store", locked.store,
            locked.spec, tmp_path / "out"], stdout=subprocess.PIPE, stderr=full, text=True)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 6


EVIL = "a\x1b]0;owned\x07\x9b2J\u202eb\x7f"
SHOWN = r"a\x1b]0;owned\x07\x9b2J\u202eb\x7f"


def test_nothing_in_a_path_acts_on_the_terminal(run_lamina, tmp_path):
    name = EVIL.encode("utf-8", "surrogateescape").replace(b"\xc2\x9b", b"\x9b")
    result = run_lamina("show", os.fsencode(tmp_path) + b"/" + name + b".toml")
    assert result.code == 2
    assert result.err == f"lamina: reading the stack spec: cannot open '{tmp_path}/{SHOWN}.toml': No such file or directory\n"
    result = run_lamina("show", "--json", os.fsencode(tmp_path) + b"/" + name + b".toml")
    assert json.loads(result.out)["error"].endswith("No such file or directory")


def test_nothing_in_a_spec_acts_on_the_terminal(run_lamina, lamina, tmp_path):
    spec = tmp_path / "s\u202e\x1b[2Jpec.toml"
    spec.write_text('[[runtimes]]\nname = "r\\u202e\\u001B[31m"\npython_implementation = "cpython@3.11.11\\u009B"\n'
        'requirements = ["a\\u001b[2J"]\n"k\\u2066ey" = 1\n', encoding="utf-8")
    result = run_lamina("show", spec)
    assert result.code == 2
    assert_harmless(result.err)
    spec.write_text('[[runtimes]]\nname = "r"\npython_implementation = "cpython@3.11.11"\nrequirements = []\n')
    result = run_lamina("show", spec).ok()
    assert result.out == "s\\u202e\\x1b[2Jpec.toml\n└── runtimes\n    └── *r\n"
    with terminal(lamina, "show", spec) as shown:
        assert shown.finish() == 0
        assert shown.screen.sequences == []
        assert shown.screen.text == result.out


def test_nothing_in_what_a_server_says_acts_on_the_terminal(served):
    stack = served()
    path = "/runtime.tar"

    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 404 \x1b[2Jgone\r\nContent-Type: text/plain\x1b[2J\r\nContent-Length: 5\r\n\r\n\x1b[2Jx")
        handler.close_connection = True

    before, stack.web.answers[path] = stack.web.answers[path], [answer]
    try:
        result = stack.stack.run("publish", *stack.options, stack.stack.spec, stack.stack.out)
    finally:
        stack.web.answers[path] = before
    assert result.code == 1
    assert "404" in result.err
    assert_harmless(result.err)


def assert_harmless(text):
    assert text == "".join(char for char in text if char == "\n" or char.isprintable()), repr(text)
