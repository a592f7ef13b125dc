"""Layers made by layer_tool."""

import io
import json
import os
import subprocess
import sys
import tarfile

import pytest

import paths

MTIME = 1700000000


FAKES = {
    "posix": ["bin/python3.11", "lib/python3.11/os.py"],
    "windows": ["python.exe", "Lib/venv/scripts/nt/python.exe", "Lib/venv/scripts/nt/pythonw.exe"],
}


@pytest.fixture
def fake_runtimes(tmp_path):
    """{"posix": path, "windows": path}: archives with the files that assembly looks for, and nothing that runs."""
    for kind, names in FAKES.items():
        with tarfile.open(tmp_path / f"{kind}.tar", "w") as archive:
            for name in names:
                member = tarfile.TarInfo(f"python/{name}")
                member.mode, member.size = 0o755, len(name)
                archive.addfile(member, io.BytesIO(name.encode()))
    return {kind: tmp_path / f"{kind}.tar" for kind in FAKES}


@pytest.fixture
def assemble(tool, run, tmp_path):
    """assemble(platform, layers, out) -> {install target: content hash}; `out` gets a folder per layer."""

    def make(platform, layers, out):
        plan = tmp_path / "plan.json"
        plan.write_text(json.dumps({"platform": platform, "mtime": MTIME, "layers": layers}, default=str))
        lines = run(tool("layer_tool"), plan, out).ok().out.splitlines()
        return dict(line.split(" ") for line in lines)

    return make


def layer(kind, target, lower=(), **more):
    """A layer of the plan; `lower`: indexes of layers, in import order."""
    return {"kind": kind, "name": target.split("@")[0], "target": target, "version": "3.11.11", "lower": list(lower),
        **more}


@pytest.fixture(scope="session")
def layer_of():
    """layer_of(kind, target, lower, **more): see `layer`."""
    return layer


def fetched_runtime(version):
    """The archive of a real runtime for this machine."""
    platform = f"linux_{os.uname().machine}"
    subprocess.run([sys.executable, paths.ROOT / "misc" / "fetch_runtimes", "-q", "--platform", platform], check=True)
    [archive] = (paths.SAMPLE / "runtimes").glob(f"cpython-{version}-{os.uname().machine}-*linux*.tar")
    return platform, archive


@pytest.fixture(scope="session")
def real_runtime():
    """real_runtime("3.11.11") -> (platform, path of the archive)"""
    return fetched_runtime


@pytest.fixture(scope="session")
def make_stack(tmp_path_factory, tool):
    """make_stack(version, layers, out): a stack on a real runtime, which comes first. postinstall.py has run in all."""

    def make(version, layers, out, finish=True):
        platform, archive = fetched_runtime(version)
        minor = version.rsplit(".", 1)[0]
        runtime = layer("runtime", f"cpython-{minor}", archive=archive)
        plan = tmp_path_factory.mktemp("plan") / "plan.json"
        everything = [{**each, "version": version} for each in (runtime, *layers)]
        plan.write_text(json.dumps({"platform": platform, "mtime": MTIME, "layers": everything}, default=str))
        done = subprocess.run([tool("layer_tool"), plan, out], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        if finish:
            for each in everything:
                postinstall(out, minor, each["target"])

    return make


def postinstall(out, minor, target):
    subprocess.run([out / f"cpython-{minor}" / "bin" / "python", out / target / "postinstall.py"], check=True)
