"""Bad wheels, locked with the digest they have, through the program."""

import tomllib

import pytest

import layer_wheels
import wheels
from locked_stack import good
from paths import CASES

REFUSED = tomllib.loads((CASES / "wheels" / "refused.toml").read_text(encoding="utf-8"))
LAYERS = tomllib.loads((CASES / "wheels" / "layers.toml").read_text(encoding="utf-8"))
IN_LOCK = {"no-wheel-name": "PROJECT/requirements/app-app/pylock.app-app.toml:10:5: error: layer 'app-app': package 'demo': wheel file "
    "name 'demo.whl': expected NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl\n"
    "lamina: a lock file is damaged: repair it, or remove it to lock the layer anew\n"}


def test_every_case_has_its_sentence():
    assert sorted(layer_wheels.CASES) == sorted(LAYERS)


@pytest.mark.parametrize("case", wheels.BAD)
def test_bad_wheel(stack, refused, case):
    stack.requirements = ["demo"]
    stack.lock(wheels.BAD[case]())
    if case in IN_LOCK:
        refused(stack, 2, IN_LOCK[case], whole=True)
    else:
        refused(stack, 4 if REFUSED[case]["code"] == "integrity" else 1, f"lamina: layer 'app': {REFUSED[case]['text']}\n",
            export=case == "digest")


@pytest.mark.parametrize("case", layer_wheels.CASES)
def test_no_layer(stack, run_lamina, refused, case):
    made, want = layer_wheels.CASES[case](), LAYERS[case]
    stack.requirements = [name.split("-")[0] for name, _ in made]
    stack.lock(*made)
    refused(stack, 1, f"lamina: {want['text']}\n", want["platform"], export=case == "takes-postinstall")
    if "fine_on" in want:
        stack.requirements = [name.split("-")[0] for name, _ in made]
        stack.lock(*made)
        run_lamina(*stack.argv("publish", want["fine_on"]), "--output-dir", stack.folder / "fine", env=stack.env()).ok()


def test_bytes_that_are_not_those_of_the_lock(stack, refused):
    """The file in the folder is a good wheel, another one than was locked."""
    name, data = good()
    stack.requirements = ["demo"]
    stack.lock((name, data))
    stack.put_wheel(name, wheels.wheel({"demo/__init__.py": b"evil"})[1])
    refused(stack, 1, f"warning: 'PROJECT/wheels/{name}' is not the file that was locked (its digest differs) and is passed over\n"
        f"lamina: cannot find '{name}' (looked in 'PROJECT/wheels'); put it into a folder that is named with --local-wheels\n")


def test_names_that_only_look_strange(stack, run_lamina):
    """Allowed: a path file, which Python runs as it does with any installer; letters that change the direction of writing."""
    stack.requirements = ["demo"]
    stack.lock(wheels.wheel({"demo/\u202egpj.py": b"", "demo.pth": b"import demo\n", "demo/ x": b"", "demo/-rf": b""}))
    run_lamina(*stack.argv(), env=stack.env()).ok()
