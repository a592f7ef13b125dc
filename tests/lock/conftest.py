"""A stack in a folder of its own, and indexes to lock it from."""

import os
import shutil

import pytest

import package_index
import private
import web
from lock_stack import Stack


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory):
    """The resolver's cache: it has been told about the interpreter; of packages it knows nothing that a test could meet."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture(scope="session")
def base_store(lamina, runtimes, tmp_path_factory, uv_cache):
    """A store in which the host's runtime is unpacked, as the resolver's interpreter."""
    folder = tmp_path_factory.mktemp("base-store")
    with pytest.MonkeyPatch.context() as patch, web.serve() as server:
        private.enter(patch, folder / "private")
        patch.setenv("UV_CACHE_DIR", str(uv_cache))
        index = package_index.Index(server, "main")
        index.add("first")
        stack = Stack(lamina, runtimes, folder / "stack", folder / "store", index)
        stack.layers("", requirements=["first"])
        stack.lock().ok()
    return folder / "store"


@pytest.fixture
def new_store(base_store, tmp_path):
    """new_store("name"): a store with the unpacked runtime and nothing else."""

    def copy(name="store"):
        return shutil.copytree(base_store, tmp_path / name, copy_function=os.link, symlinks=True,
            ignore=shutil.ignore_patterns("store.sqlite*"))

    return copy


@pytest.fixture
def server():
    with web.serve() as running:
        yield running


@pytest.fixture
def index(server):
    """The default index of the stack."""
    return package_index.Index(server, "main")


@pytest.fixture
def stack(lamina, runtimes, tmp_path, base_store, index, uv_cache, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    return Stack(lamina, runtimes, tmp_path / "stack", base_store, index)
