"""Layers are made while the sources of others are downloaded. A real server holds one wheel back until what it shall see is so; nothing
is timed, but a wait that comes to no end."""

import contextlib
import fcntl
import hashlib
import io
import shutil
import signal
import tarfile

import pytest

import private
import small_stack
import web
import wheels
from handmade import unzstd
from served_stack import ALPHA, BETA, HOST, NOISE, Held, ServedStack, staged
from survive import PATIENCE_S, check_readable, files, litter, wait_alone, wait_until


@pytest.fixture
def server():
    with web.serve() as server:
        yield server


@pytest.fixture
def place(served, want, fast_path):
    """A copy of the served place, while everything is served and nothing was asked for yet."""
    served.reset()
    return served.place.copy(fast_path / "place")


@pytest.fixture(scope="module")
def want(served, tmp_path_factory):
    """What is published when all is in the store before."""
    served.reset()
    place = served.place.copy(tmp_path_factory.mktemp("want") / "place")
    place.run("publish", *HOST, place.spec, place.out).ok()
    shutil.rmtree(place.out)
    asked = len(served.server.requests)
    place.run("publish", *HOST, "--jobs", "1", place.spec, place.out).ok()
    assert len(served.server.requests) == asked
    return files(place.out)


def entries(place, name):
    with tarfile.open(fileobj=io.BytesIO(unzstd((place.out / name).read_bytes()))) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def leftovers(place):
    """What a run that failed must not leave; what was received of a wheel stays for the next run, which goes on with it."""
    return [path for path in litter(place) if "/store/sources/" not in path]


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("jobs", [1, 2, 7])
@pytest.mark.parametrize("late, early, layer", [(BETA, ALPHA, "left"), (ALPHA, BETA, "right")])
def test_archive_is_made_while_another_wheel_is_held_back(served, place, want, jobs, late, early, layer):
    held = Held(staged(place, f"framework-{layer}"))
    served.serve(late, held.then(web.content(served.wheels[late])))
    place.run("publish", *HOST, "--jobs", str(jobs), place.spec, place.out).ok()
    assert held.seen == [True]
    assert files(place.out) == want
    assert litter(place) == []
    noise = {name for name, data in entries(place, "framework-right.tar.zst").items() if data == small_stack.noise(NOISE)}
    assert noise == {"framework-right/lib/python3.11/site-packages/beta/noise.bin"}


def test_each_file_is_fetched_once(served, place, want):
    place.run("publish", *HOST, place.spec, place.out).ok()
    assert sorted(path for path, _ in served.server.requests) == sorted(["/runtime.tar", served.path(ALPHA), served.path(BETA)])
    assert files(place.out) == want


def test_platforms_of_a_layer_are_made_together(served, place):
    """What is missing is missing for both."""
    held = Held(lambda: all(staged(place, "framework-left", name)() for name in ("linux_x86_64", "linux_aarch64")))
    served.serve(BETA, held.then(web.content(served.wheels[BETA])))
    place.run("publish", "--platform", "all", place.spec, place.out).ok()
    assert held.seen == [True]
    for name in ("linux_x86_64", "linux_aarch64"):
        check_readable(place.out / name, [files(place.out / name)])


def test_runtime_comes_first(served, place, want):
    """Nothing can be made without it when it is not known which libraries it publishes; then all can."""
    held = Held(lambda: len({path for path, _ in served.server.requests}) == 3)
    served.serve("/runtime.tar", held.then(web.content(served.runtime)))
    place.run("publish", *HOST, place.spec, place.out).ok()
    assert held.seen == [True]
    assert files(place.out) == want


# ---- what fails while another layer is made

