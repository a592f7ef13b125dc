"""lamina lock while calls of libc fail: it ends by itself and says why, what it makes is whole or absent, and the next run makes good.

In CI some calls of each kind fail, one at a time; `./check slow -- tests/faults` fails each one."""

import pytest

from failing import ERRORS, Fault
from faulty_layers import COMMANDS, survives

SAMPLE = 2
KILLS = ["write", "rename", "fsync"]


@pytest.mark.parametrize("call", ERRORS)
def test_faults(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, SAMPLE)


@pytest.mark.parametrize("call", KILLS)
def test_kills(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, SAMPLE, kill=True)


def test_a_module_that_cannot_be_read_is_no_mistake_in_the_spec(unlocked, tmp_path):
    place = unlocked.copy(tmp_path / "place")
    argv = COMMANDS["lock"](place)
    module = place.project / "launch" / "first_app.py"
    for n in range(1, 20):
        result = place.run(*argv, **Fault(place.folder, place.program, "open", n).env)
        if "first_app" in result.err:
            break
    assert (result.code, result.err) == (1, "lamina: layer 'first': launch module 'launch/first_app.py': "
        f"module '{module}': cannot open '{module}': Too many open files\n")


@pytest.mark.slow
@pytest.mark.parametrize("call", ERRORS)
def test_every_fault(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, None)


@pytest.mark.slow
@pytest.mark.parametrize("call", [*KILLS, "open"])
def test_every_kill(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, None, kill=True)
