"""What is published again and with which build number: exactly what changed, and nothing else."""

import hashlib
import json
import os
import sqlite3
import subprocess

import pytest

from fake_stack import HOST, LAYERS, changed, snapshot

TIME = "2026-06-01T00:00:00Z"  # exclude-newer of the stack


def states(**published):
    """Every layer unchanged but these."""
    return {name: "published" if name.replace("-", "_") in published else "unchanged" for name in LAYERS}


def files_of(*layers, archives=True):
    """What publishing these layers writes, the manifest included."""
    names = {"__venvstacks__/venvstacks.json"}
    for layer in layers:
        names |= {f"__venvstacks__/env_metadata/{layer}.json"}
        if archives:
            names |= {f"{layer}.tar.zst", f"__venvstacks__/segments/{layer}.json", f"__venvstacks__/entries/{layer}.txt"}
    return names


def test_first(small):
    assert small.publish() == dict.fromkeys(LAYERS, "published")
    assert small.builds() == dict.fromkeys(LAYERS, 1)
    assert sorted(path.name for path in small.out.iterdir()) == ["__venvstacks__", "app-one.tar.zst", "app-three.tar.zst",
        "app-two.tar.zst", "base.tar.zst", "framework-low@1.tar.zst", "framework-plain.tar.zst"]
    assert sorted(path.name for path in (small.out / "__venvstacks__").iterdir()) == [
        "entries", "env_metadata", "segments", "venvstacks.json"]


def test_nothing_changed(small):
    """Not a byte is written, and none of a source is read: they are all gone."""
    small.publish()
    before = snapshot(small.out)
    small.forget_store()
    for wheel in small.wheels.iterdir():
        wheel.unlink()
    for archive in small.spec.parent.glob("*.tar"):
        archive.unlink()
    assert small.publish() == dict.fromkeys(LAYERS, "unchanged")
    assert small.publish("--jobs", "3") == dict.fromkeys(LAYERS, "unchanged")
    again = small.command("build", "--publish")
    assert [line.split()[:2] for line in again.ok().out.splitlines()] == [["unchanged", name] for name in LAYERS]
    assert snapshot(small.out) == before


def module_hash(**files):
    """As docs/formats/content-hash.md says, of {path: text}."""
    lines = [f"0644 {hashlib.sha256(text.encode()).hexdigest()} {len(text)} {path}\n" for path, text in files.items()]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def test_changed_launch_module(small):
    """The peer publishes the old code here, and exits 0."""
    small.publish()
    before, old = snapshot(small.out), small.metadata()
    assert old["app-three"]["app_launch_module_hash"] == module_hash(**{"three.py": "print(3)\n"})
    small.write("three.py", "print('new')\n")
    small.lock()
    assert small.publish() == states(app_three=True)
    assert changed(before, snapshot(small.out)) == files_of("app-three")
    new = small.metadata()
    assert small.builds() == {**dict.fromkeys(LAYERS, 1), "app-three": 2}
    assert new["app-three"]["app_launch_module_hash"] == module_hash(**{"three.py": "print('new')\n"})
    assert new["app-three"]["archive_hashes"] != old["app-three"]["archive_hashes"]
    told = subprocess.run(["tar", "--zstd", "-xOf", small.out / "app-three.tar.zst",
        "app-three/lib/python3.11/site-packages/three.py"], check=True, capture_output=True, text=True)
    assert told.stdout == "print('new')\n"

    small.write("three.py", "print(3)\n")  # the content is another one than what is published
    assert small.publish() == states(app_three=True)
    back = small.metadata()["app-three"]
    assert back["archive_build"] == 3
    assert {**back, "archive_build": 1} == old["app-three"]


@pytest.mark.parametrize("name, text, expected", [
    ("two/__main__.py", "print('new')\n", ["app-two"]),
    ("two/more.py", "", ["app-two"]),
    ("other.py", "OTHER = 2\n", ["app-two"]),
    ("shared.py", "SHARED = 2\n", ["app-one", "app-two"]),
])
def test_changed_module(small, name, text, expected):
    small.publish()
    before = snapshot(small.out)
    small.write(name, text)
    assert small.publish() == {layer: "published" if layer in expected else "unchanged" for layer in LAYERS}
    assert changed(before, snapshot(small.out)) == files_of(*expected)
    assert small.builds() == {layer: 2 if layer in expected else 1 for layer in LAYERS}