def failures(served):
    """(answer instead of beta's wheel, exit code, what is said)"""
    head = f"cannot download '{BETA}' from '{served.url(BETA)}': "
    data = served.wheels[BETA]
    other = data[:-1] + b"x"
    return {
        "not found": (web.status(404), 1, f"{head}the server answered 404"),
        "other bytes": (web.content(other), 4, f"{head}its SHA-256 is {sha256(other)}, expected {sha256(data)}"),
        "more bytes": (web.content(data + b"x"), 4, f"{head}it has more than {len(data)} bytes"),
    }


def sentences(err):
    return [line.removeprefix("lamina: ") for line in err.splitlines() if line.startswith("lamina: ")]


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("name", ["not found", "other bytes", "more bytes"])
def test_failed_download(served, place, want, name, jobs):
    answer, code, said = failures(served)[name]
    held = Held(staged(place, "framework-left"))
    served.serve(BETA, held.then(answer))
    result = place.run("publish", *HOST, "--jobs", str(jobs), place.spec, place.out)
    assert held.seen[0]
    assert (result.code, sentences(result.err)) == (code, [said])
    assert everything(place.out) == []
    assert leftovers(place) == []
    served.reset()
    place.run("publish", *HOST, place.spec, place.out).ok()
    assert files(place.out) == want
    assert litter(place) == []


def test_failed_download_changes_nothing_that_was_published(served, place):
    """With all that a folder has, below it too; the platforms' own folders as well."""
    place.run("publish", "--platform", "all", place.spec, place.out).ok()
    before, names = files(place.out), everything(place.out)
    served.empty_store(place)
    held = Held(staged(place, "framework-left", "linux_x86_64"))
    served.serve(BETA, held.then(web.status(404)))
    result = place.run("publish", "--platform", "all", place.spec, place.out, SOURCE_DATE_EPOCH="1000000000")
    assert held.seen == [True]
    assert result.code == 1
    assert (files(place.out), everything(place.out)) == (before, names)
    assert leftovers(place) == []


def test_failed_download_ends_those_that_wait(served, place):
    """beta's wheel would never come; the layer that waits for it is not what the run waits for."""
    held = Held(lambda: served.path(BETA) in {path for path, _ in served.server.requests})
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    served.serve(ALPHA, held.then(web.status(404)))
    result = place.run("publish", *HOST, place.spec, place.out)
    assert (result.code, sentences(result.err)) == (1,
        [f"cannot download '{ALPHA}' from '{served.url(ALPHA)}': the server answered 404"])
    assert everything(place.out) == []


def test_layer_that_fails_ends_the_downloads(lamina, server, tmp_path, fast_path):
    """alpha's wheel disagrees with its own RECORD. What beta's would be is not waited for: it would never come."""
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, tmp_path / "private")
        served = ServedStack(tmp_path, lamina, server, record=wheels.change(1, 1, "sha256=" + "A" * 43))
    place = served.place.copy(fast_path / "place")
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    result = place.run("publish", *HOST, place.spec, place.out)
    assert (result.code, sentences(result.err)) == (4, [
        f"layer 'left': wheel '{ALPHA}' is refused: member 'alpha/noise.bin' has another digest than RECORD says"])
    assert everything(place.out) == []
    assert leftovers(place) == []


def test_missing_file_is_told_before_anything_is_made(served, place):
    result = place.run("publish", *HOST, "--no-index", place.spec, place.out)
    assert (result.code, sentences(result.err)) == (1, [
        f"cannot find '{ALPHA}', '{BETA}' (no folder was given to look in); put them into a folder that is named with "
        "--local-wheels"])
    assert [path for path, _ in served.server.requests] == []
    assert everything(place.out) == []


@pytest.mark.slow
def test_server_that_dies(served, place):
    """In the middle of the wheel, after the other layer was made; it is asked again as often as for any download."""
    def hang_up(handler):
        handler.close_connection = True

    held = Held(staged(place, "framework-left"))
    served.serve(BETA, held.then(web.content(served.wheels[BETA], cut=1000)), hang_up)
    result = place.run("publish", *HOST, place.spec, place.out)
    assert held.seen == [True]
    assert (result.code, sentences(result.err)) == (1, [f"cannot download '{BETA}' from '{served.url(BETA)}': Server returned "
        "nothing (no headers, no data), in 6 attempts"])
    assert everything(place.out) == []
    assert leftovers(place) == []


