"""`lamina show`, --show and --show-only: the tree and the status document, literally."""

import json

import pytest

TREE = """\
venvstacks.toml
├── runtimes
│   └── base{base}
├── frameworks
│   ├── framework-low -> framework-low@1{low}
│   │   └── base
│   └── framework-plain{plain}
│       └── base
└── applications
    ├── app-one{one}
    │   ├── framework-low -> framework-low@1
    │   ├── framework-plain
    │   └── base
    ├── app-two{two}
    │   ├── framework-plain
    │   └── base
    └── app-three{three}
        └── base
"""


def tree(**operations):
    everywhere = operations.pop("all", "")
    names = ("base", "low", "plain", "one", "two", "three")
    return TREE.format(**{name: f" ({text})" if (text := operations.get(name, everywhere)) else "" for name in names})


def show(stack, command, *args):
    sources = [] if command == "show" else ["--no-index", "--local-wheels", stack.wheels]
    return stack.run(command, *sources, "--store", stack.store, *args, stack.spec)


def layer(name, dependencies, operations=None, install_target=None, valid=True):
    return {"name": name, "install_target": install_target or name, "has_valid_lock": valid,
        "selected_operations": operations, "dependencies": dependencies}


def status(operations=None):
    return {
        "spec_name": "venvstacks.toml",
        "runtimes": [layer("base", [], operations)],
        "frameworks": [layer("framework-low", ["base"], operations, "framework-low@1"),
            layer("framework-plain", ["base"], operations)],
        "applications": [layer("app-one", ["framework-low", "framework-plain", "base"], operations),
            layer("app-two", ["framework-plain", "base"], operations), layer("app-three", ["base"], operations)],
    }


def test_tree(locked):
    result = show(locked, "show")
    assert (result.code, result.out, result.err) == (0, tree(), "")


def test_status_document(locked):
    result = show(locked, "show", "--json")
    assert result.json() == status()
    assert result.err == ""


def test_layers_without_a_valid_lock_are_marked(small):
    small.edit('requirements = ["lowpkg"]\n\n[[frameworks]]', 'requirements = ["lowpkg>=1"]\n\n[[frameworks]]')
    result = show(small, "show").ok()
    changed = ["framework-low", "app-one"]  # and what stands on it
    assert result.out == tree().replace("framework-low -> framework-low@1", "*framework-low -> framework-low@?").replace(
        "app-one", "*app-one")
    assert show(small, "show", "-v").ok().err == (
        "note: 'framework-low' is to be locked: its requirements changed\n"
        "note: 'app-one' is to be locked: a lower layer has no valid lock\n")
    document = show(small, "show", "--json").json()
    invalid = [item["name"] for kind in ("runtimes", "frameworks", "applications") for item in document[kind]
        if not item["has_valid_lock"]]
    assert invalid == changed


def test_an_unlocked_stack(small):
    for path in (small.spec.parent / "requirements").rglob("*.toml"):
        path.unlink()
    result = show(small, "show").ok()
    assert result.out == """\
venvstacks.toml
├── runtimes
│   └── *base
├── frameworks
│   ├── *framework-low -> framework-low@?
│   │   └── *base
│   └── *framework-plain
│       └── *base
└── applications
    ├── *app-one
    │   ├── *framework-low -> framework-low@?
    │   ├── *framework-plain
    │   └── *base
    ├── *app-two
    │   ├── *framework-plain
    │   └── *base
    └── *app-three
        └── *base
"""


def test_include_shows_those_layers(locked):
    assert show(locked, "show", "--include", "*low", "-i", "app-[ot][nw]*", "-i", "base").ok().out == """\
venvstacks.toml
├── runtimes
│   └── base
├── frameworks
│   └── framework-low -> framework-low@1
│       └── base
└── applications
    ├── app-one
    │   ├── framework-low -> framework-low@1
    │   ├── framework-plain
    │   └── base
    └── app-two
        ├── framework-plain
        └── base
"""
    assert show(locked, "show", "--json", "-i", "low").json() == {
        "spec_name": "venvstacks.toml", "runtimes": [], "applications": [],
        "frameworks": [layer("framework-low", ["base"], None, "framework-low@1")]}
    assert show(locked, "show", "--include", "x*", "--allow-missing").ok().out == "venvstacks.toml\n"
    result = show(locked, "show", "--include", "framework-lo")
    assert (result.code, result.out, result.err) == (
        2, "", "lamina: no layer matches 'framework-lo', did you mean 'framework-low'?\n")


