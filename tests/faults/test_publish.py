"""lamina publish while calls of libc fail: it ends by itself and says why, what it makes is whole or absent, and the next run makes good.

In CI one call of each kind fails; `./check slow -- tests/faults` fails each one."""

import pytest

from failing import ERRORS
from faulty_layers import survives

CALLS = [call for call in ERRORS if call != "fork"]  # there is none
SAMPLE = 1
KILLS = ["write", "rename", "fsync"]


@pytest.mark.parametrize("call", CALLS)
def test_faults(locked, tmp_path, call):
    survives(locked, tmp_path, "publish", call, SAMPLE)


@pytest.mark.parametrize("call", KILLS)
def test_kills(locked, tmp_path, call):
    survives(locked, tmp_path, "publish", call, SAMPLE, kill=True)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_every_fault(locked, tmp_path, call):
    survives(locked, tmp_path, "publish", call, None)


@pytest.mark.slow
@pytest.mark.parametrize("call", [*KILLS, "open"])
def test_every_kill(locked, tmp_path, call):
    survives(locked, tmp_path, "publish", call, None, kill=True)
