"""No resolver, a resolver that fails, no network: one sentence, exit code 1, nothing lost. And what needs neither works without."""

import contextlib
import os
import shutil
import socket

import pytest

import run as running
import small_stack
from small_stack import LOCAL
from survive import files, litter

AT_ONCE = {"UV_HTTP_RETRIES": "0"}  # the resolver does not ask again
GARBAGE = "head -c 100000 /dev/zero | tr '\\0' '\\377'"
UNUSABLE = "layer 'small-runtime': the answer of the resolver '{uv}' is not usable: "
# the script and the sentence; with {uv}: the path of the resolver
RESOLVERS = {
    "crashes": ("kill -SEGV $$", "layer 'small-runtime': the resolver '{uv}' was ended by signal 11"),
    "fails": ("echo 'error: it is raining' >&2; exit 2", "layer 'small-runtime': it is raining"),
    "fails without a word": ("exit 1", "layer 'small-runtime': the resolver failed without a word"),
    "fails with garbage": (f"{GARBAGE} >&2; exit 1", None),
    "prints garbage": (f"{GARBAGE}; rm -f pylock.toml", "layer 'small-runtime': the resolver '{uv}' gave no answer"),
    "writes garbage": (f"{GARBAGE} > pylock.toml", UNUSABLE + "line 1, column 1: byte 0xFF is not valid UTF-8"),
    "leaves the preferences": ("exit 0", UNUSABLE + "line 4, column 3: package 'alpha' has no wheels and no other source"),
    "writes an empty file": (": > pylock.toml", UNUSABLE + "line 1, column 1: the lock has no 'lock-version'"),
    "writes another format": ("echo '{}' > pylock.toml", UNUSABLE + "line 1, column 1: expected a key, found '{{'"),
    "is no program": (None, "layer 'small-runtime': running '{uv}': cannot run '{uv}': Exec format error"),
}


def sentence(result, code=1):
    said = [line.removeprefix("lamina: ") for line in result.err.splitlines() if line.startswith("lamina: ")]
    assert result.code == code and len(said) == 1, result
    assert all(text.isprintable() for text in result.err.split("\n")), result
    return said[0]


@pytest.fixture
def place(locked_stack, fast_path):
    """With locks, which a relock has to leave alone."""
    place = locked_stack.copy(fast_path / "place")
    text = place.spec.read_text()
    place.spec.write_text(text.replace('requirements = ["alpha"]', 'requirements = ["alpha", "gamma"]'))
    place.run("show", place.spec).ok()
    return place


@pytest.mark.parametrize("name", RESOLVERS)
def test_bad_resolver(place, name):
    script, expected = RESOLVERS[name]
    before, uv = files(place.project), place.folder / "uv"
    uv.write_bytes(bytes(1000) if script is None else f"#!/bin/sh\n{script}\n".encode())
    uv.chmod(0o755)
    said = sentence(place.run("lock", *LOCAL, "--uv", uv, place.spec))
    assert expected is None or said == expected.format(uv=uv)
    assert files(place.project) == before
    assert litter(place) == []
    place.run("lock", *LOCAL, place.spec).ok()


def test_no_resolver(place):
    before = files(place.project)
    path = place.folder / "bin"
    path.mkdir()
    for program in ("sh", "python3.11"):
        (path / program).symlink_to(shutil.which(program))
    assert sentence(place.run("lock", *LOCAL, place.spec, PATH=path)) == (
        "layer 'small-runtime': cannot find the resolver 'uv': install uv, or give its path with --uv or LAMINA_UV")
    assert files(place.project) == before


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_index_that_nobody_answers_for(place):
    before = files(place.project)
    url = f"http://127.0.0.1:{closed_port()}/simple"
    said = sentence(place.run("lock", place.spec, UV_DEFAULT_INDEX=url, **AT_ONCE))
    assert said.startswith("layer 'small-runtime': ") and f"cannot fetch '{url}/" in said, said
    assert files(place.project) == before
    place.run("lock", *LOCAL, place.spec).ok()


def test_runtime_that_nobody_answers_for(unlocked_stack, fast_path):
    place = unlocked_stack.copy(fast_path / "place")
    url = f"http://127.0.0.1:{closed_port()}/runtime.tar"
    small_stack.write_spec(place.project, small_stack.UV, url)
    said = sentence(place.run("lock", *LOCAL, place.spec))
    assert said.startswith("layer 'small-runtime': ") and url in said, said
    assert litter(place) == []


def offline(place, *args, **env):
    """A run in a network of its own, in which there is nothing."""
    if os.geteuid() != 0:
        pytest.skip("a network of its own needs root")
    return running.run("unshare", "-n", *place.argv(*args), env=place.env(**env))


def test_offline(place):
    before = files(place.project)
    said = sentence(offline(place, "lock", place.spec, UV_DEFAULT_INDEX="http://127.0.0.1:9/simple", **AT_ONCE))
    assert said.startswith("layer 'small-runtime': "), said
    assert files(place.project) == before


def test_warm_store_needs_no_network_and_no_resolver(locked_stack, fast_path):
    place = locked_stack.copy(fast_path / "place")
    place.run("build", "--publish", *LOCAL, place.spec, place.trees, "--output-dir", place.out).ok()
    first, first_trees = files(place.out), files(place.trees)
    shutil.rmtree(place.out)
    shutil.rmtree(place.trees)
    offline(place, "build", "--publish", place.spec, place.trees, "--output-dir", place.out, LAMINA_UV="/nowhere/uv").ok()
    assert files(place.out) == first
    assert files(place.trees) == first_trees


def test_cold_store_without_network(locked_stack, fast_path):
    place = locked_stack.copy(fast_path / "place")
    said = sentence(offline(place, "publish", place.spec, place.out, UV_DEFAULT_INDEX="http://127.0.0.1:9/simple", **AT_ONCE))
    assert "alpha" in said, said
    assert files(place.out) == {}
    place.run("publish", *LOCAL, place.spec, place.out).ok()
