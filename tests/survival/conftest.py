"""Small stacks, locked once, and the program in a build that can be ended at named points."""

import contextlib
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest

import batch_runner
import paths
import private
import small_places
import small_stack
import web
from fake_provider import fake_provider
from faulty_layers import COMMANDS
from served_stack import ServedStack
from survive import Place

MEMORY = "/dev/shm"
MEMORY_NEEDED = 1 << 30


@contextlib.contextmanager
def fast_folder(otherwise):
    """A folder in memory, where flushing costs nothing, if there is room; else a temporary one like any other."""
    with_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED
    with tempfile.TemporaryDirectory(dir=MEMORY if with_room else otherwise) as folder:
        yield Path(folder)


@pytest.fixture
def fast_path(tmp_path):
    with fast_folder(tmp_path) as folder:
        yield folder


@pytest.fixture(scope="module")
def fast_path_of_file(tmp_path_factory):
    with fast_folder(tmp_path_factory.mktemp("file")) as folder:
        yield folder


@pytest.fixture(scope="session")
def killable():
    """The program, built with kill points."""
    program = paths.KILL_BUILD / "bin" / "lamina"
    assert program.exists(), f"{program} is not built: run ./check test, or zig build -Dkill-points -p zig-out-kill"
    return program


@pytest.fixture(scope="session")
def unlocked_stack(tmp_path_factory, lamina):
    """A Place with a spec and wheels and nothing else. Copy it."""
    return small_places.unlocked(tmp_path_factory, lamina)


@pytest.fixture(scope="session")
def locked_stack(tmp_path_factory, unlocked_stack):
    """A Place with locks and an empty store. Copy it."""
    return small_places.after(tmp_path_factory, unlocked_stack, COMMANDS["lock"])


@pytest.fixture
def published(locked_stack, tmp_path):
    """A place with a published stack and its trees, whose applications have changed since."""
    place = locked_stack.copy(tmp_path / "published")
    place.run("build", "--publish", *small_stack.LOCAL, place.spec, place.trees, "--output-dir", place.out).ok()
    (place.project / "launch" / "first_app.py").write_text("print('changed')\n")
    (place.project / "launch" / "shared_code.py").write_text("def tell():\n    print('changed')\n")
    return place


@pytest.fixture
def data_stack(lamina, fast_path):
    """A Place for a stack of small_stack.DATA_LAYERS, without spec and wheels."""
    place = Place(fast_path / "place", lamina)
    place.wheels.mkdir(parents=True)
    (place.project / "launch" / "data").mkdir(parents=True)
    (place.project / "launch" / "data" / "__main__.py").write_text("")
    return place


@pytest.fixture(scope="module")
def served(lamina, tmp_path_factory):
    """A ServedStack. Its place is to be copied."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch, web.serve() as server:
        private.enter(patch, folder / "private")
        yield ServedStack(folder, lamina, server)


# ---- lamina-batch: a module says in ITEMS how many items its runs have


@pytest.fixture(scope="module")
def provider():
    with fake_provider() as fake:
        yield fake


@pytest.fixture
def batch(request, fast_path, killable, provider):
    """A Runner with its items, on SQLite."""
    provider.reset()
    batch_runner.write_items(fast_path / "items.jsonl", request.module.ITEMS)
    return batch_runner.Runner(fast_path, provider.url + "/v1", killable.with_name("lamina-batch"))


@pytest.fixture
def shared(batch, postgres_server):
    """The same on PostgreSQL, in a schema of its own."""
    schema = f"survival_{random.randrange(1 << 48):x}"
    yield batch_runner.Runner(batch.folder, batch.url, batch.program, postgres_server, schema)
    postgres_server.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
