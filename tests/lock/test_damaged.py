"""Lock files that somebody or something damaged: tests/cases/locks/<case>/ has pylock.toml or meta.json, which replaces that file of
the layer "one", or edit.json, an edit of it; and exit_code and expected.txt of `lamina show`: what it says of the lock."""

import json
import shutil

import pytest

import package_index
import paths
import private
import web
from lock_stack import Stack, framework, on

CASES = sorted(folder for folder in (paths.CASES / "locks").iterdir() if folder.is_dir())
LAYER = "framework-one"


@pytest.fixture(scope="module")
def good(lamina, runtimes, base_store, uv_cache, tmp_path_factory):
    """A locked stack, and the files of its locks."""
    folder = tmp_path_factory.mktemp("damaged")
    with pytest.MonkeyPatch.context() as patch, web.serve() as server:
        private.enter(patch, folder / "private")
        patch.setenv("UV_CACHE_DIR", str(uv_cache))
        index = package_index.Index(server, "main")
        index.add("alpha", "1.0")
        stack = Stack(lamina, runtimes, folder / "stack", base_store, index)
        stack.layers(framework("one", "alpha") + framework("two", "alpha", below=on("one")), lamina="lock_urls = false")
        stack.lock().ok()
        yield stack, stack.files()


@pytest.fixture
def stack(good):
    """The good stack, whole again."""
    stack, files = good
    shutil.rmtree(stack.folder / "requirements")
    for name, (data, _) in files.items():
        path = stack.folder / "requirements" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return stack


def damage(stack, case):
    for kind, name in (("pylock", "pylock.toml"), ("meta", "meta.json")):
        if (case / name).exists():
            stack.path(LAYER, kind).write_bytes((case / name).read_bytes())
    if (case / "edit.json").exists():
        edit = json.loads((case / "edit.json").read_text())
        path = stack.path(LAYER, edit["file"])
        text = path.read_text()
        assert edit["old"] in text
        new = text.replace(edit["old"], edit["new"])
        if edit["file"] == "meta":  # a hash has a digit more at its start: take one from its end
            new = "\n".join(line[:-3] + line[-2:] if line.startswith('  "' + edit["old"].split('"')[1]) else line
                for line in new.split("\n"))
        path.write_bytes(new.encode())


def look(stack):
    """What `lamina show` says of the locks."""
    result = stack.run("show", "--json", cwd=stack.folder)
    said = result.err.replace(f"{stack.folder}/", "")
    if result.code == 0:
        document = result.json()
        said += "".join(f"{layer['name']}: {layer['lock_problem']}\n" for kind in ("runtimes", "frameworks")
            for layer in document[kind] if "lock_problem" in layer)
    return result, said


def test_there_are_enough_cases():
    assert sum((case / "exit_code").read_text() == "2\n" for case in CASES) >= 15


@pytest.mark.parametrize("case", CASES, ids=lambda folder: folder.name)
def test_case(case, stack):
    damage(stack, case)
    before = stack.files()
    result, said = look(stack)
    assert said == (case / "expected.txt").read_text(encoding="utf-8")
    assert result.code == int((case / "exit_code").read_text())
    if result.code != 0:
        for command in (["lock"], ["build", "--include", "two"]):
            again = stack.run(*command)
            assert (again.code, again.err, again.out) == (2, result.err, "")
        assert stack.files() == before


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith("edited")], ids=lambda folder: folder.name)
def test_an_edited_lock_is_repaired_by_the_next(case, stack, good):
    damage(stack, case)
    stack.lock("--if-needed").ok()
    assert {name: data for name, (data, _) in stack.files().items()} == {name: data for name, (data, _) in good[1].items()}


def test_removing_the_damaged_file_helps(stack, good):
    stack.path(LAYER).write_text("<<<<<<< HEAD\n")
    assert stack.lock().code == 2
    stack.path(LAYER).unlink()
    stack.lock().ok()
    assert {name: data for name, (data, _) in stack.files().items()} == {name: data for name, (data, _) in good[1].items()}


@pytest.mark.parametrize("kind", ["pylock", "meta"])
def test_something_that_is_no_file(stack, kind):
    path = stack.path(LAYER, kind)
    path.unlink()
    path.mkdir()
    result = stack.lock()
    assert result.code == 1
    assert result.err == f"lamina: reading the lock of layer 'one': not a regular file: '{path}'\n"


def test_a_lock_file_beyond_all_limits(stack):
    path = stack.path(LAYER)
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    result = stack.run("show")
    assert (result.code, result.err) == (1,
        f"lamina: reading the lock of layer 'one': file of more than 67108864 bytes: '{path}'\n")
