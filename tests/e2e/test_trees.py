"""Layers as folders: `lamina build` and `lamina local-export`. They run where they are, and only what changed is made again."""

import json
import os
import shutil
import subprocess

import pytest

import deploy
from fake_stack import HOST, LAYERS, changed, snapshot

HTTP = ["--include", "http-import", "--include-dependencies"]
PLACES = ["cpython-3.11", "framework-http-client", "app-http-import"]
SITE = "lib/python3.11/site-packages"


def runs(folder):
    """The application of the sample that uses httpx, started in an environment that has nothing."""
    done = subprocess.run([folder / "app-http-import/bin/python", "-m", "http_import"], cwd="/", env={}, capture_output=True,
        text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["modules"]["httpx"] == f"framework-http-client/{SITE}/httpx/__init__.py"


def words(result):
    return [tuple(line.split()[:2]) for line in result.ok().out.splitlines()]


def tree(folder):
    """{path: content} without what postinstall.py writes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name == "__pycache__" or path.parent.name == "__pycache__" or path.is_dir():
            continue
        mode = path.lstat().st_mode
        found[path.relative_to(folder).as_posix()] = (mode, os.readlink(path) if path.is_symlink() else path.read_bytes(),
            int(path.lstat().st_mtime))
    for name in ("pyvenv.cfg", f"{SITE}/sitecustomize.py"):
        found.pop(name, None)
    return found


@pytest.mark.network
@pytest.mark.parametrize("command, verb, folder", [("build", "built", "_build"), ("local-export", "exported", "_export")])
def test_tree_of_the_sample(run_lamina, sample, warm_store, tmp_path, command, verb, folder):
    """In the default folder beside the spec, from any working folder; ready to run; equal to what is published."""
    spec = sample / "venvstacks.toml"
    result = run_lamina(command, "--store", warm_store, *HTTP, spec, cwd="/")
    assert words(result) == [(verb, layer) for layer in PLACES]
    out = sample / folder
    assert runs(out)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith("__")) == sorted(PLACES)
    run_lamina("publish", "--store", warm_store, *HTTP, "--format", "tar", spec, tmp_path / "published").ok()
    for layer in PLACES:
        deploy.unpack(tmp_path / "published" / f"{layer}.tar", tmp_path / "unpacked")
        assert tree(out / layer) == tree(tmp_path / "unpacked" / layer)

    before = snapshot(out)
    again = run_lamina(command, "--store", tmp_path / "no store", "--no-index", *HTTP, spec)
    assert words(again) == [("unchanged", layer) for layer in PLACES]
    assert snapshot(out) == before

    with open(sample / "support_modules/where_from.py", "a") as file:
        file.write("# changed\n")
    changed_one = run_lamina(command, "--store", warm_store, *HTTP, spec)
    assert words(changed_one) == [("unchanged", PLACES[0]), ("unchanged", PLACES[1]), (verb, PLACES[2])]
    assert (out / "app-http-import" / SITE / "where_from.py").read_text().endswith("# changed\n")
    names = changed(before, snapshot(out))
    assert {name.split("/")[0] for name in names} <= {"app-http-import", "__lamina__", "__venvstacks__"}
    assert runs(out)

    out.rename(tmp_path / "moved here")  # the next run finds out
    assert words(run_lamina(command, "--store", warm_store, *HTTP, spec, tmp_path / "moved here")) == [
        ("unchanged", layer) for layer in PLACES]
    assert runs(tmp_path / "moved here")
    assert str(out) not in (tmp_path / "moved here/app-http-import/pyvenv.cfg").read_text()


@pytest.mark.network
def test_an_application_before_its_runtime(run_lamina, sample, warm_store, tmp_path):
    """Built alone it cannot be made ready, and says so. It is ready when its runtime is there."""
    alone = run_lamina("build", "--store", warm_store, "--include", "http-import", sample / "venvstacks.toml", tmp_path / "out")
    assert words(alone) == [("built", "app-http-import")]
    assert f"'app-http-import' is not made ready to run: its runtime is not in '{tmp_path / 'out'}'" in alone.err
    rest = run_lamina("build", "--store", warm_store, *HTTP, sample / "venvstacks.toml", tmp_path / "out")
    assert words(rest) == [("built", PLACES[0]), ("built", PLACES[1]), ("unchanged", PLACES[2])]
    assert "not made ready" not in rest.err
    assert runs(tmp_path / "out")


def windows(small, command, *args):
    """Trees that are not run: no postinstall.py, so they have just the layer's content."""
    return small.command(command, "--platform", "win_amd64", *args)


def test_metadata_of_an_export(small):
    windows(small, "local-export").ok()
    manifest = json.loads((small.out / "__venvstacks__/venvstacks.json").read_text())
    layers = {layer["layer_name"]: layer for kind in ("runtimes", "frameworks", "applications")
        for layer in manifest["layers"][kind]}
    assert list(layers) == LAYERS
    for name, layer in layers.items():
        assert json.loads((small.out / "__venvstacks__/env_metadata" / f"{name}.json").read_text()) == layer
        assert not [key for key in layer if key.startswith(("archive", "content"))]
        assert (small.out / layer["install_target"] / "postinstall.py").is_file()
    two = layers["app-two"]
    assert {key: value for key, value in two.items() if not key.endswith("_hash") and key != "app_support_modules"} == {
        "app_launch_module": "two", "bound_to_implementation": True, "install_target": "app-two", "layer_name": "app-two",
        "lock_version": 1, "locked_at": "2026-06-01T00:00:00Z", "python_implementation": "cpython@3.11.11",
        "required_layers": ["framework-plain"], "runtime_layer": "base"}
    assert [module["name"] for module in two["app_support_modules"]] == ["shared", "other"]


def test_windows_tree(small):
    """What the layout of Windows is, and that nothing of it is a link."""
    windows(small, "build").ok()
    assert sorted(path.relative_to(small.out).as_posix() for path in (small.out / "app-one").rglob("*") if path.is_file()) == [
        f"app-one/{name}" for name in ("Lib/site-packages/one.py", "Lib/site-packages/shared.py", "Scripts/python.exe",
            "Scripts/pythonw.exe", "postinstall.py", "share/venv/metadata/venvstacks_layer.json")]
    assert not [path for path in small.out.rglob("*") if path.is_symlink()]
    assert (small.out / "framework-low@1/Lib/site-packages/lowpkg.py").read_text() == "VERSION = 'lowpkg-1.0'\n"
    assert not list(small.out.rglob("pyvenv.cfg"))  # postinstall.py writes it, on Windows


def test_platforms_side_by_side(small):
    small.edit(f'platforms = ["{HOST}", "win_amd64"]', 'platforms = ["macosx_arm64", "win_amd64"]')
    small.edit(f'platform = "{HOST}"', 'platform = "macosx_arm64"')
    small.lock()
    result = small.command("local-export", "--platform", "all", "--json").json()
    assert [(item["layer_name"], item["target_platform"], item["path"]) for item in result["outputs"]][::6] == [
        ("base", "macosx_arm64", f"{small.out}/macosx_arm64/base"), ("base", "win_amd64", f"{small.out}/win_amd64/base")]
    assert os.readlink(small.out / "macosx_arm64/app-one/bin/python") == "../../base/bin/python3.11"
    assert (small.out / "win_amd64/app-one/Scripts/python.exe").is_file()


@pytest.mark.parametrize("command", ["build", "local-export"])
def test_only_what_changed(small, command):
    windows(small, command).ok()
    before = snapshot(small.out)
    assert [state for state, _ in words(windows(small, command))] == ["unchanged"] * 6
    assert snapshot(small.out) == before
    small.write("shared.py", "SHARED = 2\n")
    dry = windows(small, command, "--dry-run")
    verb = "built" if command == "build" else "exported"
    assert words(dry) == [("pending" if layer in ("app-one", "app-two") else "unchanged", layer) for layer in LAYERS]
    assert snapshot(small.out) == before
    assert words(windows(small, command)) == [
        (verb if layer in ("app-one", "app-two") else "unchanged", layer) for layer in LAYERS]
    names = {name.split("/")[0] for name in changed(before, snapshot(small.out))}
    assert names <= {"app-one", "app-two", "__lamina__", "__venvstacks__"}
    assert (small.out / "app-two/Lib/site-packages/shared.py").read_text() == "SHARED = 2\n"
    assert words(windows(small, command, "--force")) == [(verb, layer) for layer in LAYERS]


@pytest.mark.parametrize("command", ["build", "local-export"])
def test_what_is_no_longer_in_a_layer_goes(small, command):
    """A tree is replaced whole: a module that was removed, and what somebody left there, are gone."""
    windows(small, command).ok()
    (small.out / "app-two/Lib/site-packages/stray.py").write_text("")
    small.edit('support_modules = ["shared.py", "other.py"]', 'support_modules = ["shared.py"]')
    windows(small, command).ok()
    assert sorted(path.name for path in (small.out / "app-two/Lib/site-packages").iterdir()) == ["shared.py", "two"]


@pytest.mark.parametrize("command", ["build", "local-export"])
def test_dry_run_makes_no_folder(small, command):
    assert words(windows(small, command, "--dry-run")) == [("pending", layer) for layer in LAYERS]
    assert not small.out.exists()


@pytest.mark.parametrize("command", ["build", "local-export"])
def test_clean(small, command):
    """Everything goes, also layers of before; a folder that is not ours is left alone."""
    windows(small, command).ok()
    (small.out / "old-layer").mkdir()
    (small.out / "old-layer/file").write_text("")
    assert words(windows(small, command, "--clean", "--dry-run"))[0][1] == "base"
    assert (small.out / "old-layer/file").exists()
    verb = "built" if command == "build" else "exported"
    assert words(windows(small, command, "--clean")) == [(verb, layer) for layer in LAYERS]
    assert not (small.out / "old-layer").exists()

    foreign = small.folder / "home"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    refused = small.command(command, "--platform", "win_amd64", "--clean", out=foreign)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"lamina: '{foreign}' was not made by lamina: remove it yourself if that is meant\n"
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]
    shutil.rmtree(foreign)
    foreign.mkdir()
    small.command(command, "--platform", "win_amd64", "--clean", out=foreign).ok()  # an empty one is nobody's


