"""Small stacks for runs while calls of libc fail."""

import shutil

import pytest

import private
import small_stack
from survive import Place

SMALL = 1 << 16


@pytest.fixture(scope="session")
def unlocked(tmp_path_factory, lamina):
    """A Place with a spec and wheels and nothing else. Copy it."""
    place = Place(tmp_path_factory.mktemp("unlocked") / "place", lamina)
    small_stack.write_spec(place.project, small_stack.UV)
    small_stack.make_wheels(place.wheels, SMALL)
    return place


@pytest.fixture(scope="session")
def locked(tmp_path_factory, unlocked):
    """A Place with locks and an empty store. Copy it."""
    place = unlocked.copy(tmp_path_factory.mktemp("locked") / "place")
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, tmp_path_factory.mktemp("environment"))
        place.run("lock", *small_stack.LOCAL, place.spec).ok()
    for folder in (place.store, place.state):
        shutil.rmtree(folder, ignore_errors=True)
    return place


@pytest.fixture(scope="session")
def published(tmp_path_factory, locked):
    """A Place with a published stack and an empty store. Copy it."""
    place = locked.copy(tmp_path_factory.mktemp("published") / "place")
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, tmp_path_factory.mktemp("environment"))
        place.run("publish", *small_stack.LOCAL, place.spec, place.out).ok()
    for folder in (place.store, place.state):
        shutil.rmtree(folder, ignore_errors=True)
    return place