def test_mode_of_a_module(small):
    small.publish()
    (small.spec.parent / "three.py").chmod(0o755)
    assert small.publish() == states(app_three=True)
    (small.spec.parent / "three.py").chmod(0o775)  # the owner's bit alone counts
    assert small.publish() == states()


def test_module_becomes_an_executable(small):
    """The same name and bytes in another role are other inputs."""
    small.publish()
    small.write("prog", "#!/bin/sh\n")
    small.edit('launch_module = "three.py"', 'launch_module = "three.py"\nexecutables = ["prog"]')
    assert small.publish() == states(app_three=True)
    assert small.publish() == states()


def test_new_version_in_a_versioned_framework(small):
    """It gets another install target; the application that stands on it names that, the others stay."""
    small.publish()
    before = snapshot(small.out)
    small.add_wheel("lowpkg-2.0")
    small.edit('requirements = ["lowpkg"]\n\n[[frameworks]]', 'requirements = ["lowpkg>=2"]\n\n[[frameworks]]')
    small.lock()
    assert small.publish() == states(framework_low=True, app_one=True)
    assert changed(before, snapshot(small.out)) == files_of("framework-low", "app-one") - {"framework-low.tar.zst"} | {
        "framework-low@2.tar.zst"}
    metadata = small.metadata()
    low, one = metadata["framework-low"], metadata["app-one"]
    assert (low["install_target"], low["lock_version"], low["archive_build"]) == ("framework-low@2", 2, 1)
    assert (one["required_layers"], one["archive_build"]) == (["framework-low@2", "framework-plain"], 2)


def test_new_version_in_a_framework(small):
    """An install target without version: what stands on it has the same content as before, and its archives stay."""
    small.publish()
    before, old = snapshot(small.out), small.metadata()
    small.add_wheel("plainpkg-2.0")
    small.edit('requirements = ["plainpkg"]', 'requirements = ["plainpkg>=2"]')
    small.lock()
    assert small.publish() == states(framework_plain=True)
    assert changed(before, snapshot(small.out)) == files_of("framework-plain") | files_of("app-one", "app-two", archives=False)
    new = small.metadata()
    assert small.builds() == {**dict.fromkeys(LAYERS, 1), "framework-plain": 2}
    for layer in ("app-one", "app-two"):  # their metadata says that they were made from something else
        assert {key for key in new[layer] if new[layer][key] != old[layer][key]} <= {"inputs_hash", "requirements_hash"}
    assert small.publish() == states()


def test_lock_changed_for_another_platform_only(small):
    """The archive stays, byte for byte; the metadata names the lock it now belongs to."""
    small.publish()
    before, old = snapshot(small.out), small.metadata()
    small.add_wheel("winpkg-1.0")
    small.edit('requirements = ["plainpkg"]', "requirements = [\"plainpkg\", \"winpkg; sys_platform == 'win32'\"]")
    small.lock()
    assert small.publish() == states()
    written = changed(before, snapshot(small.out))
    assert written <= files_of("framework-plain", "app-one", "app-two", archives=False)
    lock = small.spec.parent / "requirements/framework-plain/pylock.framework-plain.toml"
    new = small.metadata()
    assert new["framework-plain"]["requirements_hash"] == "sha256:" + hashlib.sha256(lock.read_bytes()).hexdigest()
    assert new["framework-plain"]["requirements_hash"] != old["framework-plain"]["requirements_hash"]
    assert small.builds() == dict.fromkeys(LAYERS, 1)


def test_layer_that_is_no_longer_in_the_spec(small):
    small.publish()
    text = small.spec.read_text()
    start = text.index('[[applications]]\nname = "two"')
    small.spec.write_text(text[:start] + text[text.index('[[applications]]\nname = "three"'):])
    assert small.publish() == {name: "unchanged" for name in LAYERS if name != "app-two"}
    assert list(small.metadata()) == ["base", "framework-low", "framework-plain", "app-one", "app-three"]
    assert (small.out / "app-two.tar.zst").exists()  # what was published is not taken back


