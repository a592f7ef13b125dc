"""What is said when a lock cannot be made, and that everything is then as it was before."""

import os
import shutil

import pytest

import namespace
import web
from lock_stack import ALL, framework, on
from package_index import Index, native

LINUX, MAC, WINDOWS = "linux_x86_64", "macosx_arm64", "win_amd64"


@pytest.fixture
def locked(stack, index):
    """A stack with a valid lock of "one" (alpha 1.0) and "two" on it; the index has alpha 2.0 now."""
    index.add("alpha", "1.0")
    index.add("beta", "1.0")
    stack.layers(framework("one", "alpha") + framework("two", "beta", below=on("one")))
    stack.lock().ok()
    index.add("alpha", "2.0")
    index.add("beta", "2.0")
    return stack


@pytest.fixture
def fails(stack):
    """fails(code, text, *options): lock fails so, and no file of any lock changes, appears or goes away."""

    def check(code, text, *options, **run_options):
        before = stack.files()
        result = stack.lock(*options, **run_options)
        assert (result.code, result.err) == (code, text)
        assert stack.files() == before
        assert "lamina-layer" not in result.err
        return result

    return check


# uv's explanation, in the words of a stack

def test_no_such_package(locked, fails):
    locked.layers(framework("one", "alpha", "nothing-like-it"))
    fails(1, "lamina: layer 'one': no solution for linux_x86_64:\n"
        "  Because nothing-like-it was not found in the package registry and this layer needs nothing-like-it, we can conclude "
        "that your requirements are unsatisfiable.\n", "--reset-lock", "*")


def test_no_such_version(locked, fails):
    locked.layers(framework("one", "alpha>=3"))
    fails(1, "lamina: layer 'one': no solution for linux_x86_64:\n"
        "  Because only alpha<=2.0 is available and this layer needs alpha>=3, we can conclude that your requirements are "
        "unsatisfiable.\n", "--reset-lock", "*")


def test_the_upper_layer_fails(locked, fails):
    """Then the lower one, which would have a new lock, keeps its old one too."""
    locked.layers(framework("one", "alpha") + framework("two", "beta>=3", below=on("one")))
    fails(1, "lamina: layer 'two': no solution for linux_x86_64:\n"
        "  Because only beta<=2.0 is available and this layer needs beta>=3, we can conclude that your requirements are "
        "unsatisfiable.\n", "--reset-lock", "*")
    assert locked.packages("framework-one") == ["alpha==1.0"]


def test_a_conflict_with_a_lower_layer(stack, index, fails):
    index.add("alpha", "1.0", requires=["beta>=2"])
    index.add("beta", "1.0")
    index.add("beta", "2.0")
    stack.layers(framework("one", "beta<2") + framework("two", "alpha", below=on("one")), platforms=[LINUX, WINDOWS])
    fails(1, "lamina: layer 'two': no solution for linux_x86_64:\n"
        "  Because all versions of alpha depend on beta>=2 and beta==1.0, we can conclude that all versions of alpha cannot be "
        "used.\n"
        "  And because this layer needs alpha, we can conclude that your requirements are unsatisfiable.\n"
        "beta==1.0 is what the layer 'one' below provides\n")


def test_too_new_for_exclude_newer(stack, index, fails):
    index.add("alpha", "2.0", uploaded="2026-07-01T00:00:00Z")
    stack.layers(framework("one", "alpha"))
    result = stack.lock()
    assert result.code == 1
    assert "no solution for linux_x86_64:\n  Because there are no versions of alpha and this layer needs alpha" in result.err
    assert "  hint: `alpha` was filtered by `exclude-newer` to only include packages uploaded before 2026-06-01" in result.err
    assert stack.files() == {}


def test_for_another_python(stack, index, fails):
    index.add("alpha", "2.0", requires_python=">=3.13")
    stack.layers(framework("one", "alpha==2.0"))
    fails(1, "lamina: layer 'one': no solution for linux_x86_64:\n"
        "  Because alpha==2.0 requires Python >=3.13 and this layer needs alpha==2.0, we can conclude that your requirements are "
        "unsatisfiable.\n")


# wheels that are missing

def test_no_wheel_for_some_platforms(stack, index, fails):
    index.add("alpha", "2.0", native(WINDOWS), native(LINUX))
    stack.layers(framework("one", "alpha==2.0"), platforms=ALL)
    result = fails(1, "lamina: layer 'one': no solution for linux_aarch64:\n"
        "  Because alpha==2.0 has no linux_aarch64-compatible wheels and this layer needs alpha==2.0, we can conclude that your "
        "requirements are unsatisfiable.\n"
        "wheels are missing:\n"
        "  alpha 2.0 has no wheel for linux_aarch64, macosx_arm64, macosx_x86_64, win_arm64\n"
        'platforms that would work: platforms = ["linux_x86_64", "win_amd64"]\n')
    assert "environments" not in result.err


