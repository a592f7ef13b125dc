"""Trees are written while the sources of others are downloaded, and finished when their runtime is. As in test_while_downloading.py, a server
holds one file back until what it shall see is so."""

import hashlib
import os
import shutil
import signal

import pytest

import private
import web
import wheels
from served_stack import ALPHA, BETA, HOST, Held, ServedStack
from survive import PATIENCE_S, files, litter, wait_alone, wait_until

BOTH = ("--platform", "linux_x86_64", "--platform", "linux_aarch64")
LAYERS = ["small-runtime", "framework-left", "framework-right"]
STATES = {"build": "__lamina__/{}.json", "local-export": "__venvstacks__/env_metadata/{}.json"}
# stands before the Python of PATH: notes whose postinstall.py begins, and what has a state then
WATCHER = """\
#!/bin/sh
for script; do :; done
tree=$(dirname "$script")
echo "$(basename "$tree"):" $(ls "$(dirname "$tree")/__lamina__") >> "{log}"
case " $FAILING " in *" $(basename "$tree") "*) echo "$(basename "$tree") does not like it" >&2; exit 1;; esac
exec "{python}" "$@"
"""


@pytest.fixture
def server():
    with web.serve() as server:
        yield server


def small_copy(served, folder):
    place = served.place.copy(folder)
    python = place.folder / "bin" / "python3.11"
    python.parent.mkdir()
    python.write_text(WATCHER.format(log=place.folder / "finished", python=shutil.which("python3.11")))
    python.chmod(0o755)
    place.settings["PATH"] = f"{python.parent}:{os.environ['PATH']}"
    return place


@pytest.fixture
def place(served, want, fast_path):
    """A copy of the served place, with an empty store."""
    served.reset()
    return small_copy(served, fast_path / "place")


@pytest.fixture(scope="module")
def want(served, tmp_path_factory):
    """{command: the trees that one job makes of what is in the store}"""
    served.reset()
    place = served.place.copy(tmp_path_factory.mktemp("want") / "place")
    place.run("publish", *HOST, place.spec, place.out).ok()
    asked = len(served.server.requests)
    found = {}
    for command in STATES:
        place.run(command, *HOST, "--jobs", "1", place.spec, place.trees).ok()
        found[command] = files(place.trees)
        shutil.rmtree(place.trees)
    assert len(served.server.requests) == asked
    return found


def made(place, layer, command="build", folder=""):
    """Is the tree there, finished?"""
    return lambda: (place.trees / folder / STATES[command].format(layer)).exists()


def of_layers(trees, layers):
    """Of files(), those of these layers."""
    return {name: digest for name, digest in trees.items() if any(name.startswith(f"{layer}/") or f"/{layer}.json" in name
        for layer in layers)}


def check_made(place, want, layers, command="build"):
    """These layers are there, as they should be, and nothing else."""
    assert files(place.trees) == of_layers(want[command], layers)
    assert [path for path in litter(place) if "/store/sources/" not in path] == []


def check_kept(place, want, layers):
    """These are there, as they should be."""
    assert of_layers(files(place.trees), layers) == of_layers(want["build"], layers)
    assert litter(place) == []


def finished(place):
    """Whose postinstall.py began, in that order: [(layer, the states that were there)]."""
    lines = [line.split(":") for line in (place.folder / "finished").read_text().splitlines()]
    return [(layer, states.split()) for layer, states in lines]


def sentences(err):
    return [line.removeprefix("lamina: ") for line in err.splitlines() if line.startswith("lamina: ")]


