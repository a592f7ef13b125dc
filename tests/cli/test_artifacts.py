"""lamina artifacts: what was published from this machine, what of it is there twice, and what a stack lacks."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from fake_stack import HOST, LAYERS

WINDOWS = "win_amd64"
TWIN = '[[frameworks]]\nname = "twin"\nruntime = "base"\nrequirements = ["plainpkg"]\n\n'
STATE = "home/.local/state/lamina"


@pytest.fixture
def artifacts(run_lamina):
    """artifacts(...) -> the list of --json; the exit code has to be that one."""
    def run(*args, code=0):
        result = run_lamina("artifacts", "--json", *args)
        assert (result.code, result.err) == (code, "")
        return json.loads(result.out)["artifacts"]
    return run


def states(items):
    """{(layer, platform): state}; each once."""
    found = {(item["layer_name"], item["target_platform"]): item["state"] for item in items}
    assert len(found) == len(items)
    return found


def table(result):
    """Lines as lists of words: state, layer, platform, ..."""
    return [line.split() for line in result.ok().out.splitlines()]


def test_nothing_published(run_lamina, artifacts, private_environment):
    result = run_lamina("artifacts")
    assert (result.code, result.out, result.err) == (0, "", "lamina: nothing was published from this machine yet\n")
    result = run_lamina("artifacts", "--duplicates")
    assert (result.code, result.out, result.err) == (
        0, "", "lamina: no content is published twice in different layers or for different platforms\n")
    assert artifacts() == []
    assert not (private_environment / STATE).exists()


def test_all_that_was_published(small, artifacts):
    small.publish()
    listed = artifacts()
    assert [item["layer_name"] for item in listed] == sorted(LAYERS)
    for name, layer in small.metadata().items():
        (item,) = [item for item in listed if item["layer_name"] == name]
        archive = small.out / layer["archive_name"]
        assert item["published_at"].endswith("Z") and len(item.pop("published_at")) == 20
        assert item == {
            "state": "published", "layer_name": name, "install_target": layer["install_target"], "target_platform": HOST,
            "path": str(archive), "size_bytes": archive.stat().st_size,
            "archive_hashes": {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}, "archive_build": 1,
            "lock_version": layer["lock_version"], "content_hash": layer["content_hash"], "inputs_hash": layer["inputs_hash"],
        }


def test_lines(small, run_lamina):
    small.publish()
    path = small.out / "app-three.tar.zst"
    result = run_lamina("artifacts", "-i", "app-three", cwd=small.folder)
    state, layer, platform, number, unit, day, time, place = table(result)[0]
    assert (state, layer, platform, unit, place) == ("published", "app-three", HOST, "kB", "out/app-three.tar.zst")
    assert float(number) == pytest.approx(path.stat().st_size / 1000, abs=0.05)
    assert (len(day), len(time)) == (10, 5)
    assert result.err.startswith(f"lamina: 1 published, {number} kB, ")
    assert run_lamina("artifacts", "-q", "-i", "app-three", cwd=small.folder).ok().err == ""


def test_replaced_and_gone(small, artifacts):
    """Of two archives of one place the second is there; a file that was removed is gone, as one of another size is."""
    small.publish()
    small.write("three.py", "print('new')\n")
    small.publish()
    (small.out / "app-two.tar.zst").unlink()
    with open(small.out / "app-one.tar.zst", "ab") as file:
        file.write(b"more")
    listed = artifacts("--include", "app-*")
    assert [(item["layer_name"], item["archive_build"], item["state"]) for item in listed] == [
        ("app-one", 1, "gone"), ("app-three", 2, "published"), ("app-three", 1, "replaced"), ("app-two", 1, "gone")]


def test_what_was_replaced_comes_back(small, artifacts):
    """A folder is removed and made again: first with other content, then with the first one, whose row is there already."""
    small.publish()
    first = small.metadata()["app-three"]["archive_hashes"]
    for text, at_last in (("print('new')\n", False), ("print(3)\n", True)):
        shutil.rmtree(small.out)
        small.write("three.py", text)
        small.publish()
        assert (small.metadata()["app-three"]["archive_hashes"] == first) is at_last
        found = {item["archive_hashes"] == first: item["state"] for item in artifacts("-i", "app-three")}
        assert found == {at_last: "published", not at_last: "replaced"}


@pytest.mark.parametrize(("options", "names"), [
    (["-i", "base"], {"base"}), (["-i", "framework-*"], {"framework-low", "framework-plain"}),
    (["-i", "low"], {"framework-low"}), (["-i", "framework-low@1"], set()), (["-i", "base", "-i", "app-one"], {"base", "app-one"}),
    (["-p", HOST], set(LAYERS)), (["-p", "all"], set(LAYERS)), (["-p", "macosx_arm64"], set()), (["-i", "nothing"], set()),
])
def test_some(locked, artifacts, tmp_path, options, names):
    locked.publish(out=tmp_path / "out")
    assert {item["layer_name"] for item in artifacts(*options)} == names


def test_none_of_them(locked, run_lamina, tmp_path):
    locked.publish(out=tmp_path / "out")
    result = run_lamina("artifacts", "-i", "nothing")
    assert (result.code, result.out, result.err) == (0, "", "lamina: no archive of the catalogue matches\n")


def test_duplicates(small, run_lamina, artifacts):
    """Two layers with the same packages, on two platforms. The same layer in two places is none."""
    small.edit('[[applications]]\nname = "one"', TWIN + '[[applications]]\nname = "one"')
    small.lock()
    small.publish()
    small.command("publish", "--platform", "all", out=small.folder / "all").ok()
    shutil.rmtree(small.out)
    same = {}
    for item in artifacts("--duplicates"):
        same.setdefault(item["content_hash"], []).append((item["layer_name"], item["target_platform"], item["state"]))
    assert sorted(same.values()) == [
        [(f"framework-{name}", platform, "published") for name in ("plain", "twin")] for platform in (HOST, WINDOWS)]
    lines = table(run_lamina("artifacts", "--duplicates"))
    assert [line[:2] for line in lines] == [
        ["published", "framework-plain"], ["published", "framework-twin"], [],
        ["published", "framework-plain"], ["published", "framework-twin"]]
    assert run_lamina("artifacts", "--duplicates").err.startswith("lamina: 4 published, 2 contents, ")


def test_duplicates_of_some(small, artifacts):
    """All are compared; told of are the contents of which one is asked for."""
    small.edit('[[applications]]\nname = "one"', TWIN + '[[applications]]\nname = "one"')
    small.lock()
    small.command("publish", "--platform", "all").ok()
    for options, platforms in ((["-i", "twin"], (HOST, WINDOWS)), (["-i", "plain", "-p", WINDOWS], (WINDOWS,)), (["-i", "low"], ())):
        listed = artifacts("--duplicates", *options)
        assert sorted((item["target_platform"], item["layer_name"]) for item in listed) == [
            (platform, f"framework-{name}") for platform in platforms for name in ("plain", "twin")]


def test_versions_of_a_layer_are_no_duplicates(small, artifacts):
    """`low` gets a package and loses it again: its third lock version has the content of the first."""
    small.publish()
    for packages in ('"lowpkg", "plainpkg"', '"lowpkg"'):
        text = small.spec.read_text()
        before, found, after = text.partition('versioned = true\nrequirements = [')
        small.spec.write_text(before + found + packages + after[after.index("]"):])
        small.lock()
        small.publish()
    listed = artifacts("-i", "low")
    assert [item["install_target"] for item in listed] == ["framework-low@3", "framework-low@2", "framework-low@1"]
    assert listed[0]["content_hash"] == listed[2]["content_hash"]
    assert artifacts("--duplicates") == []


def test_stack(small, run_lamina, artifacts):
    """What the layers are now counts, wherever it was published to; nothing is fetched or made for the answer."""
    every = {(layer, platform) for layer in LAYERS for platform in (HOST, WINDOWS)}
    missing = dict.fromkeys(every, "missing")
    listed = artifacts("--store", small.folder / "other", small.spec, code=3)
    assert states(listed) == missing
    assert [item["layer_name"] for item in listed[::2]] == LAYERS
    assert all(item == {"layer_name": item["layer_name"], "target_platform": item["target_platform"], "state": "missing",
        "reason": "not published as it is now"} for item in listed)
    assert [path for path in (small.folder / "other").rglob("*") if "sources" in path.parts and path.is_file()] == []

    small.publish()
    here = {key: "published" if key[1] == HOST else "missing" for key in every}
    assert states(artifacts(small.spec, code=3)) == here
    assert states(artifacts("-p", HOST, small.spec)) == {key: state for key, state in here.items() if key[1] == HOST}
    small.command("publish", "--platform", WINDOWS, out=small.folder / "windows").ok()
    assert states(artifacts(small.spec)) == dict.fromkeys(every, "published")

    small.write("three.py", "print('new')\n")
    changed = {key: "missing" if key[0] == "app-three" else "published" for key in every}
    assert states(artifacts(small.spec, code=3)) == changed
    shutil.rmtree(small.folder / "windows")
    gone = {key: "gone" if key[1] == WINDOWS and state == "published" else state for key, state in changed.items()}
    listed = artifacts(small.spec, code=3)
    assert states(listed) == gone
    assert states(artifacts("-i", "base", "-p", WINDOWS, small.spec, code=3)) == {("base", WINDOWS): "gone"}
    assert {item["path"] for item in listed if item["layer_name"] == "base"} == {
        str(small.out / "base.tar.zst"), str(small.folder / "windows/base.zip")}

    result = run_lamina("artifacts", "-i", "three", small.spec)
    assert result.code == 3
    assert [line.split() for line in result.out.splitlines()] == [
        ["missing", "app-three", platform, "not", "published", "as", "it", "is", "now"] for platform in (HOST, WINDOWS)]
    assert result.err.startswith("lamina: 2 missing, ") and result.err.endswith(
        "\nlamina: 'lamina build --publish' locks and publishes what is not there, with --platform for another platform\n")


def test_the_one_that_is_there(small, artifacts):
    """Of several archives of the same inputs one that is at its place is told of."""
    small.publish(out=small.folder / "a")
    small.publish(out=small.folder / "b")
    shutil.rmtree(small.folder / "a")
    (first,) = artifacts("-i", "base", "-p", HOST, small.spec)
    assert (first["state"], first["path"]) == ("published", str(small.folder / "b/base.tar.zst"))
    small.publish(out=small.folder / "a")
    shutil.rmtree(small.folder / "b")
    (first,) = artifacts("-i", "base", "-p", HOST, small.spec)
    assert (first["state"], first["path"]) == ("published", str(small.folder / "a/base.tar.zst"))


def test_not_locked(small, artifacts):
    small.publish()
    small.edit('name = "plain"\nruntime = "base"\nrequirements = ["plainpkg"]',
        'name = "plain"\nruntime = "base"\nrequirements = ["plainpkg", "lowpkg"]')
    listed = artifacts("-p", HOST, small.spec, code=3)
    assert {item["layer_name"]: item.get("reason") for item in listed} == {
        "base": None, "framework-low": None, "framework-plain": "to be locked", "app-three": None,
        "app-one": "to be locked", "app-two": "to be locked"}


def test_no_runtime(small, artifacts):
    """A platform that a layer declares and that has no runtime: told of when it is asked for."""
    small.publish()
    small.edit(f'platforms = ["{HOST}", "win_amd64"]', f'platforms = ["{HOST}", "win_amd64", "macosx_arm64"]')
    small.lock()
    assert {item["target_platform"] for item in artifacts("-i", "base", small.spec, code=3)} == {HOST, WINDOWS}
    (item,) = artifacts("-i", "base", "-p", "macosx_arm64", small.spec, code=3)
    assert (item["state"], item["reason"]) == ("missing", "no runtime archive is known")


WRONG = {
    "duplicates of a stack": (["--duplicates", "a.toml"], "--duplicates looks at the archives of all stacks, without 'a.toml'"),
    "two specs": (["a.toml", "b.toml"], "'b.toml' is one argument too many"),
    "empty spec": ([""], "the path of the stack spec is empty"),
    "no platform": (["-p", "linux_x86-64"], "there is no platform 'linux_x86-64', did you mean 'linux_x86_64'?"),
}


@pytest.mark.parametrize("row", WRONG)
def test_wrong_use(run_lamina, row):
    argv, text = WRONG[row]
    result = run_lamina("artifacts", *argv)
    assert (result.code, result.out, result.err) == (2, "", f"lamina: {text}\n")


def test_no_such_layer(locked, run_lamina):
    result = run_lamina("artifacts", "-i", "bas", locked.spec)
    assert (result.code, result.err) == (2, "lamina: no layer matches 'bas', did you mean 'base'?\n")
    result = run_lamina("artifacts", "--allow-missing", "-i", "bas", locked.spec)
    assert (result.code, result.out, result.err) == (0, "", "lamina: no selected layer is for this platform\n")


FOREIGN = "reading the catalogue '{path}': the row of '{place}' is none of lamina's; remove the file"
CATALOGUES = {
    "no digest": ("UPDATE artifacts SET archive_digest = 'x' WHERE layer = 'base'", 4, FOREIGN),
    "negative": ("UPDATE artifacts SET size_bytes = -1 WHERE layer = 'base'", 4, FOREIGN),
    "null": ("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', ''); PRAGMA writable_schema = RESET;"
        "UPDATE artifacts SET layer = NULL WHERE layer = 'base'", 4, FOREIGN),
    "a column less": ("ALTER TABLE artifacts RENAME COLUMN layer TO other", 4,
        "reading the catalogue '{path}': it has not the tables of a catalogue; remove the file"),
    "newer": ("PRAGMA user_version = 9", 1, "opening the catalogue: database '{path}' was written by a newer lamina (format 9, this one knows 1)"),
}


@pytest.mark.parametrize("row", CATALOGUES)
def test_catalogues_of_others(locked, run_lamina, private_environment, tmp_path, row):
    change, code, text = CATALOGUES[row]
    locked.publish(out=tmp_path / "out")
    path = private_environment / STATE / "catalogue.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(change)
    result = run_lamina("artifacts")
    said = text.format(path=path, place=tmp_path / "out/base.tar.zst")
    assert (result.code, result.out, result.err) == (code, "", f"lamina: {said}\n")


def test_a_state_folder_that_is_none(run_lamina, tmp_path, monkeypatch):
    """That it cannot be looked at does not mean that nothing was published."""
    (tmp_path / "state").write_text("")
    monkeypatch.setenv("LAMINA_STATE", str(tmp_path / "state"))
    result = run_lamina("artifacts")
    assert (result.code, result.out, result.err) == (
        1, "", f"lamina: opening the catalogue: '{tmp_path}/state' is a file, no folder\n")


def test_interrupted(locked, lamina, private_environment, tmp_path):
    """While another process has the catalogue for itself, so that it waits."""
    locked.publish(out=tmp_path / "out")
    path = private_environment / STATE / "catalogue.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("UPDATE artifacts SET published_at = published_at")
        holder.commit()
        with subprocess.Popen([lamina, "artifacts"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            files = pathlib.Path("/proc") / str(process.pid) / "fd"
            while process.poll() is None and not any(os.readlink(file) == str(path) for file in files.iterdir()):
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            holder.close()
            out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "lamina: interrupted\n")


@pytest.mark.parametrize("body", [b"", b"damaged" * 1000])
def test_damaged_catalogue(run_lamina, private_environment, body):
    """An empty file is a database with nothing in it."""
    path = private_environment / STATE / "catalogue.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    result = run_lamina("artifacts")
    if body:
        assert (result.code, result.out) == (4, "") and result.err.startswith("lamina: opening the catalogue: ")
    else:
        assert (result.code, result.err) == (0, "lamina: nothing was published from this machine yet\n")


def test_paths_of_any_bytes(small, run_lamina, artifacts):
    """Nothing in a path acts on the terminal, or makes a line of its own."""
    out = os.fsdecode(bytes(small.folder) + b"/a\x1b[31mb\nmissing  c\xff")
    small.publish(out=out)
    result = run_lamina("artifacts", "-i", "base", cwd=small.folder).ok()
    assert [line.split("  ")[-2:] for line in result.out.splitlines()] == [
        [r"a\x1b[31mb\x0amissing", r"c\xff/base.tar.zst"]]
    (item,) = artifacts("-i", "base")
    assert item["path"].endswith("/a\\x1b[31mb\nmissing  c\\xff/base.tar.zst")