@pytest.mark.parametrize("command", ["build", "local-export"])
def test_clean_takes_no_archives_away(small, command):
    """Neither a folder that has published archives, nor one that only has names in it that ours could have."""
    published = small.folder / "published"
    small.publish(out=published)
    before = snapshot(published)
    refused = small.command(command, "--platform", "win_amd64", "--clean", out=published)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"lamina: '{published}' holds published archives: trees go into another folder\n"
    assert snapshot(published) == before

    foreign = small.folder / "home"
    (foreign / "win_amd64").mkdir(parents=True)
    (foreign / "win_amd64/thesis.txt").write_text("years of work")
    refused = small.command(command, "--platform", "all", "--clean", out=foreign)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"lamina: '{foreign}' was not made by lamina: remove it yourself if that is meant\n"
    assert (foreign / "win_amd64/thesis.txt").exists()


def test_archives_and_trees_do_not_mix(small):
    small.publish(out=small.folder / "published")
    before = snapshot(small.folder / "published")
    refused = small.command("local-export", out=small.folder / "published")
    assert (refused.code, refused.out, refused.err) == (
        1, "", f"lamina: '{small.folder}/published' holds published archives: trees go into another folder\n")
    assert snapshot(small.folder / "published") == before
    windows(small, "local-export").ok()
    before = snapshot(small.out)
    refused = windows(small, "publish")
    assert (refused.code, refused.out, refused.err) == (
        1, "", f"lamina: '{small.out}' holds exported layers: publish into another folder\n")
    assert snapshot(small.out) == before


def test_build_and_publish_in_one_run(small):
    """With --build, trees are written beside the spec and archives where the second path says."""
    result = small.command("build", "--platform", "win_amd64", "--build", "--publish")
    assert words(result) == [("published", layer) for layer in LAYERS]
    assert (small.spec.parent / "_build/app-one/postinstall.py").is_file()
    assert (small.out / "app-one.zip").is_file()


def test_a_file_where_the_folder_should_be(small):
    small.out.write_text("")
    for command in ("build", "local-export", "publish"):
        refused = windows(small, command)
        assert refused.code == 1
        assert refused.err.splitlines()[-1].startswith("lamina: ")
        assert str(small.out) in refused.err.splitlines()[-1] and "Not a directory" in refused.err.splitlines()[-1]
        assert small.out.read_text() == ""