@pytest.mark.parametrize("command, jobs, late, early, layer", [
    ("build", 1, BETA, ALPHA, "left"), ("build", 2, ALPHA, BETA, "right"), ("build", 7, BETA, ALPHA, "left"),
    ("local-export", 1, ALPHA, BETA, "right"), ("local-export", 8, BETA, ALPHA, "left"),
])
def test_tree_is_made_while_another_wheel_is_held_back(served, place, want, command, jobs, late, early, layer):
    held = Held(made(place, f"framework-{layer}", command))
    served.serve(late, held.then(web.content(served.wheels[late])))
    document = place.run(command, "--json", *HOST, "--jobs", str(jobs), place.spec, place.trees).json()
    assert held.seen == [True]
    assert [one["layer_name"] for one in document["outputs"]] == LAYERS
    assert len({one["state"] for one in document["outputs"]}) == 1
    assert files(place.trees) == want[command]
    assert litter(place) == []
    assert sorted(path for path, _ in served.server.requests) == sorted(["/runtime.tar", served.path(ALPHA), served.path(BETA)])


@pytest.mark.parametrize("jobs", [1, 8])
def test_nothing_is_finished_before_its_runtime(served, place, want, jobs):
    """Of what those above need only the runtime's archive is missing, and it is known that it publishes no libraries. Those for the other
    platform have nothing to run, and are written."""
    place.run("build", *BOTH, place.spec, place.trees).ok()
    shutil.rmtree(place.trees)
    (place.folder / "finished").unlink()
    digest = hashlib.sha256(served.runtime).hexdigest()
    (place.store / "sources" / digest[:2] / digest[2:]).unlink()
    held = Held(lambda: all(made(place, f"framework-{name}", folder="linux_aarch64")() for name in ("left", "right")))
    served.serve("/runtime.tar", held.then(web.content(served.runtime)))
    result = place.run("build", *BOTH, "--jobs", str(jobs), place.spec, place.trees).ok()
    assert held.seen == [True]
    assert "not made ready" not in result.err
    began = finished(place)
    assert (began[0][0], sorted(layer for layer, _ in began)) == ("small-runtime", sorted(LAYERS))
    assert all("small-runtime.json" in states for _, states in began[1:])
    assert files(place.trees / "linux_x86_64") == want["build"]
    assert litter(place) == []


def test_tree_that_needs_finishing_only(served, place, want):
    """It is what it was, but does not know where its runtime is; it waits for no download."""
    place.run("build", *HOST, place.spec, place.trees).ok()
    shutil.rmtree(place.trees / "framework-left")
    (place.trees / "framework-right" / "pyvenv.cfg").unlink()
    served.empty_store(place)
    held = Held(lambda: (place.trees / "framework-right" / "pyvenv.cfg").exists())
    served.serve(ALPHA, held.then(web.content(served.wheels[ALPHA])))
    document = place.run("build", "--json", *HOST, "--jobs", "1", place.spec, place.trees).json()
    assert held.seen == [True]
    assert [one["state"] for one in document["outputs"]] == ["unchanged", "built", "unchanged"]
    assert files(place.trees) == want["build"]


def test_dry_run_downloads_nothing(served, place):
    document = place.run("build", "--json", "--dry-run", *HOST, place.spec, place.trees).json()
    assert [(one["layer_name"], one["state"]) for one in document["outputs"]] == [(layer, "pending") for layer in LAYERS]
    assert served.server.requests == []
    assert not place.trees.exists()


# ---- failures

@pytest.mark.parametrize("command, jobs", [("build", 1), ("build", 8), ("local-export", 4)])
def test_failed_download(served, place, want, command, jobs):
    held = Held(made(place, "framework-left", command))
    served.serve(BETA, held.then(web.status(404)))
    result = place.run(command, *HOST, "--jobs", str(jobs), place.spec, place.trees)
    assert held.seen == [True]
    assert (result.code, sentences(result.err)) == (1, [
        f"cannot download '{BETA}' from '{served.url(BETA)}': the server answered 404"])
    check_made(place, want, ["small-runtime", "framework-left"], command)
    served.reset()
    place.run(command, *HOST, place.spec, place.trees).ok()
    assert served.path(ALPHA) not in {path for path, _ in served.server.requests}
    assert files(place.trees) == want[command]
    assert litter(place) == []


