"""Wheels in folders: when a lock is made, and when a layer is built from it."""

import os
import shutil

import pytest

from lock_stack import framework
from package_index import Index, make_wheel, sha256

LINUX, WINDOWS = "linux_x86_64", "win_amd64"


@pytest.fixture
def wheels(stack):
    """wheels("alpha", "1.0", folder=): put a wheel into a folder beside the spec."""

    def put(name, version="1.0", *tags, folder="wheels", **options):
        (stack.folder / folder).mkdir(parents=True, exist_ok=True)
        for tag in tags or ("py3-none-any",):
            file_name, data = make_wheel(name, version, tag, **options)
            (stack.folder / folder / file_name).write_bytes(data)
        return data

    return put


@pytest.fixture
def build(stack, new_store, tmp_path):
    """build(*options): build layer "one" with a store that has nothing; returns (Result, its site-packages or None)."""
    count = iter(range(100))

    def run(*options, store=None, **run_options):
        number = next(count)
        keep, stack.store = stack.store, store or new_store(f"store-{number}")
        result = stack.run("build", "--include", "one", "--build-dir", tmp_path / f"built-{number}", *options, **run_options)
        stack.store = keep
        found = list((tmp_path / f"built-{number}").glob("**/site-packages"))
        return result, found[0] if result.code == 0 else None

    return run


def test_a_newer_version_in_a_folder(stack, index, wheels):
    index.add("alpha", "1.0")
    wheels("alpha", "2.0")
    stack.layers(framework("one", "alpha"))
    stack.lock("--local-wheels", "wheels").ok()
    assert stack.packages("framework-one") == ["alpha==2.0"]
    stack.lock("--reset-lock", "*").ok()
    assert stack.packages("framework-one") == ["alpha==1.0"]


@pytest.mark.parametrize("how", ["relative to the spec", "absolute", "two folders"])
def test_no_index(stack, index, wheels, build, how):
    """Locked and built without asking anybody."""
    index.add("alpha", "9.0")
    data = wheels("alpha", "1.0", requires=["beta"])
    wheels("beta", "1.0", folder="more" if how == "two folders" else "wheels")
    options = {"relative to the spec": ["--local-wheels", "wheels"], "absolute": ["--local-wheels", stack.folder / "wheels"],
        "two folders": ["--local-wheels", "wheels", "--local-wheels", "more"]}[how]
    stack.layers(framework("one", "alpha"))
    stack.lock("--no-index", *options, cwd=stack.folder.parent).ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "beta==1.0"]
    (wheel,) = stack.pylock("framework-one")["packages"][0]["wheels"]
    assert wheel == {"path": "alpha-1.0-py3-none-any.whl", "size": len(data), "hashes": {"sha256": sha256(data)}}
    result, site = build("--no-index", *options, cwd=stack.folder.parent)
    assert (site / "alpha" / "__init__.py").read_text().startswith('__version__ = "1.0"'), result
    assert (site / "beta").is_dir()
    assert index.server.requests == []


@pytest.mark.parametrize("folder", ["my wheels", "100%", "ümläut", "%41"])
def test_sizes_of_local_wheels(stack, index, wheels, folder):
    """The resolver gives the place as a URL, in which a name of a folder may be spelled in another way, and no size."""
    data = wheels("alpha", "1.0", folder=folder)
    stack.layers(framework("one", "alpha"))
    stack.lock("--no-index", "--local-wheels", folder).ok()
    assert stack.pylock("framework-one")["packages"][0]["wheels"] == [
        {"path": "alpha-1.0-py3-none-any.whl", "size": len(data), "hashes": {"sha256": sha256(data)}}]


