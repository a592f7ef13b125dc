"""kill -9 at random instants of a build from nothing, several times in a row; then a run that nobody disturbs."""

import random
import signal
import subprocess
import time

import pytest

from small_stack import LOCAL
from survive import artifacts, check_readable, files, litter, wait_alone

ROWS, KILLS = 12, 5  # so many in a row, each finding what the one before has left


@pytest.fixture
def undisturbed(unlocked_stack, fast_path):
    """A place after a run that nobody disturbed, and how long that took."""
    place = unlocked_stack.copy(fast_path / "undisturbed")
    begun = time.monotonic()
    build(place).ok()
    return place, time.monotonic() - begun


def arguments(place):
    return ("build", "--publish", *LOCAL, place.spec, place.trees, "--output-dir", place.out)


def build(place):
    return place.run(*arguments(place))


def kill_after(place, delay):
    process = place.start(*arguments(place))
    try:
        out, err = process.communicate(timeout=delay)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), err
    wait_alone(process.pid)


@pytest.mark.parametrize("seed", range(ROWS))
def test_kills(unlocked_stack, undisturbed, fast_path, seed):
    want, duration = undisturbed
    instants, place = random.Random(seed), unlocked_stack.copy(fast_path / "place")
    for _ in range(KILLS):
        kill_after(place, instants.uniform(0, duration))
        check_readable(place.out, [files(want.out)])
    build(place).ok()
    for name in ("project", "out", "trees"):
        assert files(getattr(place, name)) == files(getattr(want, name)), f"the {name} folder differs"
    assert artifacts(place) == artifacts(want)
    assert litter(place) == []