def test_failed_download_of_the_runtime(served, place, want):
    """Those that wait for it are waited for no more; a tree that was there stays."""
    place.run("build", *HOST, place.spec, place.trees).ok()
    served.empty_store(place)
    served.serve("/runtime.tar", web.status(404))
    result = place.run("build", "--force", *HOST, "--jobs", "8", place.spec, place.trees)
    assert (result.code, sentences(result.err)) == (1, [
        f"layer 'small-runtime': cannot download 'runtime.tar' from '{served.server.url('/runtime.tar')}': the server answered 404"])
    check_made(place, want, LAYERS)


def test_tree_that_fails_ends_the_downloads(lamina, server, tmp_path, fast_path):
    """alpha's wheel disagrees with its own RECORD. What beta's would be is not waited for: it would never come."""
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, tmp_path / "private")
        served = ServedStack(tmp_path, lamina, server, record=wheels.change(1, 1, "sha256=" + "A" * 43))
    place = small_copy(served, fast_path / "place")
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    result = place.run("build", *HOST, place.spec, place.trees)
    assert (result.code, sentences(result.err)) == (4, [
        f"layer 'left': wheel '{ALPHA}' is refused: member 'alpha/noise.bin' has another digest than RECORD says"])
    assert {name.split("/")[0] for name in files(place.trees)} == {"small-runtime", "__lamina__"}
    assert not made(place, "framework-left")()


@pytest.mark.parametrize("jobs", [1, 8])
def test_runtime_that_cannot_be_finished(served, place, jobs):
    """One that waits for it, and one that waits for its wheel, too, which would never come."""
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    result = place.run("build", *HOST, "--jobs", str(jobs), place.spec, place.trees, FAILING="small-runtime")
    assert (result.code, sentences(result.err)) == (1, [
        "postinstall.py of layer 'small-runtime' failed: small-runtime does not like it"])
    assert not (place.trees / "framework-left").exists()
    assert list((place.trees / "__lamina__").iterdir()) == []
    assert [layer for layer, _ in finished(place)] == ["small-runtime"]


@pytest.mark.parametrize("failing, told, kept", [
    ("small-runtime framework-left", "small-runtime", []),
    ("framework-left framework-right", "framework-left", ["small-runtime"]),
    ("framework-right", "framework-right", ["small-runtime", "framework-left"]),
])
def test_first_failure_is_told_for_any_number_of_jobs(served, place, want, failing, told, kept):
    """A tree that could not be finished, and replaces none, stays without a state: the next run makes it again."""
    place.run("publish", *HOST, place.spec, place.out).ok()
    for jobs in (1, 8):
        result = place.run("build", *HOST, "--jobs", str(jobs), place.spec, place.trees, FAILING=failing)
        name = told.removeprefix("framework-")
        assert (result.code, sentences(result.err)) == (1, [f"postinstall.py of layer '{name}' failed: {told} does not like it"])
        check_kept(place, want, kept)
        assert sorted(path.name for path in (place.trees / "__lamina__").iterdir()) == sorted(f"{layer}.json" for layer in kept)
        shutil.rmtree(place.trees)


# ---- signals and kills

@pytest.mark.parametrize("number, jobs", [(signal.SIGINT, 1), (signal.SIGTERM, 8)])
def test_interrupt(served, place, want, number, jobs):
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    process = place.start("build", *HOST, "--jobs", str(jobs), place.spec, place.trees)
    wait_until(made(place, "framework-left"), "the other tree is there")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    wait_alone(process.pid)
    assert (process.returncode, sentences(err)) == (130, ["interrupted"])
    check_made(place, want, ["small-runtime", "framework-left"])


def test_killed_while_the_other_wheel_is_downloaded(served, place, want):
    """What is finished is not made again."""
    served.serve(BETA, web.hang(served.wheels[BETA], 1000))
    process = place.start("build", *HOST, place.spec, place.trees)
    wait_until(made(place, "framework-left"), "the other tree is there")
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    before = (place.trees / "framework-left").stat().st_ino
    served.reset()
    place.run("build", *HOST, place.spec, place.trees).ok()
    assert (place.trees / "framework-left").stat().st_ino == before
    assert files(place.trees) == want["build"]
    assert litter(place) == []