def test_different_packages_miss_wheels(stack, index, fails):
    index.add("alpha", "1.0", native(LINUX), native(WINDOWS))
    index.add("beta", "1.0", native(LINUX), native(MAC))
    stack.layers(framework("one", "alpha", "beta"), platforms=[LINUX, MAC, WINDOWS])
    result = stack.lock()
    assert result.code == 1
    assert result.err.endswith("wheels are missing:\n  alpha 1.0 has no wheel for macosx_arm64\n"
        "  beta 1.0 has no wheel for win_amd64\n"
        'platforms that would work: platforms = ["linux_x86_64"]\n')


def test_only_a_source_distribution(stack, index, fails):
    index.add_sdist("alpha", "2.0")
    stack.layers(framework("one", "alpha==2.0"), platforms=[LINUX, MAC])
    fails(1, "lamina: layer 'one': no solution for linux_x86_64:\n"
        "  Because alpha==2.0 has no usable wheels and this layer needs alpha==2.0, we can conclude that your requirements are "
        "unsatisfiable.\n"
        "wheels are missing:\n"
        "  alpha 2.0 has no wheel for linux_x86_64, macosx_arm64\n")
    assert index.taken == []  # it was not even looked at


def test_an_older_version_with_wheels_is_taken_instead(stack, index):
    index.add("alpha", "1.0")
    index.add_sdist("alpha", "2.0")
    stack.layers(framework("one", "alpha"), platforms=[LINUX, MAC])
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0"]


def test_glibc_too_old(stack, index, fails):
    index.add("alpha", "2.0", "cp311-cp311-manylinux_2_35_x86_64", "cp311-cp311-manylinux_2_34_x86_64")
    index.add("beta", "1.0", "cp311-cp311-manylinux_2_31_x86_64")
    stack.layers(framework("one", "alpha", "beta"))
    fails(1, "lamina: layer 'one': wheels are missing:\n"
        "  alpha 2.0 has no wheel for linux_x86_64 (glibc 2.28); it has one for linux_x86_64 (glibc 2.34)\n"
        "  beta 1.0 has no wheel for linux_x86_64 (glibc 2.28); it has one for linux_x86_64 (glibc 2.31)\n"
        'a newer target would do: linux_target = "glibc@2.34"\n')
    stack.layers(framework("one", "alpha", "beta", more='linux_target = "glibc@2.34"'))
    stack.lock().ok()


def test_macos_too_old(stack, index, fails):
    index.add("alpha", "2.0", "cp311-cp311-macosx_14_0_arm64", native(LINUX))
    stack.layers(framework("one", "alpha"), platforms=[LINUX, MAC])
    fails(1, "lamina: layer 'one': wheels are missing:\n"
        "  alpha 2.0 has no wheel for macosx_arm64 (macOS 13.0); it has one for macosx_arm64 (macOS 14.0); it has wheels for "
        "linux_x86_64\n"
        'platforms that would work: platforms = ["linux_x86_64"]\n'
        'a newer target would do: macosx_target = "14.0"\n')
    stack.layers(framework("one", "alpha", more='macosx_target = "14.0"'), platforms=[LINUX, MAC])
    stack.lock().ok()


def test_only_for_another_c_library(stack, index, fails):
    """What the resolver takes for a wheel of the platform, and is none for our target."""
    index.add("alpha", "2.0", "cp311-cp311-musllinux_1_2_x86_64", native(WINDOWS))
    stack.layers(framework("one", "alpha"), platforms=[LINUX, WINDOWS])
    fails(1, "lamina: layer 'one': wheels are missing:\n"
        "  alpha 2.0 has no wheel for linux_x86_64 (glibc 2.28); it has wheels for win_amd64\n"
        'platforms that would work: platforms = ["win_amd64"]\n')


# the world

def test_an_index_that_cannot_be_reached(locked, fails, server):
    url = locked.index.url()
    server.stop()
    fails(1, f"lamina: layer 'one': cannot fetch '{url}alpha/': Connection refused (os error 111)\n",
        env={"UV_HTTP_RETRIES": "0"})


def test_an_index_with_an_error(locked, fails, index):
    index.server.answers[f"/{index.place}/simple/beta/"] = [web.status(500)]
    fails(1, f"lamina: layer 'two': cannot fetch '{index.url()}beta/': HTTP status server error (500 Internal Server Error)\n",
        "--reset-lock", "*", env={"UV_HTTP_RETRIES": "0"})


