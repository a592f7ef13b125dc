"""Specs, good and bad: tests/cases/specs/<case>/ holds spec.toml, expected.txt (every finding, literally), exit_code, and for
good ones facts.json: what must be found in the parsed spec (layers by build name; other keys of the dump under "spec")."""

import json
import random
import re

import pytest

import paths

CASES = sorted(folder for folder in (paths.CASES / "specs").iterdir() if folder.is_dir())


def test_there_are_enough_bad_specs():
    bad = [case for case in CASES if (case / "exit_code").read_text() == "2\n"]
    assert len(bad) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda folder: folder.name)
def test_spec(case, run, tool):
    result = run(tool("spec_tool"), case / "spec.toml", "spec.toml")
    assert result.err == (case / "expected.txt").read_text(encoding="utf-8")
    assert result.code == int((case / "exit_code").read_text())
    if result.code != 0:
        assert result.out == ""
        return
    facts = json.loads((case / "facts.json").read_text())
    found = json.loads(result.out)
    layers = {layer["build_name"]: layer for layer in found["layers"]}
    for name, want in facts.get("layers", {}).items():
        got = {key: layers[name].get(key) for key in want}
        assert got == want, name
    got = {key: found.get(key) for key in facts.get("spec", {})}
    assert got == facts.get("spec", {})


@pytest.mark.parametrize("case", CASES, ids=lambda folder: folder.name)
def test_cut_anywhere_is_no_crash(case, run, tool, tmp_path):
    """A spec that ends too early is refused or accepted, but always with an exit code of ours."""
    text = (case / "spec.toml").read_bytes()
    cut = tmp_path / "spec.toml"
    for part in range(1, 4):
        cut.write_bytes(text[: len(text) * part // 4])
        assert run(tool("spec_tool"), cut).code in (0, 2)


RUNTIME = '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.12.9"\nrequirements = []\n'


def linearize(names, depends):
    """The import order of each framework by Python's own C3: a class per framework. None: there is no order."""
    classes, orders = {}, {}
    for name in names:
        bases = [classes.get(base) for base in depends[name]]
        if None in bases:
            continue  # stands on a framework that has none
        try:
            classes[name] = type(name, tuple(bases), {})
        except TypeError:
            orders[name] = None
            continue
        orders[name] = [cls.__name__ for cls in classes[name].__mro__[1:-1]]
    return orders


@pytest.mark.parametrize("seed", range(40))
def test_import_order_is_that_of_python_classes(seed, run, tool, tmp_path):
    chance = random.Random(seed)
    names = [f"f{i}" for i in range(14)]
    depends, text = {}, RUNTIME
    for i, name in enumerate(names):
        depends[name] = chance.sample(names[:i], chance.randint(0, min(i, 3)))
        below = f"frameworks = {json.dumps(depends[name])}" if depends[name] else 'runtime = "py"'
        text += f'[[frameworks]]\nname = "{name}"\nrequirements = []\n{below}\n'
    (tmp_path / "spec.toml").write_text(text)
    result = run(tool("spec_tool"), tmp_path / "spec.toml")
    want = linearize(names, depends)
    refused = re.findall(r"layer 'framework-(\w+)': no import order fits: ", result.err)
    assert refused == [name for name, order in want.items() if order is None]
    assert len(result.err.splitlines()) == len(refused)
    for line in result.err.splitlines():
        check_reason(line, depends, want)
    if not refused:
        got = {layer["name"]: layer["lower"] for layer in result.json()["layers"] if layer["kind"] == "frameworks"}
        assert got == {name: [f"framework-{below}" for below in order] + ["py"] for name, order in want.items()}


def check_reason(line, depends, orders):
    """Every order that the message claims is one that a layer really needs, and together they are a circle."""
    refused = re.search(r"layer 'framework-(\w+)': no", line).group(1)
    claims = re.findall(r"layer '(?:framework-)?(\w+)' needs '(\w+)' before '(\w+)'", line)
    claims += [(x, x, y) for x, y in re.findall(r"'(\w+)' depends on '(\w+)' and must come before it", line)]
    assert len(claims) >= 2
    for owner, x, y in claims:
        order = depends[refused] if owner == refused else [owner] + orders[owner]
        assert order.index(x) < order.index(y)
    assert sorted(x for _, x, _ in claims) == sorted(y for _, _, y in claims)


def test_the_example_of_the_documentation_is_a_spec(run, tool, tmp_path):
    page = (paths.ROOT / "docs" / "formats" / "stack-spec.md").read_text(encoding="utf-8")
    (tmp_path / "spec.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL).group(1))
    found = run(tool("spec_tool"), tmp_path / "spec.toml").json()
    assert [layer["build_name"] for layer in found["layers"]] == ["cpython-3.12", "framework-torch", "app-classify"]


def test_the_sample_project_is_a_spec(run, tool):
    result = run(tool("spec_tool"), paths.SAMPLE / "venvstacks.toml").ok()
    assert result.err == ""