def test_missing_archive_is_made_again(small):
    """From the same inputs: the same bytes under the same build number."""
    small.publish()
    before = snapshot(small.out)
    (small.out / "app-one.tar.zst").unlink()
    assert small.publish() == states(app_one=True)
    assert {name: entry[0] for name, entry in snapshot(small.out).items()} == {
        name: entry[0] for name, entry in before.items()}


@pytest.mark.parametrize("size", [0, 100])
def test_cut_off_archive_is_made_again(small, size):
    small.publish()
    before = (small.out / "app-one.tar.zst").read_bytes()
    with open(small.out / "app-one.tar.zst", "r+b") as file:
        file.truncate(size)
    assert small.publish() == states(app_one=True)
    assert (small.out / "app-one.tar.zst").read_bytes() == before
    assert small.builds() == dict.fromkeys(LAYERS, 1)


def test_changed_dynlib_exclude(small):
    """What a layer leaves out of share/venv/dynlib is an input of it, though not of its lock: the layer is looked at again."""
    small.publish()
    old = small.metadata()
    small.edit('requirements = ["plainpkg"]', 'requirements = ["plainpkg"]\ndynlib_exclude = ["libplain*"]')
    assert small.publish() == states()  # it has no such library, so that its bytes are those from before
    new = small.metadata()
    assert [layer for layer in LAYERS if new[layer]["inputs_hash"] != old[layer]["inputs_hash"]] == [
        "framework-plain", "app-one", "app-two"]


def test_force(small):
    """Everything is made again, into the same bytes: no number rises, even where an archive was damaged."""
    small.publish()
    before = snapshot(small.out)
    archive = small.out / "app-one.tar.zst"
    archive.write_bytes(b"x" * archive.stat().st_size)
    assert small.publish("--force") == dict.fromkeys(LAYERS, "published")
    after = snapshot(small.out)
    assert {name: entry[0] for name, entry in after.items()} == {name: entry[0] for name, entry in before.items()}
    assert all(after[name][1] != before[name][1] for name in after if name.endswith(".tar.zst"))


@pytest.mark.parametrize("damage", ["{", "", "[]", '{"archive_build": -1}', None])
def test_metadata_is_lost(small, damage):
    """The manifest still knows the number, and the archive is compared by what is made again."""
    small.publish()
    small.write("three.py", "print('new')\n")
    small.publish()
    before = snapshot(small.out)
    metadata = small.out / "__venvstacks__/env_metadata/app-three.json"
    metadata.unlink() if damage is None else metadata.write_text(damage)
    small.publish()
    assert {name: entry[0] for name, entry in snapshot(small.out).items()} == {
        name: entry[0] for name, entry in before.items()}


def test_all_metadata_is_lost(small):
    small.publish()
    small.write("three.py", "print('new')\n")
    small.publish()
    subprocess.run(["rm", "-r", small.out / "__venvstacks__"], check=True)
    assert small.publish() == dict.fromkeys(LAYERS, "published")
    assert small.builds() == dict.fromkeys(LAYERS, 1)


@pytest.mark.parametrize("options, name, compressor", [
    (["--format", "zip"], "app-one.zip", "libdeflate"),
    (["--format", "tar.gz"], "app-one.tar.gz", "libdeflate"),
    (["--level", "5"], "app-one.tar.zst", "zstd"),
    (["--level", "fast", "--format", "tar.gz"], "app-one.tar.gz", "level 1"),
    (["--level", "max", "--format", "tar.gz"], "app-one.tar.gz", "level 12"),
])
def test_other_format(small, options, name, compressor):
    """Other bytes have another number; the content is the same, and what was published before is not taken away."""
    small.publish()
    old = small.metadata()
    assert small.publish(*options) == dict.fromkeys(LAYERS, "published")
    new = small.metadata()
    assert small.builds() == dict.fromkeys(LAYERS, 2)
    assert new["app-one"]["archive_name"] == name
    assert compressor in new["app-one"]["compressor"]
    assert {layer: data["content_hash"] for layer, data in new.items()} == {
        layer: data["content_hash"] for layer, data in old.items()}
    assert (small.out / "app-one.tar.zst").exists()
    assert small.publish(*options) == states()