# options -> operations per layer
SELECTED = {
    "lock": (["lock"], {"all": "lock"}),
    "lock --if-needed": (["lock", "--if-needed"], {"all": "lock-if-needed"}),
    "lock of one": (["lock", "-i", "low"], {"low": "lock", "one": "lock-if-needed"}),
    "lock with dependencies": (["lock", "-i", "one", "--lock-dependencies"],
        {"one": "lock", "low": "lock", "plain": "lock", "base": "lock"}),
    "reset": (["lock", "--reset-lock", "*o*"], {"all": "reset-lock, lock", "base": "lock", "three": "lock"}),
    "build": (["build"], {"all": "lock-if-needed, build"}),
    "build without locking": (["build", "--no-lock-if-needed"], {"all": "build"}),
    "build and publish": (["build", "--build", "--publish"], {"all": "lock-if-needed, build, publish"}),
    "build --publish": (["build", "--publish"], {"all": "lock-if-needed, publish"}),
    "build of one": (["build", "-i", "three"], {"three": "lock-if-needed, build", "base": "lock-if-needed"}),
    "build of one, with what is below": (["build", "-i", "two", "--include-dependencies"],
        {"two": "lock-if-needed, build", "plain": "lock-if-needed, build", "base": "lock-if-needed, build"}),
    "publish": (["publish"], {"all": "publish"}),
    "publish of a glob": (["publish", "-i", "app-*"], {"one": "publish", "two": "publish", "three": "publish"}),
    "publish with what is above": (["publish", "-i", "plain", "--publish-derived"],
        {"plain": "publish", "one": "publish", "two": "publish"}),
    "export": (["local-export", "-i", "three", "--publish-dependencies"], {"three": "local-export", "base": "local-export"}),
}


@pytest.mark.parametrize("row", SELECTED)
def test_show_only(locked, row):
    args, operations = SELECTED[row]
    result = show(locked, *args, "--show-only")
    assert (result.code, result.out, result.err) == (0, tree(**operations), "")
    document = show(locked, *args, "--show-only", "--json").json()
    names = {"base": "base", "low": "framework-low", "plain": "framework-plain", "one": "app-one", "two": "app-two",
        "three": "app-three"}
    got = {item["name"]: item["selected_operations"] for kind in ("runtimes", "frameworks", "applications")
        for item in document[kind]}
    everywhere = operations.get("all")
    wanted = {long: operations.get(short, everywhere) for short, long in names.items()}
    assert got == {name: text.split(", ") if text else None for name, text in wanted.items()}
    assert not (locked.spec.parent / "_build").exists() and not (locked.spec.parent / "_artifacts").exists()


def test_show_then_work(small):
    result = show(small, "publish", "--show", "-i", "three").ok()
    assert result.out.startswith(tree(three="publish") + "published  app-three  ")


def test_warnings_go_to_stderr_and_the_tree_to_stdout(small):
    small.edit('name = "three"\n', 'name = "three"\nbuild_requirements = []\n')
    line = small.spec.read_text().splitlines().index("build_requirements = []") + 1
    result = show(small, "show").ok()
    assert result.out == tree()
    assert result.err == f"{small.spec}:{line}:1: warning: layer 'app-three': 'build_requirements' has no effect; remove it\n"
    result = show(small, "show", "--json").ok()
    assert json.loads(result.out) == status()
    assert show(small, "show", "-q").ok().err == ""


def test_every_error_of_a_spec_and_no_tree(small):
    small.edit('frameworks = ["plain"]', 'frameworks = ["plian"]')
    small.edit('launch_module = "three.py"', 'launch_module = "3.py"')
    lines = small.spec.read_text().splitlines()
    first, second = lines.index('frameworks = ["plian"]') + 1, lines.index('launch_module = "3.py"') + 1
    result = show(small, "show")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"{small.spec}:{first}:15: error: layer 'app-two': unknown framework 'plian'\n"
        f"{small.spec}:{second}:17: error: layer 'app-three': 'launch_module' '3.py' cannot be imported: '3' is not a Python identifier\n"
        f"lamina: 2 errors in '{small.spec}'\n")


def test_a_broken_lock_file(small):
    lock = small.spec.parent / "requirements" / "app-three" / "pylock.app-three.toml"
    lock.write_text("lock-version = \n")
    result = show(small, "show")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"{lock}:1:16: error: layer 'app-three': expected a value after '=', found the end of the line\n"
        "lamina: a lock file is damaged: repair it, or remove it to lock the layer anew\n")


def test_what_stands_on_a_relocked_layer_is_relocked(small):
    small.add_wheel("lowpkg-1.1")
    options = ["-i", "low", "--reset-lock", "low"]
    result = show(small, "lock", *options).ok()
    assert [line.split()[:2] for line in result.out.splitlines()] == [["locked", "framework-low"], ["locked", "app-one"]]
    assert show(small, "show").out == tree().replace("low@1", "low@2")
