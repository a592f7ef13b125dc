"""When a lock is valid, what makes a new one, and what stays."""

import json
import re

import pytest

from lock_stack import application, framework, on
from package_index import NEW, native

LINUX, MAC, WINDOWS = "linux_x86_64", "macosx_arm64", "win_amd64"


def problems(stack):
    """{build name: why its lock is not valid}, of layers whose lock is not."""
    found = {name: layer["lock_problem"] for name, layer in stack.status().items() if "lock_problem" in layer}
    assert set(found) == invalid(stack) == starred(stack)
    return found


@pytest.fixture
def pair(stack, index):
    """Two frameworks, one on the other, and an application on both; locked."""
    index.add("alpha", "1.0")
    index.add("beta", "1.0")
    (stack.folder / "app.py").write_text("print(1)\n")
    stack.layers(PAIR, requirements=["alpha"])
    stack.lock().ok()
    return stack


PAIR = framework("one", "beta") + framework("two", "beta", below=on("one")) + application("app", "beta", below=on("two"))
ABOVE_ONE = {"framework-two", "app-app"}


def invalid(stack):
    return {name for name, layer in stack.status().items() if not layer["has_valid_lock"]}


def starred(stack):
    """The layers that `show` marks with a star."""
    return set(re.findall(r"\*(\S+)", stack.run("show").ok().out))


def test_before_and_after(stack, index):
    index.add("alpha")
    stack.layers(framework("one", "alpha"))
    assert problems(stack) == {"py": "has no lock", "framework-one": "has no lock"}
    stack.lock().ok()
    assert problems(stack) == {}
    before = stack.files()
    stack.lock("--if-needed").ok()
    assert stack.files() == before
    asked = len(index.pages)
    stack.lock("--if-needed").ok()
    assert len(index.pages) == asked  # nobody was asked


def test_other_requirements(pair):
    pair.layers(PAIR.replace('name = "two"\nframeworks = ["one"]\nrequirements = ["beta"]',
        'name = "two"\nframeworks = ["one"]\nrequirements = ["beta>=1"]'), requirements=["alpha"])
    assert problems(pair) == {"framework-two": "its requirements changed", "app-app": "a lower layer has no valid lock"}
    before = pair.files()
    pair.lock("--if-needed").ok()
    assert invalid(pair) == set()
    changed = {path for path, file in pair.files().items() if file != before[path]}
    # the lock below is the same, so only what the requirements are was written, and the application stays as it is
    assert changed == {"framework-two/pylock.framework-two.meta.json", "framework-two/requirements-framework-two.in"}


@pytest.mark.parametrize("old, new", [
    ("beta", " beta "),
    ("beta", "Beta"),
    ('["beta"]', '["beta", "beta"]'),
    ('["beta"]', '["beta",  # a comment\n]'),
    ('name = "main"', 'name  =  "main"'),
    ("[tool.lamina]", "# nothing\n[tool.lamina]"),
])
def test_another_spelling_is_no_change(pair, old, new):
    pair.spec.write_text(pair.spec.read_text().replace(old, new))
    assert invalid(pair) == set()


@pytest.mark.parametrize("old, new, layers", [
    ('platforms = ["linux_x86_64"]', 'platforms = ["linux_x86_64", "win_amd64"]', {"py", "framework-one"} | ABOVE_ONE),
    ('name = "one"', 'name = "one"\nlinux_target = "glibc@2.34"', {"framework-one"} | ABOVE_ONE),
    ('name = "two"', 'name = "two"\nplatforms = []', None),
    ("2026-06-01", "2026-06-02", {"py", "framework-one"} | ABOVE_ONE),
    ("[tool.lamina]", "[tool.lamina]\nlock_urls = false", {"py", "framework-one"} | ABOVE_ONE),
    ("[tool.lamina]", '[[tool.uv.index]]\nname = "more"\nurl = "https://example.invalid/simple"\n[tool.lamina]',
        {"py", "framework-one"} | ABOVE_ONE),
    ('name = "two"', 'name = "two"\npackage_indexes = { beta = "main" }', ABOVE_ONE),
    ('name = "two"', 'name = "two"\nversioned = true', set()),
    ("5555555555", "6666666666", {"py", "framework-one"} | ABOVE_ONE),
], ids=["platform added", "target", "switched off", "exclude-newer", "lock_urls", "index added", "package_indexes", "versioned",
    "runtime archive"])