def test_format_of_the_spec(small):
    small.edit("lock_urls = false", 'lock_urls = false\narchive_format = "tar.xz"')
    small.publish()
    assert small.metadata()["app-one"]["archive_name"] == "app-one.tar.xz"
    small.publish("--format", "tar")
    assert small.metadata()["app-one"]["archive_name"] == "app-one.tar"


def test_tags(small):
    """Archives of earlier builds stay where they are."""
    assert small.publish("--tag-outputs") == dict.fromkeys(LAYERS, "published")
    names = {name: layer["archive_name"] for name, layer in small.metadata().items()}
    assert names == {
        "base": f"base-{HOST}-1.tar.zst", "framework-low": f"framework-low@1-{HOST}-1.tar.zst",
        "framework-plain": f"framework-plain-{HOST}-1.tar.zst", "app-one": f"app-one-{HOST}-1.tar.zst",
        "app-two": f"app-two-{HOST}-1.tar.zst", "app-three": f"app-three-{HOST}-1.tar.zst"}
    before = snapshot(small.out)
    assert small.publish("--tag-outputs") == states()
    assert snapshot(small.out) == before
    small.write("three.py", "print('new')\n")
    assert small.publish("--tag-outputs") == states(app_three=True)
    assert small.metadata()["app-three"]["archive_name"] == f"app-three-{HOST}-2.tar.zst"
    assert snapshot(small.out)[f"app-three-{HOST}-1.tar.zst"] == before[f"app-three-{HOST}-1.tar.zst"]


def test_tags_put_on_and_taken_off(small):
    """Another name for the same bytes: the number stays."""
    small.publish()
    hashes = {name: layer["archive_hashes"] for name, layer in small.metadata().items()}
    assert small.publish("--tag-outputs") == dict.fromkeys(LAYERS, "published")
    assert small.metadata()["app-one"]["archive_name"] == f"app-one-{HOST}-1.tar.zst"
    small.publish("--no-tag-outputs")
    assert small.metadata()["app-one"]["archive_name"] == "app-one.tar.zst"
    assert small.builds() == dict.fromkeys(LAYERS, 1)
    assert {name: layer["archive_hashes"] for name, layer in small.metadata().items()} == hashes


def test_source_date_epoch(small):
    small.publish()
    assert {layer["archive_time"] for layer in small.metadata().values()} == {TIME}
    result = small.run("publish", "--store", small.store, small.spec, small.out, env={"SOURCE_DATE_EPOCH": "1000000000"})
    result.ok()
    assert {layer["archive_time"] for layer in small.metadata().values()} == {"2001-09-09T01:46:40Z"}
    assert {layer["locked_at"] for layer in small.metadata().values()} == {TIME}
    assert small.builds() == dict.fromkeys(LAYERS, 2)
    listed = subprocess.run(["tar", "--zstd", "--full-time", "-tvf", small.out / "app-one.tar.zst"], check=True,
        capture_output=True, text=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}).stdout
    assert {line.split()[3:5] == ["2001-09-09", "01:46:40"] for line in listed.splitlines()} == {True}


def test_dry_run(small):
    """It says what would be done, and does not even make the output folder."""
    assert small.publish("--dry-run") == dict.fromkeys(LAYERS, "pending")
    assert not small.out.exists()
    small.publish()
    small.write("three.py", "print('new')\n")
    before = snapshot(small.out)
    assert small.publish("-n") == {**states(), "app-three": "pending"}
    assert small.publish("-n", "--force") == dict.fromkeys(LAYERS, "pending")
    plain = small.command("publish", "--dry-run").ok()
    assert [line.split()[:2] for line in plain.out.splitlines()][-1] == ["pending", "app-three"]
    assert snapshot(small.out) == before


def test_folder_of_another_platform(small):
    """One folder holds one platform, so that no manifest speaks of archives that are not there."""
    small.publish()
    before = snapshot(small.out)
    refused = small.command("publish", "--platform", "win_amd64")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (f"lamina: '{small.out}' holds archives for {HOST}, not for win_amd64: give another folder, or all "
        "platforms in one run\n")
    assert snapshot(small.out) == before


