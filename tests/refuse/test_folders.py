"""Output folders that hold something else: nothing that lamina did not make is removed, and nothing that a run is made from."""

import os
import shutil

import pytest

from locked_stack import LockedStack, good

PLATFORM = "linux_aarch64"  # trees of another machine: nothing of them is run


@pytest.fixture
def stack(tmp_path):
    stack = LockedStack(tmp_path / "project" / "base")  # as the runtime layer is called
    stack.requirements = ["demo"]
    return stack.lock(good())


@pytest.fixture
def build(stack, run_lamina):
    """build(folder, *options) -> Result of building trees into a folder."""

    def build(folder, *options, command="build", env=None):
        more = ["--no-lock-if-needed"] if command == "build" else []
        return run_lamina(command, "--store", stack.store, "--local-wheels", stack.wheels, "--no-index", "--platform", PLATFORM, *more,
            *options, stack.spec, folder, env=env or stack.env())

    return build


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


@pytest.mark.parametrize("command", ["build", "local-export"])
def test_a_folder_of_somebody_else(stack, build, tmp_path, command):
    mine = tmp_path / "mine"
    (mine / "app-app").mkdir(parents=True)
    (mine / "app-app" / "precious").write_text("x")
    for options in ([], ["--force"], ["--clean"] if command == "build" else []):
        result = build(mine, *options, command=command)
        refused = mine if "--clean" in options else mine / "app-app"
        assert (result.code, result.out) == (1, ""), result
        assert result.err == f"lamina: '{refused}' was not made by lamina: remove it yourself if that is meant\n"
        assert files(mine) == ["app-app/precious"]
    (mine / "app-app" / "precious").unlink()
    build(mine, command=command).ok()  # an empty one is taken
    build(mine, "--force", command=command).ok()


def test_a_link_of_somebody_else(stack, build, tmp_path):
    """A link in the place of a tree that was built goes; never what it leads to."""
    mine, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    mine.mkdir()
    (mine / "base").symlink_to(elsewhere)
    assert build(mine).code == 1 and os.readlink(mine / "base") == str(elsewhere)
    (mine / "base").unlink()
    build(mine).ok()
    shutil.rmtree(mine / "base")
    (mine / "base").symlink_to(elsewhere)
    build(mine, "--force").ok()
    assert not (mine / "base").is_symlink() and files(elsewhere) == ["precious"]


def test_a_folder_that_is_a_link(stack, build, tmp_path):
    """--clean empties the folder that a link leads to, and follows no link in it."""
    build(tmp_path / "real").ok()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("x")
    (tmp_path / "real" / "way").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to("real")
    build(tmp_path / "link", "--clean").ok()
    assert (tmp_path / "link").is_symlink() and sorted(os.listdir(tmp_path / "real")) == ["__lamina__", "app-app", "base"]
    assert (tmp_path / "elsewhere" / "precious").exists()


@pytest.mark.parametrize("command", ["build", "local-export"])
def test_a_tree_in_the_place_of_the_spec(stack, build, command):
    """The folder of the spec is called as a layer is, and its parent is where the layers go."""
    before = files(stack.folder)
    result = build(stack.folder.parent, command=command)
    assert (result.code, result.out, result.err) == (2, "", f"lamina: '{stack.folder}' cannot be replaced: it holds the stack spec\n")
    assert [path for path in files(stack.folder) if not path.startswith("store/")] == before
    (stack.folder.parent / "__lamina__").mkdir()  # even where lamina builds usually
    assert build(stack.folder.parent, command=command).code == 2
    assert stack.spec.exists()


def test_a_tree_in_the_place_of_a_linked_spec(stack, build, tmp_path):
    """The project is reached through a link, its parent is not."""
    (tmp_path / "way").symlink_to(stack.folder)
    real, stack.spec = stack.spec, tmp_path / "way" / "venvstacks.toml"
    assert build(stack.folder.parent).code == 2
    assert real.exists()


def test_cleaning_what_holds_the_spec(stack, build, tmp_path):
    build(stack.folder).ok()  # trees beside the spec are fine
    for folder in (stack.folder, stack.folder.parent, tmp_path, stack.folder / ".." / ".."):
        (folder / "__lamina__").mkdir(exist_ok=True)
        result = build(folder, "--clean")
        assert (result.code, result.out) == (2, "") and result.err.endswith("cannot be replaced: it holds the stack spec\n"), result
        assert stack.spec.exists() and (stack.folder / "base").is_dir()


@pytest.mark.parametrize("what", ["store", "state"])
def test_cleaning_what_holds_the_store(stack, build, tmp_path, what):
    """The folder was built in before a store was put into it."""
    mine = tmp_path / "mine"
    build(mine).ok()
    setattr(stack, what, mine / "kept")
    stack.store.mkdir(exist_ok=True)
    stack.state.mkdir(exist_ok=True)
    result = build(mine, "--clean")
    said = "the store" if what == "store" else "the state folder"
    assert (result.code, result.err) == (2, f"lamina: '{mine}' cannot be replaced: it holds {said}\n"), result
    assert (mine / "base").is_dir()


def test_cleaning_by_a_name_of_a_platform(stack, build, tmp_path):
    """A folder is not ours because one in it is called linux_x86_64."""
    mine = tmp_path / "mine"
    (mine / "linux_x86_64").mkdir(parents=True)
    (mine / "precious").write_text("x")
    result = build(mine, "--clean")
    assert (result.code, result.err) == (1, f"lamina: '{mine}' was not made by lamina: remove it yourself if that is meant\n"), result
    assert files(mine) == ["precious"]


def test_cleaning_for_several_platforms(stack, build, tmp_path):
    mine = tmp_path / "mine"
    build(mine, "--platform", "macosx_arm64").ok()
    assert sorted(os.listdir(mine)) == ["linux_aarch64", "macosx_arm64"]
    (mine / "left over").write_text("x")
    build(mine, "--platform", "macosx_arm64", "--clean").ok()
    assert sorted(os.listdir(mine)) == ["linux_aarch64", "macosx_arm64"]