def test_what_makes_locks_invalid(pair, old, new, layers):
    text = pair.spec.read_text()
    assert old in text
    pair.spec.write_text(text.replace(old, new, 1))
    if layers is None:
        pair.spec.write_text(pair.spec.read_text().replace('name = "app"', 'name = "app"\nplatforms = []'))
        layers = ABOVE_ONE
    if new.startswith("66666"):
        pair.spec.write_text(text.replace("5" * 64, "6" * 64))
    found = problems(pair)
    assert set(found) == layers
    if layers:
        assert found.pop(min(layers, key=["py", "framework-one", "framework-two", "app-app"].index)) == (
            "its platforms, indexes or lower layers changed")
    assert set(found.values()) <= {"a lower layer has no valid lock"}


@pytest.mark.parametrize("missing", ["pylock", "meta"])
def test_a_missing_file(pair, missing):
    pair.path("framework-one", missing).unlink()
    assert problems(pair) == {"framework-one": "has no lock" if missing == "pylock" else "its meta file is missing",
        "framework-two": "a lower layer has no valid lock", "app-app": "a lower layer has no valid lock"}
    before = pair.files()
    pair.lock("--if-needed").ok()
    assert invalid(pair) == set()
    assert set(pair.files()) == set(before) | {f"framework-one/{pair.path('framework-one', missing).name}"}


@pytest.mark.parametrize("missing", ["packages", "requirements"])
def test_files_that_only_people_read(pair, missing):
    """They take no part in validity; the next lock writes them again."""
    pair.path("framework-one", missing).unlink()
    assert invalid(pair) == set()
    pair.lock().ok()
    assert pair.path("framework-one", missing).exists()


def test_an_edited_lock_file(pair):
    path = pair.path("framework-one")
    path.write_text(path.read_text() + "# a comment\n")
    assert problems(pair)["framework-one"] == "its lock file was edited"
    result = pair.run("build", "--no-lock-if-needed", "--include", "one")
    assert result.code == 1
    assert result.err == ("lamina: layer 'one' cannot be used: its lock file was edited; 'lamina lock --if-needed' locks it\n")
    pair.lock("--if-needed").ok()
    assert "# a comment" not in path.read_text() and invalid(pair) == set()


def test_a_changed_lower_layer(pair, index):
    """Its lock file is another one: what stands on it is not valid, what does not is."""
    index.add("beta", "1.5")
    assert invalid(pair) == set()  # nobody asks the index
    pair.run("build", "--include", "one", "--reset-lock", "one").ok()  # which locks only what it builds
    assert pair.packages("framework-one") == ["beta==1.5"]
    assert problems(pair) == {"framework-two": "its platforms, indexes or lower layers changed",
        "app-app": "a lower layer has no valid lock"}
    pair.lock("--if-needed").ok()
    assert pair.packages("app-app") == ["beta==1.5  # from framework-one"]
    assert invalid(pair) == set()


def test_what_stands_on_a_layer_is_locked_with_it(pair, index):
    index.add("beta", "1.5")
    pair.lock("--include", "one", "--reset-lock", "one").ok()
    assert invalid(pair) == set()
    assert pair.packages("app-app") == ["beta==1.5  # from framework-one"]


def test_a_lock_between_two_that_are_locked(pair, index):
    """The middle one is left out, and its lock does not fit: the upper one must not be locked on it."""
    index.add("beta", "1.5")
    pair.spec.write_text(pair.spec.read_text().replace('name = "two"\nframeworks = ["one"]\nrequirements = ["beta"]',
        'name = "two"\nframeworks = ["one"]\nrequirements = ["beta>=1"]'))
    before = pair.files()
    result = pair.lock("--include", "one", "--include", "app", "--reset-lock", "one")
    assert (result.code, result.err) == (1, "lamina: layer 'app': the layer 'two' below has no valid lock "
        "(its requirements changed): lock it too, with --lock-dependencies\n")
    assert pair.files() == before


def test_a_lower_layer_without_lock(pair):
    pair.path("framework-one").unlink()
    pair.path("framework-one", "meta").unlink()
    before = pair.files()
    result = pair.lock("--include", "two")
    assert (result.code, result.err) == (1, "lamina: layer 'two': the layer 'one' below has no valid lock (it has no lock): "
        "lock it too, with --lock-dependencies\n")
    assert pair.files() == before
    pair.lock("--include", "two", "--lock-dependencies").ok()
    assert invalid(pair) == set()