@pytest.mark.parametrize("place", ["/nowhere%4", "/%", "/%zz"])
def test_a_place_that_is_spelled_badly(stack, index, wheels, tmp_path, place):
    """Of a resolver that answers so the size is not known."""
    data = wheels("alpha", "1.0")
    stack.layers(framework("one", "alpha"))
    program = tmp_path / "uv"
    spelled = f's|url = "file:[^"]*"|name = "alpha-1.0-py3-none-any.whl", url = "file://{place}"|'
    program.write_text(f"#!/bin/sh\n'{shutil.which('uv')}' \"$@\" && sed -i '{spelled}' pylock.toml\n")
    program.chmod(0o755)
    stack.lock("--uv", program, "--no-index", "--local-wheels", "wheels").ok()
    assert stack.pylock("framework-one")["packages"][0]["wheels"] == [
        {"path": "alpha-1.0-py3-none-any.whl", "hashes": {"sha256": sha256(data)}}]


def test_no_index_and_nothing_there(stack, index):
    index.add("alpha", "9.0")
    stack.layers(framework("one", "alpha"))
    result = stack.lock("--no-index")
    assert result.code == 1
    assert result.err.startswith("lamina: layer 'one': no solution for linux_x86_64:\n  Because alpha was not found in the provided "
        "package locations and this layer needs alpha, we can conclude that your requirements are unsatisfiable.\n"), result.err
    assert index.server.requests == []


def test_a_build_without_index_names_all_that_is_missing(stack, index, wheels, build):
    for name in ("alpha", "beta", "gamma"):
        index.add(name, "1.0")
    wheels("beta", "1.0")
    stack.layers(framework("one", "alpha", "beta", "gamma"))
    stack.lock().ok()
    asked = len(index.server.requests)
    result, _ = build("--no-index", "--local-wheels", "wheels")
    assert (result.code, result.err) == (1, "lamina: cannot find 'alpha-1.0-py3-none-any.whl', 'gamma-1.0-py3-none-any.whl' "
        f"(looked in '{stack.folder}/wheels'); put them into a folder that is named with --local-wheels\n")
    assert len(index.server.requests) == asked


def test_a_folder_of_local_wheels_that_is_not_there(stack, index):
    index.add("alpha")
    stack.layers(framework("one", "alpha"))
    result = stack.lock("--local-wheels", "nowhere")
    assert (result.code, result.err) == (1,
        f"lamina: layer 'one': there is no folder '{stack.folder}/nowhere', which --local-wheels names\n")
    stack.layers(framework("one", "alpha"), uv='find-links = ["venvstacks.toml"]')
    result = stack.lock()
    assert (result.code, result.err) == (1,
        f"lamina: layer 'one': there is no folder '{stack.folder}/venvstacks.toml', which find-links names\n")


def test_find_links_of_the_spec(stack, index, wheels, build):
    """A folder beside the spec: it counts when a lock is made and when a layer is built."""
    index.add("alpha", "1.0")
    wheels("alpha", "2.0")
    stack.layers(framework("one", "alpha"), uv='find-links = ["wheels"]', lamina="lock_urls = false")
    stack.lock(cwd=stack.folder.parent).ok()
    assert stack.packages("framework-one") == ["alpha==2.0"]
    asked = len(index.server.requests)
    _, site = build(cwd=stack.folder.parent)
    assert '"2.0"' in (site / "alpha" / "__init__.py").read_text()
    assert len(index.server.requests) == asked


def test_no_index_of_the_spec(stack, index, wheels, build):
    index.add("alpha", "9.0")
    wheels("alpha", "2.0")
    stack.layers(framework("one", "alpha"), uv='find-links = ["wheels"]\nno-index = true')
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==2.0"]
    result, site = build()
    assert '"2.0"' in (site / "alpha" / "__init__.py").read_text()
    (stack.folder / "wheels" / "alpha-2.0-py3-none-any.whl").unlink()
    result, _ = build()
    assert (result.code, result.err) == (1, "lamina: cannot find 'alpha-2.0-py3-none-any.whl' "
        f"(looked in '{stack.folder}/wheels'); put it into a folder that is named with --local-wheels\n")
    assert index.server.requests == []


