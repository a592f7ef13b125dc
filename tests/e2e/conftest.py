"""The sample project as the tests of a file share it: published once per file, and only read."""

import os
import shutil
import types

import pytest

pytest.register_assert_rewrite("platforms", "against_uv", "deployed")

import private
import fake_stack
from run import run

HOST = f"linux_{os.uname().machine}"


@pytest.fixture(scope="session")
def session_environment(tmp_path_factory):
    """Run something for all tests of the file: `with session_environment():` has an environment of its own."""

    class Entered:
        def __enter__(self):
            self.patch, self.folder = pytest.MonkeyPatch(), tmp_path_factory.mktemp("session")
            private.enter(self.patch, self.folder)

        def __exit__(self, *_):
            self.patch.undo()
            shutil.rmtree(self.folder, ignore_errors=True)

    return Entered


@pytest.fixture(scope="session")
def published(session_environment, tmp_path_factory, lamina, runtimes, warm_store):
    """The sample project published for this machine. .out: the output folder; .spec; .result: of the run. Not to be changed."""
    folder = tmp_path_factory.mktemp("published")
    spec = private.copy_sample(folder / "sample_project") / "venvstacks.toml"
    with session_environment():
        result = run(lamina, "publish", "--store", warm_store, spec, folder / "out").ok()
    yield types.SimpleNamespace(out=folder / "out", spec=spec, result=result, platform=HOST)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def small_template(tmp_path_factory, session_environment, lamina):
    stack = fake_stack.SmallStack(tmp_path_factory.mktemp("template") / "small", lamina)
    stack.make()
    with session_environment():
        stack.lock()
    return stack


@pytest.fixture
def small(small_template, tmp_path):
    """A small stack (support/fake_stack.py), locked, with nothing in its store."""
    return small_template.copy(tmp_path / "small")
