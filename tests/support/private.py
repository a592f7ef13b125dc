"""What a test has for itself: an environment, and a copy of the sample project."""

import os
import shutil
import tempfile
import tomllib

import paths

# Everything else a shell may have set (LAMINA_*, SOURCE_DATE_EPOCH, LC_*, PYTHON*, ...) is the tester's, not the test's.
KEPT = (
    "PATH", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
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


def enter(patch, folder):
    """Change the environment (through pytest's MonkeyPatch) to one of its own, with homes and caches in `folder`."""
    for name in list(os.environ):
        if name not in KEPT and not name.startswith("PYTEST_"):
            patch.delenv(name)
    for name, below in FOLDERS.items():
        (folder / below).mkdir(parents=True, exist_ok=True)
        patch.setenv(name, str(folder / below))
    patch.setenv("PATH", os.pathsep.join([str(paths.TOOLS / "bin"), os.environ.get("PATH", os.defpath)]))
    patch.setattr(tempfile, "tempdir", None)  # Python has remembered the one before
    patch.setenv("LANG", "C.UTF-8")
    patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    patch.setenv("UV_CACHE_DIR", str(paths.CACHE / "uv"))
    patch.setenv("GOMODCACHE", GO_MODULES)


def copy_sample(folder):
    """Copy the sample project with its locks to `folder`; the runtime archives (fetched before) are links. Returns it."""
    shutil.copytree(paths.SAMPLE, folder, ignore=shutil.ignore_patterns("runtimes", "_build", "_artifacts", "_export", "__pycache__"))
    (folder / "runtimes").mkdir()
    for archive in (paths.SAMPLE / "runtimes").glob("*.tar"):
        try:
            os.link(archive, folder / "runtimes" / archive.name)
        except OSError:  # another file system
            (folder / "runtimes" / archive.name).symlink_to(archive)
    return folder


def local_wheels(spec, store, folder):
    """All wheels of the locks that are in the store, by name, as somebody without network would have them."""
    folder.mkdir()
    for lock in (spec.parent / "requirements").glob("*/pylock.*.toml"):
        for package in tomllib.loads(lock.read_text()).get("packages", []):
            for wheel in package["wheels"]:
                digest = wheel["hashes"]["sha256"]
                source = store / "sources" / digest[:2] / digest[2:]
                target = folder / os.path.basename(wheel.get("path") or wheel["url"])
                if source.exists() and not target.exists():
                    target.symlink_to(source)
    return folder
