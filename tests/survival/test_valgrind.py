"""Both programs as they are shipped, built by zig and not by clang, under valgrind: no wrong access to memory and no leak on the ways
that users take. `./check valgrind` runs the C unit tests so; what is broken or killed is under the sanitizers of clang."""

import pytest

import small_stack
from batch_runner import Runner, write_items
from fake_provider import fake_provider
from small_stack import LOCAL
from survive import Place

pytestmark = pytest.mark.slow
FOUND = 99
ITEMS = 400


@pytest.fixture
def watched(tmp_path, lamina):
    """watched("lamina"): a program that runs it under valgrind, with exit code 99 when something was found."""

    def make(name):
        wrapper = tmp_path / name
        wrapper.write_text(f'#!/bin/sh\nexec valgrind -q --error-exitcode={FOUND} --leak-check=full --errors-for-leak-kinds=definite '
            f'"{lamina.with_name(name)}" "$@"\n')
        wrapper.chmod(0o755)
        return wrapper

    return make


def clean(result):
    assert "==" not in result.err, result
    return result.ok()


def test_lamina(watched, tmp_path):
    place = Place(tmp_path / "place", watched("lamina"))
    small_stack.write_spec(place.project, small_stack.UV)
    small_stack.make_wheels(place.wheels, 1 << 20)
    clean(place.run("lock", *LOCAL, place.spec))
    clean(place.run("publish", "--jobs", "3", *LOCAL, place.spec, place.out))
    clean(place.run("build", "--jobs", "3", *LOCAL, place.spec, place.trees))
    clean(place.run("publish", *LOCAL, place.spec, place.folder / "again"))  # from segments in the store
    clean(place.run("check", *LOCAL, "--expected", place.out, place.spec))
    clean(place.run("show", place.spec))
    assert place.run("publish", *LOCAL, place.folder / "nothing.toml", place.out).code == 2


def test_lamina_batch(watched, tmp_path):
    program = watched("lamina-batch")
    write_items(tmp_path / "items.jsonl", ITEMS)
    with fake_provider(program=program) as provider:
        runner = Runner(tmp_path, provider.url + "/v1", program=program)
        clean(runner.start("run", "--max-requests", "50"))
        clean(runner.wait("run"))
        assert clean(runner.run("results", "run")).out.count("\n") == ITEMS
        clean(runner.run("export-artifacts", "run", "--destination-dir", tmp_path / "out"))
        clean(runner.run("prune-artifacts", "run", "--include-raw-output-artifacts"))
        assert provider.stop() == 0