# ---- signals and kills

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 4])
def test_interrupt(served, place, want, number, jobs):
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    process = place.start("publish", *HOST, "--jobs", str(jobs), place.spec, place.out)
    wait_until(staged(place, "framework-left"), "the other layer's archive is there")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    wait_alone(process.pid)
    assert (process.returncode, sentences(err)) == (130, ["interrupted"])
    assert everything(place.out) == []
    assert leftovers(place) == []
    served.reset()
    place.run("publish", *HOST, place.spec, place.out).ok()
    assert files(place.out) == want


def test_killed_while_the_other_layer_is_made(served, place, want):
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    process = place.start("publish", *HOST, place.spec, place.out)
    wait_until(staged(place, "framework-left"), "the other layer's archive is there")
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    assert files(place.out) == {}
    served.reset()
    place.run("publish", *HOST, place.spec, place.out).ok()
    assert files(place.out) == want
    assert litter(place) == []


def test_two_with_one_store(served, place, want, fast_path):
    """What one fetches the other does not."""
    other = served.place.copy(fast_path / "other")
    other.settings["LAMINA_STORE"] = place.store
    held = Held(lambda: staged(place, "framework-left")() or staged(other, "framework-left")())
    served.serve(BETA, held.then(web.content(served.wheels[BETA])))
    runs = [one.start("publish", *HOST, one.spec, one.out) for one in (place, other)]
    for run in runs:
        out, err = run.communicate(timeout=2 * PATIENCE_S)
        assert run.returncode == 0, err
    assert held.seen == [True]
    assert files(place.out) == files(other.out) == want
    assert sorted(path for path, _ in served.server.requests) == sorted(["/runtime.tar", served.path(ALPHA), served.path(BETA)])
    assert litter(place) == litter(other) == []


def test_what_another_fetched_is_made_while_the_next_is_waited_for(served, place, want):
    """We are the other process: we have the locks of both wheels, bring the first one and keep the second for ourselves."""
    first, second = sorted((ALPHA, BETA), key=lambda name: sha256(served.wheels[name]))
    layer = {ALPHA: "framework-left", BETA: "framework-right"}[first]
    place.run("publish", *HOST, place.spec, place.out).ok()
    shutil.rmtree(place.out)
    sources = {name: [path for path in place.store.rglob(f"*{sha256(served.wheels[name])[2:]}*") if path.is_file()]
        for name in (first, second)}
    for path in sources[first] + sources[second]:
        path.unlink()
    source, = (path for path in sources[first] if path.parts[-3] == "sources")
    with contextlib.ExitStack() as stack:
        locks = {name: stack.enter_context((place.store / "locks" / sha256(served.wheels[name])).open("w")) for name in (first, second)}
        for lock in locks.values():
            fcntl.flock(lock, fcntl.LOCK_EX)
        run = place.start("publish", *HOST, place.spec, place.out)
        assert run.stderr.readline() == "warning: waiting for another process\n"
        source.write_bytes(served.wheels[first])
        fcntl.flock(locks[first], fcntl.LOCK_UN)
        wait_until(staged(place, layer), "its layer is made, though the second wheel is not here")
    out, err = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, err
    assert files(place.out) == want


def test_result_as_json(served, place):
    held = Held(staged(place, "framework-left"))
    served.serve(BETA, held.then(web.content(served.wheels[BETA])))
    document = place.run("publish", "--json", *HOST, place.spec, place.out).json()
    assert [(one["layer_name"], one["state"]) for one in document["outputs"]] == [
        ("small-runtime", "published"), ("framework-left", "published"), ("framework-right", "published")]
