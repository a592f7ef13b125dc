"""misc/update_expected_outputs.sh and the check that an update is due, on a tree with a stack of two small layers."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile

import private
import pytest
from run import run as run_program

SPEC = """\
[[runtimes]]
name = "base"
python_implementation = "cpython@3.11.11"
requirements = []
platforms = ["linux_x86_64", "linux_aarch64"]

[[applications]]
name = "hello"
runtime = "base"
requirements = []
launch_module = "launch_modules/hello.py"

[tool.uv]
exclude-newer = "2026-06-01T00:00:00Z"

[tool.lamina]
lock_urls = false
"""
ARCHIVE = """
[[tool.lamina.runtime_archives]]
implementation = "cpython@3.11.11"
platform = "{platform}"
path = "runtimes/base.tar"
sha256 = "{sha}"
"""
CONFIG = """\
# What outputs depend on.
[libraries]
zlib = "{zlib}"

[tools]
uv = "0.1.2"

[lamina]
layer_layout = 1

[runtimes]
"base.tar" = "{sha}"
"""
CHECK = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 9
echo "$*" >> calls
exit "$(cat tests_end_with)"
"""
PLATFORMS = ("linux_aarch64", "linux_x86_64")


def runtime():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, text in (("bin/python3.11", b'#!/bin/sh\nexec python3.11 "$@"\n'), ("lib/python3.11/os.py", b"")):
            member = tarfile.TarInfo(f"python/{name}")
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text))
    return data.getvalue()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


class Tree:
    def __init__(self, folder, scripts, run, lamina):
        self.folder, self.scripts, self.run, self.lamina = folder, scripts, run, lamina
        self.sample, self.expected = folder / "sample_project", folder / "expected_outputs"
        self.spec, self.config = self.sample / "venvstacks.toml", self.expected / "config.toml"

    def update(self, *args):
        return self.run(self.scripts / "update_expected_outputs.sh", *args, "--root", self.folder, "--lamina", self.lamina,
            "--store", self.folder / "store", cwd=self.folder)

    def due(self):
        return self.run("python3", self.scripts / "expected_outputs.py", "due", "--root", self.folder)

    def calls(self):
        path = self.folder / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def committed(self):
        """Every file that an update may write."""
        return {path.relative_to(self.folder).as_posix(): path.read_bytes()
            for top in (self.expected, self.sample / "requirements") for path in top.rglob("*") if path.is_file()}