def test_include(pair, index):
    for name in ("alpha", "beta"):
        index.add(name, "2.0")
    pair.lock("--include", "t*", "--include", "app-a?p", "--reset-lock", "*").ok()
    assert pair.packages("py") == ["alpha==1.0"]
    assert pair.packages("framework-two") == ["beta==1.0  # from framework-one"]
    result = pair.lock("--include", "twos")
    assert (result.code, result.err) == (2, "lamina: no layer matches 'twos', did you mean 'two'?\n")
    pair.lock("--include", "twos", "--allow-missing").ok()


def test_reset_and_relock(stack, index):
    """A relock keeps versions though newer ones are there; only a reset moves them, and only of the layers it names."""
    for name in ("alpha", "beta"):
        index.add(name, "1.0")
    text = framework("one", "alpha") + framework("two", "beta")
    stack.layers(text, uv="")
    stack.lock().ok()
    for name in ("alpha", "beta"):
        index.add(name, "2.0")
    before = stack.files()
    stack.lock().ok()
    assert stack.files() == before
    stack.lock("--reset-lock", "one").ok()
    assert stack.packages("framework-one") == ["alpha==2.0"]
    assert stack.packages("framework-two") == ["beta==1.0"]
    stack.lock("--if-needed", "--reset-lock", "two").ok()  # a valid lock too
    assert stack.packages("framework-two") == ["beta==2.0"]


def test_a_relock_keeps_versions_when_requirements_change(stack, index):
    for name in ("alpha", "beta", "gamma"):
        index.add(name, "1.0")
    stack.layers(framework("one", "alpha", "beta"))
    stack.lock().ok()
    for name in ("alpha", "beta", "gamma"):
        index.add(name, "2.0")
    stack.layers(framework("one", "alpha", "beta>=2", "gamma"))
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "beta==2.0", "gamma==2.0"]


def test_a_version_that_is_gone_moves(stack, index):
    (name,) = index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"))
    stack.lock().ok()
    index.add("alpha", "2.0")
    index.remove("alpha", name)
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==2.0"]


def test_versions_that_differ_between_platforms_are_kept(stack, index):
    for version in ("1.0", "2.0"):
        index.add("alpha", version)
    text = framework("one", "alpha<2; sys_platform == 'win32'", "alpha>=2; sys_platform != 'win32'")
    stack.layers(text, platforms=[LINUX, WINDOWS])
    stack.lock().ok()
    before = stack.files()
    for version in ("1.5", "2.5"):
        index.add("alpha", version)
    stack.lock().ok()
    assert stack.files() == before


def test_a_platform_is_added(stack, index):
    """The versions stay, wheels are added."""
    index.add("alpha", "1.0", native(LINUX), native(MAC))
    stack.layers(framework("one", "alpha"))
    stack.lock().ok()
    index.add("alpha", "2.0", native(LINUX), native(MAC))
    stack.layers(framework("one", "alpha"), platforms=[LINUX, MAC])
    stack.lock("--if-needed").ok()
    assert stack.wheels("framework-one", "alpha") == [f"alpha-1.0-{native(MAC)}.whl", f"alpha-1.0-{native(LINUX)}.whl"]


def versions(stack):
    return {name: layer["install_target"] for name, layer in stack.status().items()}


