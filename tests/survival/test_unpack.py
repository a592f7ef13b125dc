"""lamina unpack that is killed, interrupted, or has no room: no folder that is not whole, nothing that stays behind for good."""

import os
import shutil
import signal

import pytest

from full_disk import resize, tmpfs
from small_stack import LOCAL
from survive import Place, files, killed_at, trace, wait_alone

POINTS = {"extract: file written", "extract: settled", "unpack: before a folder is placed"}
NAMES = ["app-first", "app-second", "framework-middle@1", "small-runtime"]


@pytest.fixture(scope="module")
def archives(locked_stack, tmp_path_factory):
    """A published stack. Copies are cheap: only its archives are used."""
    place = locked_stack.copy(tmp_path_factory.mktemp("unpack") / "place")
    place.run("publish", *LOCAL, place.spec, place.out).ok()
    return place


@pytest.fixture
def place(archives, fast_path, killable):
    return Place(fast_path / "place", killable)


@pytest.fixture
def args(archives, place):
    return ["unpack", "--jobs", "2", "-C", place.folder / "deployed", *sorted(archives.out.glob("*.tar.zst"))]


def names(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_killed(place, args, fast_path):
    """At each kind of instant. What is there under its name is whole; the next run removes what the killed one left."""
    calm = Place(fast_path / "calm", place.program)
    calm_args = [calm.folder / "deployed" if arg == place.folder / "deployed" else arg for arg in args]
    points = trace(calm, *calm_args)
    want = files(calm.folder / "deployed")
    assert names(calm.folder / "deployed") == NAMES
    last = {name: number for name, number in points if name in POINTS}
    assert set(last) == POINTS
    out = place.folder / "deployed"
    for point in [f"{name}#{number}" for name in last for number in sorted({1, last[name]})]:
        killed_at(place, point, *args)
        for name in names(out):
            if not name.startswith(".lamina-unpack-"):
                assert files(out / name) == files(calm.folder / "deployed" / name)
        place.run(*args, "--force").ok()
        assert names(out) == NAMES
        assert files(out) == want
        shutil.rmtree(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(place, args, number):
    process = place.start(*args, LAMINA_KILL_POINT=f"extract: file written#3={int(number)}")
    out, err = process.communicate(timeout=60)
    wait_alone(process.pid)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "lamina: interrupted"
    assert names(place.folder / "deployed") == []


@pytest.mark.parametrize("size", ["64k", "4m", "12m"])
def test_full_disk(place, args, size):
    with tmpfs(place.folder / "deployed", size):
        result = place.run(*args)
        assert (result.code, result.out) == (1, "")
        assert result.err.splitlines()[-1].endswith("No space left on device")
        assert names(place.folder / "deployed") == []
        resize(place.folder / "deployed", "64m")
        place.run(*args).ok()
        assert names(place.folder / "deployed") == NAMES
