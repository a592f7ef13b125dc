"""lamina lock while calls of libc fail: it ends by itself and says why, what it makes is whole or absent, and the next run makes good.

In CI some calls of each kind fail, one at a time; `./check slow -- tests/faults` fails each one."""

import pytest

from failing import ERRORS
from faulty_layers import survives

SAMPLE = 2
KILLS = ["write", "rename", "fsync"]


@pytest.mark.parametrize("call", ERRORS)
def test_faults(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, SAMPLE)


@pytest.mark.parametrize("call", KILLS)
def test_kills(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, SAMPLE, kill=True)


@pytest.mark.slow
@pytest.mark.parametrize("call", ERRORS)
def test_every_fault(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, None)


@pytest.mark.slow
@pytest.mark.parametrize("call", [*KILLS, "open"])
def test_every_kill(unlocked, tmp_path, call):
    survives(unlocked, tmp_path, "lock", call, None, kill=True)