def test_platforms_have_folders(small):
    result = small.command("publish", "--json", "--platform", "all").json()
    assert [(item["layer_name"], item["target_platform"]) for item in result["outputs"]] == [
        (layer, platform) for platform in (HOST, "win_amd64") for layer in LAYERS]
    assert sorted(path.name for path in small.out.iterdir()) == [HOST, "win_amd64"]
    host, windows = small.metadata(small.out / HOST), small.metadata(small.out / "win_amd64")
    assert result["manifests"] == {platform: json.loads((small.out / platform / "__venvstacks__/venvstacks.json").read_text())
        for platform in (HOST, "win_amd64")}
    assert {layer["target_platform"] for layer in windows.values()} == {"win_amd64"}
    assert [layer["archive_name"] for layer in windows.values()] == [
        "base.zip", "framework-low@1.zip", "framework-plain.zip", "app-one.zip", "app-two.zip", "app-three.zip"]
    assert [layer["bound_to_implementation"] for layer in windows.values()] == [False] + [True] * 5
    before = snapshot(small.out)
    two = small.command("publish", "--platform", "win_amd64", "--platform", HOST).ok()
    assert [line.split()[0] for line in two.out.splitlines()] == ["unchanged"] * 12
    assert snapshot(small.out) == before
    # the same platform alone, in its folder, is the same
    small.publish("--platform", "win_amd64", out=small.out / "win_amd64")
    assert snapshot(small.out) == before
    assert small.metadata(small.out / HOST) == host


def test_a_changed_source_of_one_platform(small):
    """Another runtime archive for Windows leaves the other platform alone; there it is in every layer with a launcher."""
    small.command("publish", "--platform", "all").ok()
    before = snapshot(small.out / HOST)
    import fake_stack
    digest = fake_stack.fake_runtime(small.spec.parent / "new.tar", [*fake_stack.WINDOWS, "LICENSE.txt"])
    old = hashlib.sha256((small.spec.parent / "win_amd64.tar").read_bytes()).hexdigest()
    small.edit(f'path = "win_amd64.tar"\nsha256 = "{old}"', f'path = "new.tar"\nsha256 = "{digest}"')
    small.lock()
    small.command("publish", "--platform", "all").ok()
    assert small.builds(small.out / "win_amd64") == {**dict.fromkeys(LAYERS, 1), "base": 2}
    assert {name for name in changed(before, snapshot(small.out / HOST)) if not name.startswith("__venvstacks__")} == set()


def test_catalogue(small, private_environment):
    """A row for every archive ever written from this machine."""
    small.publish()
    small.publish()
    small.write("three.py", "print('new')\n")
    small.publish()
    small.publish(out=small.folder / "elsewhere")
    path = private_environment / "home/.local/state/lamina/catalogue.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        rows = [dict(row) for row in db.execute("SELECT * FROM artifacts ORDER BY id")]
    assert [(row["layer"], row["archive_build"], row["place"]) for row in rows] == [
        *((layer, 1, f"{small.out}/{target}.tar.zst") for layer, target in zip(LAYERS, [
            "base", "framework-low@1", "framework-plain", "app-one", "app-two", "app-three"])),
        ("app-three", 2, f"{small.out}/app-three.tar.zst"),
        *((layer, 1, f"{small.folder}/elsewhere/{target}.tar.zst") for layer, target in zip(LAYERS, [
            "base", "framework-low@1", "framework-plain", "app-one", "app-two", "app-three"])),
    ]
    now = small.metadata()["app-three"]
    row = rows[6]
    assert (row["install_target"], row["platform"], row["lock_version"]) == ("app-three", HOST, 1)
    assert (row["archive_digest"], row["content_hash"], row["inputs_hash"], row["size_bytes"]) == (
        now["archive_hashes"]["sha256"], now["content_hash"], now["inputs_hash"], now["archive_size"])
    assert len(row["published_at"]) == 20 and row["published_at"].endswith("Z")