def test_an_index_that_talks_nonsense(locked, index):
    index.answer(f"/{index.place}/simple/beta/", b"{", kind="application/vnd.pypi.simple.v1+json")
    before = locked.files()
    result = locked.lock("--reset-lock", "*")
    assert result.code == 1 and result.err.startswith("lamina: layer 'two': ")
    assert index.url() in result.err and locked.files() == before


def test_no_resolver(locked, fails):
    fails(1, "lamina: layer 'one': cannot find the resolver '/nowhere/uv': install uv, or give its path with --uv or LAMINA_UV\n",
        "--uv", "/nowhere/uv")
    empty = locked.folder / "empty"
    empty.mkdir()
    fails(1, "lamina: layer 'one': cannot find the resolver 'uv': install uv, or give its path with --uv or LAMINA_UV\n",
        env={"PATH": empty})
    fails(1, "lamina: layer 'one': cannot find the resolver 'no-uv': install uv, or give its path with --uv or LAMINA_UV\n",
        env={"LAMINA_UV": "no-uv"})


FAKES = {
    "fails": ("echo 'error: out of luck' >&2; exit 3", "out of luck"),
    "fails without a word": ("exit 1", "the resolver failed without a word"),
    "is killed": ("kill -9 $$", "the resolver '{program}' was ended by signal 9"),
    "fails at length": ("i=0; while [ $i -lt 600 ]; do echo 'error: no and no and no'; i=$((i+1)); done >&2; exit 1", None),
    "answers nothing": ("exit 0", None),
    "answers nonsense": ("echo 'hello = ' > pylock.toml", None),
    "answers another format": ("echo 'lock-version = \"9.0\"\npackages = []' > pylock.toml", None),
}


@pytest.mark.parametrize("fake", FAKES)
def test_a_resolver_that(locked, fake, tmp_path):
    script, text = FAKES[fake]
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    before = locked.files()
    result = locked.lock("--uv", program, "--reset-lock", "*")
    assert (result.code == 1 or fake.startswith("answers")) and result.code in (1, 2), result
    assert result.err.startswith("lamina: layer 'one': ") and len(result.err) < 5000
    if text is not None:
        assert result.err == f"lamina: layer 'one': {text.format(program=program)}\n"
    assert locked.files() == before
    assert not list((locked.store / "tmp").glob("resolve-*"))


def test_a_resolver_that_does_as_it_likes(stack, index, fails, tmp_path):
    """Its answer has another version than the layer below, which it was told to keep to."""
    index.add("alpha", "1.0")
    index.add("alpha", "2.0")
    stack.layers(framework("one", "alpha<2") + framework("two", "alpha", below=on("one")), platforms=[LINUX])
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\nsed -i 's/alpha==1.0/alpha==2.0/' pyproject.toml\nexec '{shutil.which('uv')}' \"$@\"\n")
    program.chmod(0o755)
    fails(1, "lamina: layer 'two': package 'alpha': version 2.0 is needed, but layer 'one' below provides 1.0 on linux_x86_64\n",
        "--uv", program)


# folders

def test_a_file_that_cannot_be_written(locked, fails):
    """Found out before the first of the files is replaced."""
    path = locked.path("framework-two", "packages")
    path.unlink()
    path.mkdir()
    fails(1, f"lamina: writing the lock of layer 'two': cannot write '{path}': Is a directory\n", "--reset-lock", "*")


def test_a_folder_that_cannot_be_made(locked, fails):
    locked.layers(framework("one", "alpha") + framework("three", "beta"))
    (locked.folder / "requirements" / "framework-three").write_text("in the way")
    fails(1, "lamina: writing the lock of layer 'three': cannot make folder "
        f"'{locked.folder}/requirements/framework-three': Not a directory\n", "--reset-lock", "*")


@pytest.mark.parametrize("mount, problem", [
    ("mount -t tmpfs -o size=64k none", "No space left on device"),
    ("mount -o bind,ro .", "Read-only file system"),
], ids=["full", "read-only"])
def test_a_disk_that_is(locked, mount, problem):
    namespace.need()
    requirements = locked.folder / "requirements"
    copy = locked.folder / "copy"
    os.rename(requirements, copy)
    requirements.mkdir()
    if problem.startswith("No"):  # filled to the last byte; a lock does not shrink
        script = f"{mount} {requirements}; cp -a {copy}/. {requirements}; cat /dev/zero > {requirements}/filler 2>/dev/null || true"
        check = f"diff -r --exclude=filler {copy} {requirements}"
    else:
        script = f"cp -a {copy}/. {requirements}; mount -o bind,ro {requirements} {requirements}"
        check = f"diff -r {copy} {requirements}"
    (locked.folder / "try").write_text(f"#!/bin/sh\n\"$@\"; code=$?; {check} || exit 99; exit $code\n")
    result = namespace.enter(script, "sh", locked.folder / "try", locked.lamina, "lock", "--store", locked.store, "--reset-lock",
        "*", locked.spec)
    assert (result.code, result.out) == (1, ""), result
    assert result.err.startswith("lamina: writing the lock of layer 'one': cannot write '") and result.err.endswith(f"': {problem}\n")
    assert result.err.count("\n") == 1


