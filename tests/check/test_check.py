"""lamina check: builds again, compares, says what differs, leaves nothing behind."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess

import pytest

from handmade import Entry, rewrite, unzstd, zstd
from fake_stack import HOST, LAYERS, snapshot

SITE = "lib/python3.11/site-packages"
META = "__venvstacks__"


@pytest.fixture
def text(small):
    """text(...) -> the Result of `lamina check` for people."""

    def run(*args, expected=None, **options):
        return small.run("check", "--no-index", "--local-wheels", small.wheels, "--store", small.store, "--expected",
            expected or small.out, *args, small.spec, **options)

    return run


def different(report):
    return {layer["layer_name"]: layer for layer in report["layers"] if layer["state"] != "equal"}


def one_changed(small, layer="app-one", body=b"other"):
    """Something is expected that is not what comes out."""
    rewrite(small.out, layer, lambda entries: [*entries[:-1], entries[-1].but(body=body)])


def test_equal(text):
    result = text()
    assert (result.code, result.out) == (0, "".join(f"equal      {name}  {HOST}\n" for name in LAYERS) + "6 layers, all equal\n")


def test_nothing_is_left_behind(small, text, private_environment):
    before = snapshot(small.out), snapshot(small.spec.parent)
    text().ok()
    one_changed(small)
    expected = snapshot(small.out)
    assert text().code == 3
    assert snapshot(small.spec.parent) == before[1] and snapshot(small.out) == expected
    assert list((small.store / "tmp").iterdir()) == []
    catalogue = private_environment / "home/.local/state/lamina/catalogue.sqlite"
    assert not catalogue.exists() or sqlite3.connect(catalogue).execute("select count(*) from artifacts").fetchone() == (0,)


def test_different(small, text):
    one_changed(small)
    result = text()
    lines = result.out.splitlines()
    assert result.code == 3 and lines[-1] == "1 of 6 layers differs"
    assert lines[:3] == [f"equal      {name}  {HOST}" for name in LAYERS[:3]]
    assert lines[3:6] == [f"different  app-one  {HOST}",
        "  changed  share/venv/metadata/venvstacks_layer.json: bytes, size 5 -> 364 [lamina]",
        "  note: both say that they were made from the same inputs"]


def test_a_changed_source(small, check):
    """Who changes a module and does not publish is told so, and what it means."""
    small.write("shared.py", "SHARED = 2\n")
    layers = different(check())
    assert set(layers) == {"app-one", "app-two"}
    (entry,) = layers["app-two"]["entries"]
    assert (entry["path"], entry["what"], entry["package"]) == (f"{SITE}/shared.py", ["bytes"], "support module 'shared'")
    fields = {item["field"] for item in layers["app-two"]["metadata"]}
    # the size of an archive may come out the same or not: a compressor had other bytes
    assert fields - {"archive_size"} == {"app_support_modules", "archive_hashes", "content_hash", "inputs_hash"}
    assert layers["app-two"]["notes"] == ["they were made from the same lock and different other inputs"]


def test_another_lock(small, check):
    small.add_wheel("plainpkg-1.1")
    small.lock("--reset-lock", "*")
    layers = different(check())
    assert "they were made from different locks" in layers["framework-plain"]["notes"]
    assert "requirements_hash" in [item["field"] for item in layers["framework-plain"]["metadata"]]
    told = {entry["path"]: (entry["change"], entry["package"]) for entry in layers["framework-plain"]["entries"]}
    assert told[f"{SITE}/plainpkg.py"] == ("changed", "plainpkg 1.1")
    assert told[f"{SITE}/plainpkg-1.0.dist-info/RECORD"] == ("removed", "plainpkg 1.0")
    assert told[f"{SITE}/plainpkg-1.1.dist-info/RECORD"] == ("added", "plainpkg 1.1")


def test_a_stale_lock_is_an_error(small, text):
    small.edit('requirements = ["plainpkg"]', 'requirements = ["plainpkg", "lowpkg"]')
    result = text()
    assert (result.code, result.out) == (1, "")
    assert result.err == ("lamina: layer 'plain' cannot be used: its requirements changed; "
        "'lamina lock --if-needed' locks it\n")


@pytest.mark.parametrize("layers, said", [
    ({}, "'{path}' has no layer of any platform"),
    ({"runtimes": [{"layer_name": "base", "target_platform": "plan9_mips"}]},
        "'{path}' was published for 'plan9_mips', a platform that is not known"),
])
def test_nothing_that_could_be_built(small, text, layers, said):
    manifest = small.folder / "manifest.json"
    manifest.write_text(json.dumps({"layers": layers}))
    result = text(expected=manifest)
    assert (result.code, result.out, result.err) == (1, "", f"lamina: {said.format(path=manifest)}\n")


def test_metadata_alone_are_enough(small, text):
    for archive in small.out.glob("*.tar.zst"):
        archive.unlink()
    text().ok()
    one = small.out / META / "entries" / "app-one.txt"
    small.write("one.py", "print('two')\n")
    result = text()
    assert result.code == 3
    assert f"  changed  {SITE}/one.py: bytes [launch module 'one']\n" in result.out
    one.unlink()  # only segments are left
    result = text()
    assert "  which entries differ cannot be said: of a there is neither a listing nor an archive that can be read\n" in result.out
    assert "  segment 0 differs: it has the members from '' to 'share/venv/metadata/venvstacks_layer.json'\n" in result.out


def test_an_edited_listing(small, text):
    """What is committed beside the manifest counts as well."""
    listing = small.out / META / "entries" / "app-one.txt"
    listing.write_text(listing.read_text().replace("one.py", "two.py"))
    result = text()
    assert result.code == 3
    assert f"different  app-one  {HOST}\n  a: entries/app-one.txt is not what content_hash is the SHA-256 of\n" in result.out


def test_platforms(small, check):
    """All that is expected is checked, or what is asked for."""
    both = check(small.two, code=0)
    assert [layer["target_platform"] for layer in both["layers"]] == [HOST] * 6 + ["win_amd64"] * 6
    one = check(small.two, "--platform", "win_amd64", code=0)
    assert [layer["target_platform"] for layer in one["layers"]] == ["win_amd64"] * 6
    everything = check(small.out, "--platform", "all")
    assert {(layer["target_platform"], layer["state"]) for layer in everything["layers"]} == {
        (HOST, "equal"), ("win_amd64", "added")}
    missing = check(small.out, "-p", "win_amd64")
    assert {(layer["target_platform"], layer["state"]) for layer in missing["layers"]} == {("win_amd64", "added")}


def test_selected_layers(small, check):
    one_changed(small)
    assert [layer["layer_name"] for layer in check(small.out, "--include", "framework-*", code=0)["layers"]] == [
        "framework-low", "framework-plain"]
    assert list(different(check(small.out, "-i", "app-one"))) == ["app-one"]


def test_layers_that_came_or_went(small, check):
    manifest = small.out / META / "venvstacks.json"
    document = json.loads(manifest.read_text())
    (document["layers"]["applications"][2]).update(layer_name="app-old")
    manifest.write_text(json.dumps(document))
    assert {name: layer["state"] for name, layer in different(check()).items()} == {"app-three": "added", "app-old": "missing"}


def test_format_and_level(small, check, text):
    """Another format or level is another archive of the same content; the same options give the same bytes."""
    small.publish("--format", "tar.gz", "--level", "9", out=small.folder / "gz")
    check(small.folder / "gz", "--format", "tar.gz", "--level", "9", code=0)
    layer = different(check(small.folder / "gz", "--format", "tar.gz"))["app-one"]
    assert (layer["content_equal"], layer["entries"]) == (True, [])
    assert "'zlib" in layer["findings"][0] or "'libdeflate" in layer["findings"][0]
    assert layer["findings"][0].startswith("the content is equal, the compressor is not: '")
    assert "level 9" in layer["findings"][0] and "level 6" in layer["findings"][0]
    layer = different(check(small.folder / "gz"))["app-one"]
    assert (layer["content_equal"], layer["entries"]) == (True, [])
    small.publish("--tag-outputs", out=small.folder / "tagged")
    check(small.folder / "tagged", "--tag-outputs", code=0)


def test_source_date_epoch(small, check):
    layer = different(check(env={"SOURCE_DATE_EPOCH": "1700000000"}))["app-one"]
    assert {tuple(entry["what"]) for entry in layer["entries"]} == {("time",)}
    assert layer["entries"][0]["b"]["time"] == "2023-11-14T22:13:20Z"


def poison(small):
    """What the store knows of plainpkg's wheel: one of its modules is executable. Well-formed, and wrong."""
    (wheel,) = small.wheels.glob("plainpkg-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    index = small.store / "index" / digest[:2] / f"{digest[2:]}.wheel"
    lines = [line.replace("f\t", "x\t", 1) if line.endswith("\tplainpkg.py") else line
        for line in index.read_text().splitlines()[:-1]]
    text = "\n".join(lines) + "\n"
    index.write_text(f"{text}end {hashlib.sha256(text.encode()).hexdigest()}\n")


def test_nothing_cached_takes_part(small, check):
    small.publish(out=small.folder / "warm")
    poison(small)
    check(code=0)
    layer = different(check(small.out, "--cached"))["framework-plain"]
    assert [(entry["path"], entry["what"]) for entry in layer["entries"]] == [(f"{SITE}/plainpkg.py", ["mode"])]


def test_no_compressed_segment_takes_part(small, check):
    """What the store keeps of archives, which is all that is not small: well-formed, and of other bytes."""
    small.write("one.py", "print('one')\n" + "".join(f"A{i} = '{hashlib.sha256(b'%d' % i).hexdigest()}'\n" for i in range(3000)))
    small.lock()
    small.publish()
    small.publish(out=small.folder / "warm")
    magic, changed = b"lamina-segment 1\n", 0
    for path in (small.store / "segments").rglob("*"):
        if path.is_dir():
            continue
        key, tar = bytes.fromhex(path.parent.name + path.name), unzstd(path.read_bytes()[len(magic) + 32:])
        other = zstd(tar.replace(b"print('one')", b"print('two')"))
        path.write_bytes(magic + hashlib.sha256(key + other).digest() + other)
        changed += b"print('one')" in tar
    assert changed == 1
    check(code=0)
    layers = different(check(small.out, "--cached"))
    told = {name: [(entry["path"], entry["what"]) for entry in layer["entries"]] for name, layer in layers.items() if layer["entries"]}
    assert told == {"app-one": [(f"{SITE}/one.py", ["bytes"])]}
    assert f"b: entry '{SITE}/one.py' is in the archive otherwise than in its listing" in layers["app-one"]["findings"]


def test_a_damaged_source_is_fetched_again(small, text):
    small.publish(out=small.folder / "warm")
    (wheel,) = small.wheels.glob("plainpkg-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    source = small.store / "sources" / digest[:2] / digest[2:]
    body = bytearray(source.read_bytes())
    body[40] ^= 1
    source.write_bytes(body)
    assert "6 layers, all equal\n" in text().ok().out


def test_a_damaged_source_that_cannot_be_had(small, text):
    small.publish(out=small.folder / "warm")
    for wheel in small.wheels.glob("plainpkg-*.whl"):
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        wheel.unlink()
    (small.store / "sources" / digest[:2] / digest[2:]).write_bytes(b"not the wheel")
    result = text()
    assert (result.code, result.out) == (1, "")
    assert "plainpkg-1.0-py3-none-any.whl" in result.err.splitlines()[-1]
    assert list((small.store / "tmp").iterdir()) == []


def test_errors(small, text, tmp_path, run_lamina):
    result = run_lamina("check", small.spec)
    assert (result.code, result.err) == (2,
        "lamina: 'lamina check' needs '--expected DIR', the folder with what was published before\n")
    result = text(expected=tmp_path / "none")
    assert (result.code, result.err) == (1, f"lamina: there is no '{tmp_path}/none'\n")
    result = text(expected=tmp_path)
    assert (result.code, result.err) == (1,
        f"lamina: nothing was published in '{tmp_path}': it has no __venvstacks__/venvstacks.json\n")
    result = run_lamina("check", tmp_path / "no.toml", "-e", small.out)
    assert result.code == 2 and result.err.startswith("lamina: reading the stack spec: cannot open ")
    result = run_lamina("check", small.spec, small.out, "-e", small.out)
    assert (result.code, result.err) == (2, f"lamina: '{small.out}' is one argument too many\n")


def test_expected_is_relative_to_the_working_folder(small, text):
    assert "all equal" in text(expected="out", cwd=small.folder).ok().out


def exported(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class TestExport:
    """LAMINA_EXPORT_TEST_ARTIFACTS and LAMINA_FORCE_TEST_EXPORT."""

    NAMES = {"app-one.tar.zst", "framework-low@1.tar.zst", f"{META}/venvstacks.json", f"{META}/env_metadata/app-one.json",
        f"{META}/entries/app-one.txt", f"{META}/segments/app-one.json"}

    def run(self, text, folder, **env):
        return text(env={"LAMINA_EXPORT_TEST_ARTIFACTS": str(folder), **env})

    def test_on_failure(self, small, text, tmp_path):
        (tmp_path / "export").mkdir()
        one_changed(small)
        assert self.run(text, tmp_path / "export").code == 3
        assert {f"{HOST}/{name}" for name in self.NAMES} <= set(exported(tmp_path / "export"))
        # what was built, byte for byte: it compares as equal with the next build
        assert "all equal" in text(expected=tmp_path / "export").ok().out
        one_changed(small, "app-two")
        assert self.run(text, tmp_path / "export").code == 3  # over what is there

    def test_not_on_success(self, text, tmp_path):
        (tmp_path / "export").mkdir()
        assert self.run(text, tmp_path / "export").code == 0
        assert exported(tmp_path / "export") == []

    @pytest.mark.parametrize("value", ["1", "yes"])
    def test_forced(self, small, text, tmp_path, value):
        (tmp_path / "export").mkdir()
        assert self.run(text, tmp_path / "export", LAMINA_FORCE_TEST_EXPORT=value).code == 0
        assert exported(tmp_path / "export" / HOST) == exported(small.out)

    @pytest.mark.parametrize("value", ["", "0"])
    def test_not_forced(self, text, tmp_path, value):
        (tmp_path / "export").mkdir()
        assert self.run(text, tmp_path / "export", LAMINA_FORCE_TEST_EXPORT=value).code == 0
        assert exported(tmp_path / "export") == []

    def test_empty_is_unset(self, small, text):
        one_changed(small)
        result = self.run(text, "", LAMINA_FORCE_TEST_EXPORT="1")
        assert result.code == 3 and "export" not in result.err

    def test_missing_folder(self, small, text, tmp_path):
        one_changed(small)
        result = self.run(text, tmp_path / "none")
        assert result.code == 3
        assert (f"nothing is exported: the folder '{tmp_path}/none' (LAMINA_EXPORT_TEST_ARTIFACTS) does not exist" in result.err)
        assert not (tmp_path / "none").exists()

    def test_several_platforms(self, small, check, tmp_path):
        (tmp_path / "export").mkdir()
        check(small.two, code=0, env={"LAMINA_EXPORT_TEST_ARTIFACTS": str(tmp_path / "export"), "LAMINA_FORCE_TEST_EXPORT": "1"})
        assert exported(tmp_path / "export") == exported(small.two)


def test_interrupted(small, lamina):
    """The scratch folder goes, whatever happens. The resolver stands in for work that takes long."""
    shutil.rmtree(small.store, ignore_errors=True)
    fifo = small.folder / "started"
    os.mkfifo(fifo)
    stub = small.folder / "uv"
    stub.write_text(f"#!/bin/sh\necho here > '{fifo}'\nexec sleep 60\n")
    stub.chmod(0o755)
    for wheel in small.wheels.iterdir():
        wheel.unlink()  # so that the resolver is asked where they are
    process = subprocess.Popen([lamina, "check", "--uv", stub, "--store", small.store, "-e", small.out, small.spec],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert fifo.read_text() == "here\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert list((small.store / "tmp").iterdir()) == []


def test_entries_of_the_expected_archive_are_looked_at(small, check):
    """An archive that is not what its metadata say is compared by what it holds."""
    rewrite(small.out, "app-one", lambda entries: [*entries, Entry("app-one/extra", b"x")], honest=False)
    layer = different(check())["app-one"]
    assert [(entry["path"], entry["change"]) for entry in layer["entries"]] == [("extra", "removed")]
