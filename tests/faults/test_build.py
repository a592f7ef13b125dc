"""lamina build --publish and local-export while calls of libc fail: they end by themselves and say why, what they make is whole or
absent, and the next run makes good.

In CI some calls of each kind fail, one at a time; `./check slow -- tests/faults` fails each one."""

import pytest

from failing import ERRORS
from faulty_layers import survives

SAMPLE = 2
KILLS = ["write", "rename", "fsync"]

of_each = pytest.mark.parametrize("command", ["build", "export"])


@of_each
@pytest.mark.parametrize("call", ERRORS)
def test_faults(locked, tmp_path, command, call):
    survives(locked, tmp_path, command, call, SAMPLE)


@of_each
@pytest.mark.parametrize("call", KILLS)
def test_kills(locked, tmp_path, command, call):
    survives(locked, tmp_path, command, call, SAMPLE, kill=True)


@pytest.mark.slow
@of_each
@pytest.mark.parametrize("call", ERRORS)
def test_every_fault(locked, tmp_path, command, call):
    survives(locked, tmp_path, command, call, None)


@pytest.mark.slow
@of_each
@pytest.mark.parametrize("call", [*KILLS, "open"])
def test_every_kill(locked, tmp_path, command, call):
    survives(locked, tmp_path, command, call, None, kill=True)
