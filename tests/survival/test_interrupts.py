"""Ctrl-C, and the signals of a shell that ends: exit code 130, one sentence, no child, nothing half done."""

import os
import shutil
import signal

import pytest

import small_stack
import web
from handmade import Entry, write
from small_stack import DATA_LAYERS, LOCAL, UV
from survive import Place, chosen, files, litter, trace, wait_alone, wait_until

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def sentences(err):
    """What the program says of its failure."""
    return [line.removeprefix("lamina: ") for line in err.splitlines() if line.startswith("lamina: ")]


def ended(process, timeout_s=60):
    """Wait for the end of a run, and of all that it started. Its exit code and the sentences."""
    out, err = process.communicate(timeout=timeout_s)
    wait_alone(process.pid)
    return process.returncode, sentences(err)


@pytest.fixture
def server():
    with web.serve() as server:
        yield server


STUBBORN = """\
import signal
def told(number, frame):
    open("{folder}/told", "w").close()
signal.signal(signal.SIGTERM, told)
open("{folder}/ready", "w").close()
while True:
    signal.pause()
"""


@pytest.fixture
def stubborn(unlocked_stack, fast_path):
    """A lock run whose resolver notes that it is to end, and does not: (place, process)."""
    place = unlocked_stack.copy(fast_path / "place")
    (place.folder / "stubborn.py").write_text(STUBBORN.format(folder=place.folder))
    uv = fake_program(place, "uv", f"exec python3 {place.folder}/stubborn.py")
    process = place.start("lock", *LOCAL, "--uv", uv, place.spec)
    wait_until(lambda: (place.folder / "ready").exists(), "the resolver runs")
    return place, process


def fake_program(place, name, script):
    """The path of a program that is this shell script."""
    path = place.folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def path_with(place):
    """A PATH that has what fake_program() made before anything else."""
    return f"{place.folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("number", SIGNALS)
def test_while_the_index_hangs(unlocked_stack, fast_path, server, number):
    place = unlocked_stack.copy(fast_path / "place")
    server.answers["/simple/alpha/"] = [web.hang(b"x" * 1000, 10)]
    before = files(place.project)
    process = place.start("lock", place.spec, UV_DEFAULT_INDEX=server.url("/simple"))
    assert server.arrived.wait(30)
    os.killpg(process.pid, number)
    assert ended(process) == (130, ["layer 'small-runtime': running 'uv': interrupted"])
    assert files(place.project) == before
    assert litter(place) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_while_downloading(unlocked_stack, fast_path, server, number):
    place = unlocked_stack.copy(fast_path / "place")
    small_stack.write_spec(place.project, small_stack.UV, server.url("/runtime.tar"))
    archive = (place.project / "runtime.tar").read_bytes()
    server.answers["/runtime.tar"] = [web.hang(archive, 1000), web.content(archive)]
    process = place.start("lock", *LOCAL, place.spec)
    assert server.arrived.wait(30)
    process.send_signal(number)
    assert ended(process) == (130, ["layer 'small-runtime': runtime 'cpython@3.11.11': interrupted"])
    assert files(place.store / "sources") == {}
    place.run("lock", *LOCAL, place.spec).ok()
    assert litter(place) == []


def test_child_that_does_not_end(stubborn):
    """First TERM, then, when it has had its time, KILL."""
    place, process = stubborn
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, [f"layer 'small-runtime': running '{place.folder}/uv': interrupted"])
    assert (place.folder / "told").exists()
    assert litter(place) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_second_signal_ends_at_once(stubborn, number):
    place, process = stubborn
    process.send_signal(number)
    wait_until(lambda: (place.folder / "told").exists(), "the resolver is told to end")
    process.send_signal(number)
    assert ended(process) == (-number, [])


def test_grandchildren_end_too(unlocked_stack, fast_path):
    place = unlocked_stack.copy(fast_path / "place")
    uv = fake_program(place, "uv", f"(trap '' TERM; sleep 1000) &\nsleep 1000 & echo > {place.folder}/ready\nwait")
    process = place.start("lock", *LOCAL, "--uv", uv, place.spec)
    wait_until(lambda: (place.folder / "ready").exists(), "the resolver runs")
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 130


@pytest.mark.parametrize("number", SIGNALS)
def test_while_git_lists_files(data_stack, number):
    """The files of a launch module that is a folder in a work tree."""
    small_stack.make_wheels(data_stack.wheels, 1000)
    small_stack.write_spec(data_stack.project, UV, layers=DATA_LAYERS.format(package="alpha"))
    (data_stack.project / ".git").mkdir()
    fake_program(data_stack, "git", f"echo > {data_stack.folder}/ready\nsleep 1000")
    before = files(data_stack.project)
    process = data_stack.start("lock", *LOCAL, data_stack.spec, PATH=path_with(data_stack))
    wait_until(lambda: (data_stack.folder / "ready").exists(), "git runs")
    process.send_signal(number)
    assert ended(process) == (130,
        [f"layer 'data': launch module 'launch/data': module '{data_stack.project}/launch/data': interrupted"])
    assert files(data_stack.project) == before
    assert litter(data_stack) == []