def test_versioned_layers(stack, index):
    """@N rises when the lock or the modules change, or a versioned layer below does; not otherwise."""
    index.add("alpha", "1.0")
    module = stack.folder / "app.py"
    module.write_text("print(1)\n")
    text = (framework("one", "alpha", more="versioned = true") + framework("plain", "alpha", below=on("one"))
        + application("app", below=on("plain"), more='versioned = true\nsupport_modules = ["help.py"]')
        + application("free", below=on("plain"), module="app"))
    (stack.folder / "help.py").write_text("")
    stack.layers(text, uv="")
    assert versions(stack) == {"py": "py", "framework-one": "framework-one@?", "framework-plain": "framework-plain",
        "app-app": "app-app@?", "app-free": "app-free"}

    def expect(one, app):
        stack.lock("--if-needed").ok()
        assert versions(stack) == {"py": "py", "framework-one": f"framework-one@{one}", "framework-plain": "framework-plain",
            "app-app": f"app-app@{app}", "app-free": "app-free"}
        for layer in ("py", "framework-plain", "app-free"):
            assert stack.meta(layer)["lock_version"] == 1

    expect(1, 1)
    stack.lock().ok()
    expect(1, 1)
    module.write_text("print(2)\n")
    assert problems(stack) == {"app-app": "its modules or the version of a lower layer changed"}
    before = stack.files()
    expect(1, 2)
    changed = {path for path, file in stack.files().items() if file != before[path]}
    assert changed == {"app-app/pylock.app-app.meta.json"}
    (stack.folder / "help.py").write_text("HELP = 1\n")
    expect(1, 3)
    (stack.folder / "notes.txt").write_text("not a module")
    expect(1, 3)
    index.add("alpha", "2.0")
    expect(1, 3)
    stack.lock("--reset-lock", "one").ok()
    expect(2, 4)
    text = text.replace('requirements = ["alpha"]\nversioned', 'requirements = ["alpha>=2"]\nversioned')
    stack.layers(text, uv="")
    assert "framework-one" in invalid(stack)
    expect(2, 4)  # other words for the same lock
    module.write_text("print(1)\n")
    expect(2, 5)  # it never goes back


def test_the_numbers_of_a_reset(stack, index):
    index.add("alpha", "1.0")
    text = framework("one", "alpha", more="versioned = true")
    stack.layers(text, uv="")
    stack.lock("--reset-lock", "one").ok()
    assert versions(stack)["framework-one"] == "framework-one@1"
    stack.lock("--reset-lock", "one").ok()
    assert versions(stack)["framework-one"] == "framework-one@1"  # the same lock
    index.add("alpha", "2.0")
    stack.lock("--reset-lock", "one").ok()
    assert versions(stack)["framework-one"] == "framework-one@2"
    stack.layers(text.replace("versioned = true", ""), uv="")
    assert versions(stack)["framework-one"] == "framework-one"
    stack.lock().ok()
    assert stack.meta("framework-one")["lock_version"] == 1


def test_build_locks_what_needs_it(pair, index, tmp_path):
    index.add("beta", "3.0")
    pair.layers(PAIR.replace('["beta"]', '["beta>=2"]', 1), requirements=["alpha"])
    result = pair.run("build", "--no-lock-if-needed", "--include", "one", "--build-dir", tmp_path / "built")
    assert (result.code, result.err) == (1,
        "lamina: layer 'one' cannot be used: its requirements changed; 'lamina lock --if-needed' locks it\n")
    pair.run("build", "--include", "one", "--build-dir", tmp_path / "built").ok()
    assert pair.packages("framework-one") == ["beta==3.0"]
    assert pair.packages("py") == ["alpha==1.0"]
    assert invalid(pair) == ABOVE_ONE
    (code,) = (tmp_path / "built").glob("**/site-packages/beta/__init__.py")
    assert '"3.0"' in code.read_text()


def test_build_resets(pair, index, tmp_path):
    index.add("beta", "1.5")
    pair.run("build", "--include", "one", "--reset-lock", "one", "--build-dir", tmp_path / "built").ok()
    assert pair.packages("framework-one") == ["beta==1.5"]


def test_show_only_locks_nothing(pair):
    pair.path("framework-one").unlink()
    before = pair.files()
    for options in (["--show-only"], ["--show-only", "--json"], ["--if-needed", "--show-only"]):
        pair.lock(*options).ok()
    assert pair.files() == before
    document = pair.lock("--if-needed", "--show-only", "--json", "--include", "one").json()
    selected = {layer["name"]: layer["selected_operations"] for kind in ("runtimes", "frameworks", "applications")
        for layer in document[kind]}
    assert json.dumps(selected["framework-one"]).count("lock-if-needed") == 1 and "lock" not in json.dumps(selected["app-app"])


def test_a_file_uploaded_since(stack, index):
    """A new file of a version that was locked does not get into the lock before the next lock run, and then it does."""
    index.add("alpha", "1.0", "py3-none-any")
    stack.layers(framework("one", "alpha"), uv="")
    stack.lock().ok()
    index.add("alpha", "1.0", native(LINUX), uploaded=NEW)
    assert invalid(stack) == set()
    stack.lock().ok()
    assert stack.wheels("framework-one", "alpha") == [f"alpha-1.0-{native(LINUX)}.whl"]