def make_tree(tree):
    """Fill the folder with everything but the expected outputs."""
    data = runtime()
    sha = hashlib.sha256(data).hexdigest()
    zlib = subprocess.run(["pkg-config", "--modversion", "zlib"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    write(tree.spec, SPEC + "".join(ARCHIVE.format(platform=name, sha=sha) for name in PLATFORMS))
    write(tree.sample / "launch_modules" / "hello.py", "print('hello')\n")
    write(tree.sample / "runtimes" / "SHA256SUMS", f"{sha}  base.tar\n")
    (tree.sample / "runtimes" / "base.tar").write_bytes(data)
    write(tree.config, CONFIG.format(zlib=zlib, sha=sha))
    write(tree.folder / "misc" / "tools-requirements.txt", "uv==0.1.2\n")
    for name in ("src/layer/postinstall.py", "src/layer/interpreter.c"):
        write(tree.folder / name, "first\n")
    write(tree.folder / "src" / "steps" / "plan.c", "enum { LAYER_LAYOUT = 1 };\n")
    write(tree.folder / "check", CHECK)
    (tree.folder / "check").chmod(0o755)
    write(tree.folder / "tests_end_with", "0\n")
    return tree


@pytest.fixture
def new_tree(tmp_path, root, run, lamina):
    """A tree that has no expected outputs yet."""
    return make_tree(Tree(tmp_path / "tree", root / "misc", run, lamina))


@pytest.fixture(scope="module")
def updated(tmp_path_factory, root, lamina):
    folder = tmp_path_factory.mktemp("updated")
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, folder / "private")
        tree = make_tree(Tree(folder / "tree", root / "misc", run_program, lamina))
        tree.update().ok()
    (tree.folder / "calls").unlink()
    return tree.folder


@pytest.fixture
def tree(updated, tmp_path, root, run, lamina):
    """A tree whose expected outputs are as they should be."""
    shutil.copytree(updated, tmp_path / "tree")
    return Tree(tmp_path / "tree", root / "misc", run, lamina)


def outputs(platform, layer):
    return [f"expected_outputs/{platform}/__venvstacks__/{place}" for place in
        (f"entries/{layer}.txt", f"env_metadata/{layer}.json", f"segments/{layer}.json", "venvstacks.json")]


STATE = "expected_outputs/state.json"
DUE = "an update of the expected outputs is due: run misc/update_expected_outputs.sh and commit what it lists\n"


def fails(result, text):
    assert (result.code, result.out) == (1, ""), result
    assert result.err.endswith(text), result


def test_first_update(new_tree):
    assert new_tree.due().out == "expected_outputs/state.json, the record of what they were made from, is not there\n" + DUE
    result = new_tree.update("list").ok()
    listed = result.out.splitlines()
    assert (new_tree.folder / "list").read_text(encoding="utf-8") == result.out
    assert listed[-1] == STATE and listed[:-1] == sorted(listed[:-1]) and len(set(listed)) == len(listed)
    want = {path for platform in PLATFORMS for layer in ("base", "app-hello") for path in outputs(platform, layer)}
    assert {path for path in listed if path.startswith("expected_outputs/l")} == want
    assert {path for path in listed if path.startswith("sample_project/")} == {
        f"sample_project/requirements/{layer}/{name}" for layer in ("base", "app-hello")
        for name in (f"pylock.{layer}.toml", f"pylock.{layer}.meta.json", f"packages-{layer}.txt", f"requirements-{layer}.in")}
    assert set(listed) == set(new_tree.committed()) - {"expected_outputs/config.toml"}
    assert new_tree.calls() == ["test e2e -- -m not expected_output"]
    due = new_tree.due()
    assert (due.code, due.out, due.err) == (0, "", "")
    metadata = json.loads((new_tree.expected / "linux_x86_64/__venvstacks__/env_metadata/base.json").read_text(encoding="utf-8"))
    assert (metadata["archive_build"], metadata["locked_at"]) == (1, "2026-06-01T00:00:00Z")


def test_nothing_to_update_is_a_failure(tree):
    before = tree.committed()
    fails(tree.update("list"), "expected_outputs: nothing changed: there was nothing to update\n")
    assert tree.committed() == before and not (tree.folder / "list").exists()


def test_failing_tests_stop_it(tree):
    write(tree.folder / "tests_end_with", "1\n")
    append(tree.sample / "launch_modules" / "hello.py", "print('again')\n")
    before = tree.committed()
    fails(tree.update(), "expected_outputs: stopped, nothing is changed: the tests failed: exit code 1\n")
    assert tree.committed() == before


def test_only_some_tests(tree):
    append(tree.sample / "launch_modules" / "hello.py", "print('again')\n")
    tree.update("--tests", "tests/cli", "--tests=-x").ok()
    assert tree.calls() == ["test e2e -- -m not expected_output tests/cli -x"]


def test_changed_launch_module(tree):
    append(tree.sample / "launch_modules" / "hello.py", "print('again')\n")
    due = tree.due()
    assert (due.code, due.out) == (1, "sample_project/launch_modules/hello.py changed\n" + DUE)
    listed = tree.update().ok().out.splitlines()
    assert listed == [path for platform in PLATFORMS for path in outputs(platform, "app-hello")] + [
        "sample_project/requirements/app-hello/pylock.app-hello.meta.json", STATE]
    assert tree.due().code == 0


def test_changed_spec(tree):
    tree.spec.write_text(tree.spec.read_text(encoding="utf-8").replace('"hello"', '"world"'), encoding="utf-8")
    assert tree.due().out == "sample_project/venvstacks.toml changed\n" + DUE
    listed = tree.update().ok().out.splitlines()
    assert {path for path in listed if "hello" in path} < set(listed)  # removed
    assert "expected_outputs/linux_x86_64/__venvstacks__/entries/app-world.txt" in listed
    assert "sample_project/requirements/app-world/pylock.app-world.toml" in listed
    assert not (tree.expected / "linux_x86_64/__venvstacks__/entries/app-hello.txt").exists()


def test_platform_that_is_gone(tree):
    text = tree.spec.read_text(encoding="utf-8").replace('["linux_x86_64", "linux_aarch64"]', '["linux_x86_64"]')
    tree.spec.write_text(text, encoding="utf-8")
    listed = tree.update().ok().out.splitlines()
    assert set(outputs("linux_aarch64", "base") + outputs("linux_aarch64", "app-hello")) < set(listed)
    assert sorted(path.name for path in tree.expected.iterdir()) == ["config.toml", "linux_x86_64", "state.json"]


@pytest.mark.parametrize("name", ["sample_project/venvstacks.toml", "src/layer/postinstall.py", "src/layer/interpreter.c"])
def test_changed_input_without_effect(tree, name):
    append(tree.folder / name, "# a word more\n")
    assert tree.due().out == f"{name} changed\n" + DUE
    result = tree.update().ok()
    assert result.out == STATE + "\n"
    assert result.err.endswith("no output changed; what did change has no effect on them\n")
    assert tree.due().code == 0


def test_new_and_removed_inputs(tree):
    write(tree.sample / "support_modules" / "more.py", "")
    (tree.sample / "launch_modules" / "hello.py").rename(tree.sample / "launch_modules" / "moved.py")
    assert tree.due().out == ("sample_project/launch_modules/hello.py is gone\nsample_project/launch_modules/moved.py is new\n"
        "sample_project/support_modules/more.py is new\n") + DUE


def test_request_that_changes_nothing(tree):
    append(tree.config, "# update: 2030-01-01 because I say so\n")
    assert tree.due().out == "requested in config.toml: 2030-01-01 because I say so\n" + DUE
    before = tree.committed()
    fails(tree.update(), "expected_outputs: an update was requested, and nothing changed: "
        "withdraw the request in expected_outputs/config.toml\n")
    assert tree.committed() == before and tree.due().code == 1


def test_request_for_what_only_the_code_changed(tree):
    path = tree.expected / "linux_x86_64/__venvstacks__/entries/base.txt"
    path.write_text("as another version of lamina made it\n", encoding="utf-8")
    assert tree.due().code == 0  # what it is made from is the same: the comparison finds it
    append(tree.config, "# update: 2030-01-01 the layout of runtimes\n")
    assert tree.update().ok().out == "expected_outputs/linux_x86_64/__venvstacks__/entries/base.txt\n" + STATE + "\n"
    assert tree.due().code == 0


def test_edited_lock(tree):
    path = tree.sample / "requirements" / "base" / "packages-base.txt"
    append(path, "numpy==1.0\n")
    assert tree.due().out == "sample_project/requirements/base/packages-base.txt changed\n" + DUE
    assert tree.update().ok().out == "sample_project/requirements/base/packages-base.txt\n" + STATE + "\n"


PINS = {
    "uv": ("misc/tools-requirements.txt", "uv==0.2.0\n", "uv is 0.2.0 in misc/tools-requirements.txt, and 0.1.2 in expected_outputs/config.toml\n"),
    "layout": ("src/steps/plan.c", "enum { LAYER_LAYOUT = 2 };\n", "layer_layout is 2 in src/steps/plan.c, and 1 in expected_outputs/config.toml\n"),
}


@pytest.mark.parametrize("row", PINS)
def test_pin_that_is_not_what_is_here(tree, row):
    name, text, said = PINS[row]
    write(tree.folder / name, text)
    assert tree.due().out == said + DUE
    before = tree.committed()
    fails(tree.update(), f"expected_outputs: nothing is changed: the pins are not what is here; change one or the other\n  {said}")
    assert tree.committed() == before and tree.calls() == []


def test_changed_pin(tree):
    write(tree.folder / "misc" / "tools-requirements.txt", "uv==0.2.0\n")
    tree.config.write_text(tree.config.read_text(encoding="utf-8").replace('"0.1.2"', '"0.2.0"'), encoding="utf-8")
    assert tree.due().out == "pin tools.uv changed from 0.1.2 to 0.2.0\n" + DUE
    assert tree.update().ok().out == STATE + "\n"
    assert tree.due().code == 0


def test_another_library_on_this_machine(tree):
    before = tree.config.read_text(encoding="utf-8")
    version = before.split('zlib = "')[1].split('"')[0]
    tree.config.write_text(before.replace(f'"{version}"', '"0.9"'), encoding="utf-8")
    fails(tree.update(), f"\n  zlib is {version} on this machine, and 0.9 in expected_outputs/config.toml\n")
    assert tree.calls() == []


def test_runtime_that_is_not_pinned(tree):
    append(tree.sample / "runtimes" / "SHA256SUMS", f"{'0' * 64}  more.tar\n")
    assert tree.due().out == ("runtime more.tar is new, says sample_project/runtimes/SHA256SUMS against expected_outputs/config.toml\n"
        "sample_project/runtimes/SHA256SUMS changed\n") + DUE


def test_stack_that_cannot_be_made(tree):
    append(tree.spec, "[[applications]]\n")
    before = tree.committed()
    fails(tree.update(), "expected_outputs: locking failed, nothing is changed: exit code 2\n")
    assert tree.committed() == before


def test_unreadable_files(tree):
    tree.config.write_text("[libraries\n", encoding="utf-8")
    result = tree.due()
    assert result.code == 1 and result.err.startswith(f"expected_outputs: {tree.config}: Expected ']'"), result
    tree.config.unlink()
    assert tree.due().err == f"expected_outputs: cannot read {tree.config}: No such file or directory\n"


def test_due_in_this_checkout_is_part_of_the_static_checks(run, root):
    listed = {line.split()[0]: line for line in run(root / "check", "list").ok().out.splitlines()}
    assert " static fast ci " in listed["expected-due"]