@pytest.mark.parametrize("urls", ["true", "false"])
def test_find_links_of_the_spec_that_are_a_page(stack, index, server, build, urls):
    """A URL: a page with links to wheels, also without any index."""
    links = Index(server, "links")
    made = links.add("alpha", "2.0")
    (name,) = made
    page = (f'<a href="{server.url(f"/{links.place}/files/{name}")}#sha256={sha256(made[name])}" '
        f'data-core-metadata="sha256={sha256(links.metadata(name))}">{name}</a>').encode()
    links.answer(f"/{links.place}/page.html", page, kind="text/html")
    index.add("alpha", "9.0")
    stack.layers(framework("one", "alpha"), lamina=f"lock_urls = {urls}",
        uv=f'find-links = ["{server.url(f"/{links.place}/page.html")}"]\nno-index = true')
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==2.0"]
    result, site = build()
    assert '"2.0"' in (site / "alpha" / "__init__.py").read_text(), result
    assert index.pages == [] and links.taken[-1] == name


def test_pip_find_links(stack, index, wheels, build, tmp_path):
    """It says where wheels are when a layer is built; what is locked does not depend on it."""
    index.add("alpha", "1.0")
    wheels("alpha", "1.0", folder="pip links")  # the same bytes
    wheels("alpha", "8.0", folder="pip links")
    os.rename(stack.folder / "pip links", tmp_path / "links")
    stack.layers(framework("one", "alpha"), lamina="lock_urls = false")
    env = {"PIP_FIND_LINKS": f"https://example.invalid/links {tmp_path}/links /nowhere"}
    stack.lock(env=env).ok()
    assert stack.packages("framework-one") == ["alpha==1.0"]
    asked = len(index.server.requests)
    _, site = build(env=env)
    assert '"1.0"' in (site / "alpha" / "__init__.py").read_text()
    assert len(index.server.requests) == asked
    result, _ = build("--no-index", env={"PIP_FIND_LINKS": "/nowhere"})
    assert result.code == 1 and "(looked in '/nowhere')" in result.err


def test_a_local_wheel_with_other_bytes(stack, index, wheels, build):
    """It is passed over with a warning, and the index has the right one."""
    index.add("alpha", "1.0", files={"alpha.py": b"good = True\n"})
    wheels("alpha", "1.0", files={"alpha.py": b"evil = True\n"})
    stack.layers(framework("one", "alpha"), lamina="lock_urls = false")
    stack.lock().ok()
    result, site = build("--local-wheels", "wheels")
    assert (site / "alpha.py").read_text() == "good = True\n"
    assert (f"warning: '{stack.folder}/wheels/alpha-1.0-py3-none-any.whl' is not the file that was locked (its digest differs) "
        "and is passed over\n") in result.err
    result, _ = build("--local-wheels", "wheels", "--no-index")
    assert result.code == 1 and "cannot find 'alpha-1.0-py3-none-any.whl'" in result.err


def test_versions_of_platforms_are_found_again(stack, index, build):
    """Without URLs, the files of two versions of one package are looked up together."""
    for version in ("1.0", "2.0"):
        index.add("alpha", version)
    stack.layers(framework("one", "alpha<2; sys_platform == 'win32'", "alpha>=2; sys_platform != 'win32'"),
        platforms=[LINUX, WINDOWS], lamina="lock_urls = false")
    stack.lock().ok()
    _, site = build()
    assert '"2.0"' in (site / "alpha" / "__init__.py").read_text()


def test_a_direct_url_is_found_again(stack, index, build):
    index.add("alpha", "2.0")
    stack.layers(framework("one", f"alpha @ {index.server.url(f'/{index.place}/files/alpha-2.0-py3-none-any.whl')}"),
        lamina="lock_urls = false")
    stack.lock().ok()
    _, site = build()
    assert '"2.0"' in (site / "alpha" / "__init__.py").read_text()
    assert index.pages == []


def test_the_store_comes_first(stack, index, build, new_store):
    """What is there already is not asked for."""
    index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"), lamina="lock_urls = false")
    stack.lock().ok()
    store = new_store("kept")
    build(store=store)
    asked = len(index.server.requests)
    _, site = build("--no-index", store=store)
    assert (site / "alpha").is_dir() and len(index.server.requests) == asked
