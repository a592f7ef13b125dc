"""Disks that are full, and folders that cannot be written: one sentence that names the file and the reason, exit code 1,
what was there stays, and the next run with room succeeds."""

import contextlib
import os
import shutil
import subprocess

import pytest

from full_disk import mounted, resize, tmpfs
from small_stack import LOCAL
from survive import check_readable, files, litter

NO_SPACE = "No space left on device"


@contextlib.contextmanager
def read_only(folder):
    """The folder as it is, but nothing can be written there, not even by root."""
    folder.mkdir(parents=True, exist_ok=True)
    with mounted(folder, "--bind", folder):
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield folder


def sentence(result):
    """The one sentence of a failure with exit code 1."""
    assert result.code == 1, result
    said = [line.removeprefix("lamina: ") for line in result.err.splitlines() if line.startswith("lamina: ")]
    assert len(said) == 1, result
    assert len(said[0]) < 400
    return said[0]


@pytest.fixture
def place(locked_stack, fast_path):
    return locked_stack.copy(fast_path / "place")


def publish(place, *options, **env):
    return place.run("publish", *LOCAL, *options, place.spec, place.out, **env)


def used(folder):
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_bsize


# the sizes end the run in different places: with the first archive, with the large one, after it
@pytest.mark.parametrize("size", ["16k", "64k", "2m", "5m"])
def test_output_folder(place, size):
    with tmpfs(place.out, size):
        said = sentence(publish(place))
        assert said.endswith(NO_SPACE) and str(place.out) in said, said
        assert files(place.out) == {}
        resize(place.out, "64m")
        publish(place).ok()
        check_readable(place.out, [files(place.out)])
    assert litter(place) == []


def test_output_folder_at_every_size(place):
    """Room for a little more each time, with an old publication in place, until it is enough."""
    with tmpfs(place.out, "64m"):
        publish(place).ok()
        old = files(place.out)
        full, step, failures = used(place.out), 256 << 10, 0
        while True:
            resize(place.out, (full + failures * step) // 4096 * 4096)
            result = publish(place, SOURCE_DATE_EPOCH="1000000000")
            if result.code == 0:
                break
            failures += 1
            assert NO_SPACE in sentence(result)
            assert files(place.out) == old
            assert files(place.out, litter=True) == {}
        assert failures > 15
        new = files(place.out)
        assert all(new[name] != old[name] for name in old if name.endswith(".zst"))


@pytest.mark.parametrize("size", ["40k", "200k", "2m", "5m"])
def test_store(place, size):
    with tmpfs(place.store, size):
        said = sentence(publish(place))
        assert (NO_SPACE in said or "full" in said) and str(place.store) in said, said
        assert files(place.out) == {}
        resize(place.store, "64m")
        publish(place).ok()


@pytest.mark.parametrize("size", ["4k", "16k", "28k", "40k", "48k"])
def test_requirements_folder(unlocked_stack, fast_path, size):
    place = unlocked_stack.copy(fast_path / "place")
    with tmpfs(place.project / "requirements", size):
        said = sentence(place.run("lock", *LOCAL, place.spec))
        assert said.endswith(NO_SPACE) and "requirements" in said, said
        assert files(place.project / "requirements") == {}
        resize(place.project / "requirements", "1m")
        place.run("lock", *LOCAL, place.spec).ok()
    assert litter(place) == []


def test_temporary_folder(unlocked_stack, fast_path):
    place = unlocked_stack.copy(fast_path / "place")
    with tmpfs(place.tmp, "4k") as folder:
        (folder / "full").write_bytes(bytes(4096))
        place.run("lock", *LOCAL, place.spec)  # uv may need it; lamina does not
        place.run("publish", *LOCAL, place.spec, place.out)
        (folder / "full").unlink()
        place.run("build", "--publish", *LOCAL, place.spec, place.out).ok()


def test_state_folder(place):
    with tmpfs(place.state, "4k"):
        (place.state / "full").write_bytes(bytes(4096))
        said = sentence(publish(place))
        assert "catalogue" in said, said
        check_readable(place.out, [files(place.out)])
        (place.state / "full").unlink()
        resize(place.state, "1m")
        publish(place).ok()


@pytest.mark.parametrize("size", ["64k", "5m"])
def test_build_folder(published, size):
    """The old tree stays."""
    place = published
    shutil.rmtree(place.trees)
    with tmpfs(place.trees, "64m"):
        place.run("build", *LOCAL, place.spec, place.trees).ok()
        old = files(place.trees)
        resize(place.trees, used(place.trees) + 4096)
        said = sentence(place.run("build", *LOCAL, place.spec, place.trees, "--force"))
        assert NO_SPACE in said, said
        assert files(place.trees) == old
        assert files(place.trees, litter=True) == {}
        resize(place.trees, "64m")
        place.run("build", *LOCAL, place.spec, place.trees, "--force").ok()


def test_read_only_output(place):
    with read_only(place.out):
        assert sentence(publish(place)) == (
            f"making the output folder: cannot make folder '{place.out}/__venvstacks__': Read-only file system")
    publish(place).ok()


def test_read_only_output_that_is_current(place):
    publish(place).ok()
    with read_only(place.out):
        publish(place).ok()
        said = sentence(publish(place, SOURCE_DATE_EPOCH="1000000000"))
        assert said.endswith("Read-only file system"), said


def test_read_only_spec_folder(unlocked_stack, fast_path):
    place = unlocked_stack.copy(fast_path / "place")
    with read_only(place.project):
        assert sentence(place.run("lock", *LOCAL, place.spec)) == (
            "writing the lock of layer 'small-runtime': "
            f"cannot make folder '{place.project}/requirements': Read-only file system")
    place.run("lock", *LOCAL, place.spec).ok()
    with read_only(place.project):
        place.run("lock", "--if-needed", *LOCAL, place.spec).ok()
        place.run("lock", *LOCAL, place.spec).ok()  # nothing changes, so nothing is written


def test_read_only_store(place):
    with read_only(place.store):
        said = sentence(publish(place))
        assert said.endswith("Read-only file system") and str(place.store) in said, said


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_output_is_a_file(place, name):
    (place.folder / "file").write_text("mine\n")
    place.out = place.folder / name
    assert sentence(publish(place)) == f"making the output folder: cannot make folder '{place.folder}/file': Not a directory"
    assert (place.folder / "file").read_text() == "mine\n"


def test_missing_parents_are_made(place):
    place.out = place.folder / "not" / "there" / "yet"
    publish(place).ok()
