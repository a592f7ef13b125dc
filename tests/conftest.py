"""What every test gets: an environment of its own, and the programs of this checkout."""

import os
import shutil
import subprocess
import sys

import pytest

import paths
from run import run as run_program

# Everything else a shell may have set (LAMINA_*, SOURCE_DATE_EPOCH, LC_*, PYTHON*, ...) is the tester's, not the test's.
KEPT = (
    "PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "GOMODCACHE", "GOPROXY", "GOSUMDB",
    "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_CONFIG_FILE",
)
FOLDERS = {
    "HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "home/.cache", "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share", "XDG_STATE_HOME": "home/.local/state",
}
# Caches whose content is known by digest are shared: tests see each other's downloads, never each other's results.
GO_MODULES = os.environ.get("GOMODCACHE") or os.path.join(
    os.environ.get("GOPATH", os.path.expanduser("~/go")).split(":")[0], "pkg", "mod")


@pytest.fixture(autouse=True)
def private_environment(tmp_path_factory, monkeypatch):
    """Own HOME, XDG and temporary folders, and no setting of the tester's. Returns the folder that holds them."""
    folder = tmp_path_factory.mktemp("private")
    for name in list(os.environ):
        if name not in KEPT and not name.startswith("PYTEST_"):
            monkeypatch.delenv(name)
    for name, below in FOLDERS.items():
        (folder / below).mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(folder / below))
    monkeypatch.setenv("PATH", os.pathsep.join([str(paths.TOOLS / "bin"), os.environ.get("PATH", os.defpath)]))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(paths.CACHE / "uv"))
    monkeypatch.setenv("GOMODCACHE", GO_MODULES)
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
    copy = tmp_path / "sample_project"
    shutil.copytree(paths.SAMPLE, copy, ignore=shutil.ignore_patterns("runtimes", "_*", "__pycache__"))
    (copy / "runtimes").mkdir()
    for archive in runtimes.glob("*.tar"):
        try:
            os.link(archive, copy / "runtimes" / archive.name)
        except OSError:  # another file system
            (copy / "runtimes" / archive.name).symlink_to(archive)
    return copy


def pytest_configure():
    sys.dont_write_bytecode = True
    os.umask(0o022)
