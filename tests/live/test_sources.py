"""What the sample is made of is still to be had, with the digests that are committed. Asks the index and the Go module proxy."""

import importlib.machinery
import importlib.util
import re
import tomllib

import pytest

import paths

LOCKS = sorted((paths.SAMPLE / "requirements").glob("*/pylock.*.toml"))


def locked(path):
    """(Python's version, {(name, version): {wheel: digest}}) of a lock."""
    lock = tomllib.loads(path.read_text(encoding="utf-8"))
    python = re.fullmatch(r"==(\d+\.\d+)\.\*", lock["requires-python"])[1]
    return python, {(package["name"], package["version"]): {wheel["path"]: wheel["hashes"]["sha256"] for wheel in package["wheels"]}
                    for package in lock.get("packages", [])}


@pytest.mark.parametrize("path", [path for path in LOCKS if locked(path)[1]], ids=lambda path: path.parent.name)
def test_index_has_the_locked_wheels(path, run, tmp_path):
    python, packages = locked(path)
    wanted = tmp_path / "wanted.in"
    wanted.write_text("".join(f"{name}=={version}\n" for name, version in packages), encoding="utf-8")
    answer = run("uv", "pip", "compile", "--no-deps", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet",
        "--only-binary", ":all:", "--python-version", python, wanted, env={"UV_CACHE_DIR": tmp_path / "cache"}).ok().out
    known = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", answer))
    gone = {wheel: digest for wheels in packages.values() for wheel, digest in wheels.items() if digest not in known}
    assert gone == {}


def test_module_with_the_runtimes_is_there(run):
    loader = importlib.machinery.SourceFileLoader("fetch_runtimes", str(paths.ROOT / "misc" / "fetch_runtimes"))
    script = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch_runtimes", loader))
    loader.exec_module(script)
    for version in script.VERSIONS:
        answer = run("go", "list", "-m", f"{script.MODULE}@{version}", env={"GOMODCACHE": None, "GOFLAGS": "-modcacherw"}).ok().out
        assert answer == f"{script.MODULE} {version}\n"
