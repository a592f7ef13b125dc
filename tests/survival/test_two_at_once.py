"""Two runs at once: both succeed, one waits for the other and says for what."""

import os
import signal

import pytest

from small_stack import LOCAL
from survive import check_readable, files, litter, wait_alone, wait_until

SLOW_UV = """\
#!/bin/sh
echo > {folder}/ready
read line < {folder}/go
exec uv "$@"
"""


@pytest.fixture
def place(unlocked_stack, fast_path):
    """A place with a resolver "uv" that waits: it makes the file `ready`, and goes on when something is written to `go`."""
    place = unlocked_stack.copy(fast_path / "place")
    (place.folder / "uv").write_text(SLOW_UV.format(folder=place.folder))
    (place.folder / "uv").chmod(0o755)
    os.mkfifo(place.folder / "go")
    return place


@pytest.fixture
def undisturbed(unlocked_stack, fast_path):
    place = unlocked_stack.copy(fast_path / "undisturbed")
    place.run("build", "--publish", *LOCAL, place.spec, place.out).ok()
    return place


def start_slow(place, *args):
    """A run that is asking its resolver."""
    process = place.start(*args, "--uv", place.folder / "uv")
    wait_until(lambda: (place.folder / "ready").exists(), "the resolver runs")
    (place.folder / "uv").write_text('#!/bin/sh\nexec uv "$@"\n')  # from the next question on
    return process


def waiting_line(process):
    """The line in which a run says that it waits, without the colon before it."""
    for line in process.stderr:
        if "waiting for" in line:
            return line.strip()
    raise AssertionError("it did not wait")


def go_on(place):
    (place.folder / "go").write_text("on\n")


def finish(*processes):
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err


def test_same_spec_and_folder(place, undisturbed):
    args = ("build", "--publish", *LOCAL, place.spec, place.out)
    first = start_slow(place, *args)
    second = place.start(*args)
    assert waiting_line(second) == f"warning: waiting for process {first.pid}, which is locking '{place.spec}'"
    go_on(place)
    finish(first, second)
    assert files(place.project) == files(undisturbed.project)
    assert files(place.out) == files(undisturbed.out)
    assert litter(place) == []


def test_same_spec_other_folders(place, undisturbed):
    first = start_slow(place, "build", "--publish", *LOCAL, place.spec, place.out)
    second = place.start("build", "--publish", *LOCAL, place.spec, place.folder / "other")
    waiting_line(second)
    go_on(place)
    finish(first, second)
    assert files(place.out) == files(undisturbed.out) == files(place.folder / "other")


def test_other_stores(place, undisturbed):
    """Nothing in a store tells that the project is being locked."""
    first = start_slow(place, "build", "--publish", *LOCAL, place.spec, place.out)
    second = place.start("build", "--publish", *LOCAL, place.spec, place.out, LAMINA_STORE=place.folder / "other")
    assert waiting_line(second) == f"warning: waiting for another process, which is working in '{place.project}'"
    go_on(place)
    finish(first, second)
    assert files(place.project) == files(undisturbed.project)
    assert files(place.out) == files(undisturbed.out)


def test_through_a_link(place, undisturbed):
    """The same project under another name."""
    link = place.folder / "link"
    link.symlink_to(place.project)
    first = start_slow(place, "build", "--publish", *LOCAL, place.spec, place.out)
    second = place.start("build", "--publish", *LOCAL, link / "venvstacks.toml", place.out)
    assert waiting_line(second) == f"warning: waiting for another process, which is working in '{link}'"
    go_on(place)
    finish(first, second)
    assert files(place.out) == files(undisturbed.out)


def test_waiting_can_be_interrupted(place):
    args = ("build", "--publish", *LOCAL, place.spec, place.out)
    first = start_slow(place, *args)
    second = place.start(*args)
    waiting_line(second)
    second.send_signal(signal.SIGINT)
    out, err = second.communicate(timeout=60)
    assert (second.returncode, err) == (130, "lamina: interrupted\n")
    go_on(place)
    finish(first)


def test_killed_holder(place, undisturbed):
    """The lock of a process that was killed stops nobody, and its name is not told."""
    args = ("build", "--publish", *LOCAL, place.spec, place.out)
    first = start_slow(place, *args)
    first.kill()
    first.communicate()
    wait_alone(first.pid)
    result = place.run(*args).ok()
    assert "waiting" not in result.err
    assert files(place.out) == files(undisturbed.out)


def test_two_specs_one_folder(locked_stack, fast_path):
    """The second stack's layers stand beside those of the first, and the manifest of whoever was last is whole."""
    place = locked_stack.copy(fast_path / "place")
    other = place.project / "other.toml"
    other.write_text(place.spec.read_text())
    processes = [place.start("publish", *LOCAL, spec, place.out) for spec in (place.spec, other)]
    finish(*processes)
    check_readable(place.out, [files(place.out)])
    assert litter(place) == []


def test_many_at_once(locked_stack, fast_path):
    """Six publications of one spec into three folders with one cold store."""
    place = locked_stack.copy(fast_path / "place")
    outs = [place.folder / f"out-{number % 3}" for number in range(6)]
    finish(*[place.start("publish", *LOCAL, place.spec, out) for out in outs])
    assert files(outs[0]) == files(outs[1]) == files(outs[2])
    for out in outs[:3]:
        check_readable(out, [files(out)])
    assert litter(place) == []
