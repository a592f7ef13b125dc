"""Places with a small stack that are made once, for many tests, which copy them."""

import shutil

import pytest

import private
import small_stack
from survive import Place


def unlocked(factory, program, large=small_stack.LARGE):
    """A Place with a spec and wheels (one with a file of `large` bytes) and nothing else."""
    place = Place(factory.mktemp("unlocked") / "place", program)
    small_stack.write_spec(place.project, small_stack.UV)
    small_stack.make_wheels(place.wheels, large)
    return place


def after(factory, before, command):
    """A copy in which command(place), arguments of lamina, was run; its store is empty."""
    place = before.copy(factory.mktemp("after") / "place")
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, factory.mktemp("environment"))
        place.run(*command(place)).ok()
    for folder in (place.store, place.state):
        shutil.rmtree(folder, ignore_errors=True)
    return place
