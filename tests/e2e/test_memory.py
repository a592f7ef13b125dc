"""Memory does not grow with the stack: less than 300 MiB for the whole sample, whatever is done with it."""

import os
import subprocess
import sys

import pytest

import private
from sanitizers import measures_memory

pytestmark = [pytest.mark.network, measures_memory]  # a cold store fetches wheels


@pytest.fixture
def spec(sample):
    return sample / "venvstacks.toml"


# A small process in between: the peak of a process that pytest starts itself begins with that of pytest.
MEASURE = "import os, subprocess, sys; p = subprocess.Popen(sys.argv[1:]); _, s, u = os.wait4(p.pid, 0); print(s, u.ru_maxrss)"


def peak_kib(*argv, **env):
    """The most memory that a program or one of its children had at a time, in KiB."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *argv], env=os.environ | env, stdin=subprocess.DEVNULL, capture_output=True,
        text=True)
    status, peak = done.stdout.split()
    assert status == "0", done.stderr
    return int(peak)


@pytest.mark.parametrize("jobs", [1, 8])
def test_memory(lamina, spec, warm_store, tmp_path, jobs):
    """The whole sample stack, more than 500 MB of content, in less than 300 MiB: by one thread and by many. All is compressed: no
    segment in the store has files of that time."""
    assert peak_kib(lamina, "publish", "-q", "--jobs", str(jobs), "--store", warm_store, spec, tmp_path / "out",
        SOURCE_DATE_EPOCH=str(1700000000 + jobs)) < 300 * 1024


def test_memory_of_a_cold_store_and_of_trees(lamina, spec, warm_store, tmp_path):
    """Runtime archives are unpacked and a tree is written, with its Python compiling."""
    options = ["-q", "--store", tmp_path / "store", "--include", "cpython-*", "--local-wheels", tmp_path / "wheels", "--no-index"]
    private.local_wheels(spec, warm_store, tmp_path / "wheels")
    assert peak_kib(lamina, "publish", *options, spec, tmp_path / "out") < 300 * 1024
    assert peak_kib(lamina, "build", *options, spec, tmp_path / "trees") < 300 * 1024