def test_ignored_files_do_not_count(small):
    """In a work tree of git, a file that is ignored changes nothing; one that is not tracked yet does."""
    git = ["git", "-C", small.spec.parent]
    subprocess.run([*git, "init", "-q"], check=True)
    small.write(".gitignore", "*.log\n")
    assert small.publish() == dict.fromkeys(LAYERS, "published")
    small.write("two/debug.log", "x")
    (small.spec.parent / "two/__pycache__").mkdir()
    small.write("two/__pycache__/__main__.cpython-311.pyc", "x")
    assert small.publish() == states()
    small.write("two/more.py", "x = 1\n")
    assert small.publish() == states(app_two=True)


def test_failing_leaves_everything_as_it_was(small):
    """The last layer's wheel is nowhere: the layers before it, which are made first, are not published either."""
    small.publish()
    small.add_wheel("lowpkg-2.0")
    small.add_wheel("lastpkg-1.0")
    small.edit('requirements = ["lowpkg"]\n\n[[frameworks]]', 'requirements = ["lowpkg>=2"]\n\n[[frameworks]]')
    small.edit('runtime = "base"\nrequirements = []', 'runtime = "base"\nrequirements = ["lastpkg"]')
    small.lock()
    before = snapshot(small.out)
    [wheel] = small.wheels.glob("lastpkg-*")
    data = wheel.read_bytes()
    wheel.unlink()
    failed = small.command("publish")
    assert (failed.code, failed.out) == (1, "")
    assert "lastpkg-1.0-py3-none-any.whl" in failed.err.splitlines()[-1]
    assert snapshot(small.out) == before
    wheel.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    failed = small.command("publish")
    assert (failed.code, failed.out) == (1, "")
    assert "lastpkg-1.0-py3-none-any.whl" in failed.err.splitlines()[-1]
    assert snapshot(small.out) == before
    wheel.write_bytes(data)
    assert small.publish() == states(framework_low=True, app_one=True, app_three=True)


def test_a_module_that_is_no_file(small):
    """Nobody waits for a pipe."""
    (small.spec.parent / "three.py").unlink()
    os.mkfifo(small.spec.parent / "three.py")
    failed = small.command("publish")
    assert failed.code == 2 and "three.py" in failed.err
    assert not small.out.exists()


def test_other_runtime_archive_than_the_spec_says(small):
    """The digest is the spec's; the file is another one."""
    archive = small.spec.parent / f"{HOST}.tar"
    data = bytearray(archive.read_bytes())
    data[600] ^= 1
    archive.write_bytes(data)
    failed = small.command("publish", "--include", "base")
    assert (failed.code, failed.out) == (4, "")
    assert f"{HOST}.tar" in failed.err.splitlines()[-1]
    archive.unlink()
    failed = small.command("publish", "--include", "base")
    assert (failed.code, failed.out) == (1, "")
    assert f"{HOST}.tar" in failed.err.splitlines()[-1]
    assert not list(small.out.glob("*.tar.zst"))


# beginnings of inputs_hash of app-three for Windows, and of content hashes: for Windows, and for Linux where nothing of the
# tester's Python takes part
INPUTS = "7cec3cd12e4bbd0c"
LAYOUT = {
    "base": ("7d8d1125186e86cc", ""),
    "framework-low": ("c80dfe5faf5204b3", "20966a46f47f71b2"),
    "framework-plain": ("8a718c43ac7f07e8", "e644b0e38e50bdec"),
    "app-one": ("eea3aba3714ebde7", "bcaf277af53783f6"),
    "app-two": ("bdfc3516b175adb9", "32c44915b46da524"),
    "app-three": ("225be2430fda2c06", "787b184b840366d9"),
}


def test_layout_has_a_number(small):
    """Equal inputs are taken for equal content. So when the code that lays out a layer changes, LAYER_LAYOUT in
    src/steps/plan.c must go up: raise it, and put what comes out then here."""
    small.command("publish", "--platform", "all").ok()
    host, windows = small.metadata(small.out / HOST), small.metadata(small.out / "win_amd64")
    found = {name: (windows[name]["content_hash"][7:23], "" if name == "base" else host[name]["content_hash"][7:23])
        for name in LAYERS}
    assert (windows["app-three"]["inputs_hash"][7:23], found) == (INPUTS, LAYOUT)