def test_leftovers_of_a_killed_run_are_cleared(locked):
    leftover = locked.path("framework-one").parent / ".pylock.framework-one.toml.0123456789abcdef.partial"
    leftover.write_text("half")
    locked.lock().ok()
    assert not leftover.exists()
    assert not list(locked.folder.rglob(".*"))


# a file at the index is another one than the one that was locked

@pytest.mark.parametrize("urls", ["true", "false"])
def test_another_file_at_the_index(stack, index, new_store, tmp_path, urls):
    """It is not used: exit code 4 and a sentence that names it."""
    index.add("alpha", "1.0", files={"alpha.py": b"good = True\n"})
    stack.layers(framework("one", "alpha"), lamina=f"lock_urls = {urls}")
    stack.lock().ok()
    index.add("alpha", "1.0", files={"alpha.py": b"evil = True\n"})
    stack.store = new_store()
    result = stack.run("build", "--include", "one", "--build-dir", tmp_path / "built", env={"UV_CACHE_DIR": tmp_path / "cache"})
    assert result.code == 4
    assert result.err.startswith("lamina: ") and "'alpha-1.0-py3-none-any.whl'" in result.err and result.err.count("\n") == 1
    assert not list(tmp_path.glob("built/**/alpha.py"))
    assert not any(b"evil" in path.read_bytes() for path in (stack.store / "sources").rglob("*")
        if path.is_file() and path.stat().st_size < 100_000)


def test_what_the_lock_names_is_gone(stack, index, new_store, tmp_path):
    index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"), lamina="lock_urls = false")
    stack.lock().ok()
    index.remove("alpha", "alpha-1.0-py3-none-any.whl")
    index.add("alpha", "2.0")
    stack.store = new_store()
    result = stack.run("build", "--include", "one", "--build-dir", tmp_path / "built", env={"UV_CACHE_DIR": tmp_path / "cache"})
    assert result.code == 1
    assert "layer 'one'" in result.err and "alpha" in result.err and "lamina-layer" not in result.err


def test_an_index_that_is_gone_when_a_build_needs_it(stack, index, server, new_store, tmp_path):
    """One sentence, whether the lock says where files are or the resolver is asked."""
    index.add("alpha", "1.0")
    url = index.url()
    for urls in ("true", "false"):
        stack.layers(framework("one", "alpha"), lamina=f"lock_urls = {urls}")
        stack.lock().ok()
        shutil.copytree(stack.folder, tmp_path / urls, symlinks=True)
    server.stop()
    spec = stack.spec
    env = {"UV_CACHE_DIR": tmp_path / "cache", "UV_HTTP_RETRIES": "0"}
    stack.store, stack.spec = new_store("a"), tmp_path / "false" / spec.name
    result = stack.run("build", "--include", "one", "--build-dir", tmp_path / "built", env=env)
    assert (result.code, result.err) == (1, "lamina: finding the files of layer 'one': "
        f"cannot fetch '{url}alpha/': Connection refused (os error 111)\n")
    stack.store, stack.spec = new_store("b"), tmp_path / "true" / spec.name
    result = stack.run("build", "--include", "one", "--build-dir", tmp_path / "built", env=env)
    assert result.code == 1
    assert result.err.startswith("lamina: cannot download 'alpha-1.0-py3-none-any.whl' from '") and result.err.count("\n") == 1


def test_a_build_whose_lock_fails(locked, tmp_path):
    """Nothing is built, and all locks are as they were."""
    locked.layers(framework("one", "alpha>=2") + framework("two", "beta>=3"))
    before = locked.files()
    result = locked.run("build", "--publish", "--build-dir", tmp_path / "built", "--output-dir", tmp_path / "out")
    assert (result.code, result.err) == (1, "lamina: layer 'two': no solution for linux_x86_64:\n"
        "  Because only beta<=2.0 is available and this layer needs beta>=3, we can conclude that your requirements are "
        "unsatisfiable.\n")
    assert locked.files() == before
    assert not (tmp_path / "built").exists() and not (tmp_path / "out").exists()
