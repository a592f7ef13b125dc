"""Small stacks for runs while calls of libc fail."""

import pytest

import small_places
from faulty_layers import COMMANDS

SMALL = 1 << 16


@pytest.fixture(scope="session")
def unlocked(tmp_path_factory, lamina):
    """A Place with a spec and wheels and nothing else. Copy it."""
    return small_places.unlocked(tmp_path_factory, lamina, SMALL)


@pytest.fixture(scope="session")
def locked(tmp_path_factory, unlocked):
    """A Place with locks and an empty store. Copy it."""
    return small_places.after(tmp_path_factory, unlocked, COMMANDS["lock"])


@pytest.fixture(scope="session")
def published(tmp_path_factory, locked):
    """A Place with a published stack and an empty store. Copy it."""
    return small_places.after(tmp_path_factory, locked, COMMANDS["publish"])