@pytest.fixture
def comparing(lamina, fast_path):
    """`lamina diff --diffoscope`, while diffoscope runs, which has files of its own in its TMPDIR: (place, argv, process)."""
    place = Place(fast_path / "place", lamina)
    argv = ("diff", "--diffoscope", place.folder / "a.tar", place.folder / "b.tar")
    for path, body in zip(argv[2:], (b"1", b"2")):
        write(path, [Entry("x", body)])
    fake_program(place, "diffoscope", f'mkdir "$TMPDIR/own"\necho > {place.folder}/ready\nsleep 1000')
    process = place.start(*argv, PATH=path_with(place))
    wait_until(lambda: (place.folder / "ready").exists(), "diffoscope runs")
    assert len(list(place.tmp.iterdir())) == 1
    return place, argv, process


@pytest.mark.parametrize("number", SIGNALS)
def test_while_diffoscope_runs(comparing, number):
    place, _, process = comparing
    process.send_signal(number)
    assert ended(process) == (130, ["interrupted"])
    assert list(place.tmp.iterdir()) == []


def test_killed_while_diffoscope_runs(comparing):
    """What is left then is removed by the next one."""
    place, argv, process = comparing
    process.kill()
    assert ended(process) == (-signal.SIGKILL, [])
    fake_program(place, "diffoscope", "echo differs\nexit 1")
    assert place.run(*argv, PATH=path_with(place)).code == 3
    assert list(place.tmp.iterdir()) == []


# Everything else: the program gets the signal at each of its named points.

def interrupt_at_points(before, program, folder, args, check, every=False):
    """Interrupt a run at its points. check(place, done, want): of what is left; done: the signal came too late to stop anything
    (only then is 0 right); want: {folder: files} of a whole run. Returns the names of the points that stopped it."""
    before.program = program
    undisturbed = before.copy(folder / "undisturbed")
    points = chosen(trace(undisturbed, *args(undisturbed)), every)
    want = {name: files(getattr(undisturbed, name)) for name in ("project", "out", "trees")}
    stopped = set()
    for index, point in enumerate(points):
        place = before.copy(folder / "interrupted")
        process = place.start(*args(place), LAMINA_KILL_POINT=f"{point}={SIGNALS[index % len(SIGNALS)]:d}")
        code, said = ended(process)
        assert len(said) == 1, (point, said)
        assert code == 0 or (code == 130 and said[0].endswith("interrupted")), (point, said)
        assert litter(place) == [], point
        check(place, code == 0, want)
        stopped |= {point.partition("#")[0]} if code == 130 else set()
        shutil.rmtree(place.folder)
    return stopped


def test_lock(unlocked_stack, killable, fast_path):
    before = files(unlocked_stack.project)

    def check(place, done, want):
        assert files(place.project) == (want["project"] if done else before)

    stopped = interrupt_at_points(unlocked_stack, killable, fast_path, lambda place: ("lock", *LOCAL, place.spec), check)
    assert {"lock: taken", "child: started", "unpack: bytes", "tree: file written"} <= stopped


def test_publish(published, killable, fast_path):
    old = files(published.out)

    def check(place, done, want):
        assert files(place.out) == (want["out"] if done else old)

    published.settings["SOURCE_DATE_EPOCH"] = "1000000000"
    stopped = interrupt_at_points(published, killable, fast_path,
        lambda place: ("publish", *LOCAL, place.spec, place.out), check, True)
    assert {"lock: taken", "archive: segment written", "folder: files flushed"} <= stopped


def test_first_publish(locked_stack, killable, fast_path):
    def check(place, done, want):
        assert files(place.out) == (want["out"] if done else {})

    interrupt_at_points(locked_stack, killable, fast_path, lambda place: ("publish", *LOCAL, place.spec, place.out), check)


def test_build(published, killable, fast_path):
    """A layer that is done stays; one that is not is as it was."""
    old = files(published.trees)

    def check(place, done, want):
        for name, digest in files(place.trees).items():
            assert digest in (want["trees"].get(name), *(() if done else (old.get(name),))), name

    stopped = interrupt_at_points(published, killable, fast_path, lambda place: ("build", *LOCAL, place.spec, place.trees), check)
    assert {"child: started", "tree: file written"} <= stopped
