"""What every test gets: an environment of its own, and the programs of this checkout."""

import os
import shutil
import subprocess
import sys

import pytest

import paths
import postgres
import private
from run import run as run_program

pytest_plugins = ["tier_marks", "isolation", "explain"]


@pytest.fixture(autouse=True)
def private_environment(tmp_path_factory, monkeypatch):
    """Own HOME, XDG, temporary and working folders, and no setting of the tester's. Returns the folder that holds them."""
    folder = tmp_path_factory.mktemp("private")
    private.enter(monkeypatch, folder)
    (folder / "cwd").mkdir()
    monkeypatch.chdir(folder / "cwd")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return paths.ROOT


@pytest.fixture(scope="session")
def lamina():
    """The path of the program under test."""
    program = paths.BUILD / "bin" / "lamina"
    assert program.exists(), f"{program} is not built: run ./check test, or zig build"
    return program


@pytest.fixture(scope="session")
def tool():
    """tool("toml_decoder"): the path of a helper program that was built from tests/tools/."""

    def find(name):
        program = paths.BUILD / "tests" / name
        assert program.exists(), f"{program} is not built: run ./check test, or zig build unit-tests"
        return program

    return find


@pytest.fixture(scope="session")
def postgres_server():
    """A real PostgreSQL: .dsn, .sql(text). A test that commits uses a schema of its own."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def run(private_environment):
    """run(program, *args, cwd=, env=, stdin=, timeout_s=) -> Result with .code, .out, .err, .ok(), .json()."""
    return run_program


@pytest.fixture
def run_lamina(run, lamina):
    """run_lamina("show", spec, cwd=...) -> Result."""
    return lambda *args, **options: run(lamina, *args, **options)


@pytest.fixture(scope="session")
def warm_store():
    """A lamina store (for --store) that all tests and runs of this checkout share, so that wheels are fetched once."""
    store = paths.CACHE / "lamina"
    store.mkdir(parents=True, exist_ok=True)
    return store


@pytest.fixture(scope="session")
def runtimes():
    """The folder with the sample's runtime archives, fetched when they are not there."""
    subprocess.run([sys.executable, paths.ROOT / "misc" / "fetch_runtimes", "-q"], check=True)
    return paths.SAMPLE / "runtimes"


@pytest.fixture
def sample(runtimes, tmp_path):
    """A private copy of the sample project with its locks; the runtime archives are links. Returns its folder."""
    return private.copy_sample(tmp_path / "sample_project")


def pytest_configure():
    sys.dont_write_bytecode = True
    os.umask(0o022)
