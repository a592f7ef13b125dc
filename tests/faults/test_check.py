"""lamina check while calls of libc fail: it ends by itself and says why, what was published stays as it is, what it says when it ends
well is true, and the next run makes good.

In CI one call of each kind fails; `./check slow -- tests/faults` fails each one."""

import pytest

from failing import ERRORS
from faulty_layers import survives

CALLS = [call for call in ERRORS if call != "fork"]  # there is none
SAMPLE = 1
KILLS = ["write", "fsync"]


@pytest.mark.parametrize("call", CALLS)
def test_faults(published, tmp_path, call):
    survives(published, tmp_path, "check", call, SAMPLE)


@pytest.mark.parametrize("call", KILLS)
def test_kills(published, tmp_path, call):
    survives(published, tmp_path, "check", call, SAMPLE, kill=True)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_every_fault(published, tmp_path, call):
    survives(published, tmp_path, "check", call, None)


@pytest.mark.slow
@pytest.mark.parametrize("call", [*KILLS, "open"])
def test_every_kill(published, tmp_path, call):
    survives(published, tmp_path, "check", call, None, kill=True)
