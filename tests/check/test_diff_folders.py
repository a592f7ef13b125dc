"""lamina diff on published folders and manifests: what was edited, damaged, lost, and what can be said without archives."""

import json
import shutil

import pytest

from handmade import Entry, folder, read, record, rewrite
from fake_stack import HOST, LAYERS

SITE = "lib/python3.11/site-packages"
META = "__venvstacks__"


def different(report):
    """{layer: its element} of those that are not equal."""
    return {layer["layer_name"]: layer for layer in report["layers"] if layer["state"] != "equal"}


def entries(layer):
    return [(entry["path"], entry["change"], entry["what"]) for entry in layer["entries"]]


def test_equal(diff, small, b, run_lamina):
    report = diff(code=0)
    assert [(layer["layer_name"], layer["state"], layer["target_platform"]) for layer in report["layers"]] == [
        (name, "equal", HOST) for name in LAYERS]
    assert run_lamina("diff", small.out, b).ok().out == "".join(
        f"equal      {name}  {HOST}\n" for name in LAYERS) + "6 layers, all equal\n"


def test_manifests(diff, small, b):
    """A manifest stands for its folder."""
    manifest = f"{META}/venvstacks.json"
    assert diff(small.out / manifest, b / manifest, code=0) == diff(small.out, b / manifest, code=0)
    shutil.copy(b / manifest, small.folder / "alone.json")
    report = diff(small.out, small.folder / "alone.json", code=0)
    assert all(layer["archives"]["b"]["present"] is False for layer in report["layers"])


def test_links(diff, run_lamina, small, b):
    """What a link leads to is compared."""
    folder_link, archive_link = small.folder / "folder", small.folder / "archive"
    folder_link.symlink_to(b)
    archive_link.symlink_to(b / "app-one.tar.zst")
    diff(small.out, folder_link, code=0)
    assert run_lamina("diff", small.out / "app-one.tar.zst", archive_link).ok().out == "equal      archive\n1 layer, all equal\n"


def test_metadata_alone(diff, small, b):
    for archive in b.glob("*.tar.zst"):
        archive.unlink()
    diff(code=0)
    rewrite(small.out, "app-one", lambda entries: [entry.but(body=b"other\n") if entry.name.endswith("/one.py") else entry
        for entry in entries])
    layer = different(diff())["app-one"]
    assert entries(layer) == [(f"{SITE}/one.py", "changed", ["bytes", "size"])]
    assert layer["entries"][0]["package"] == "launch module 'one'"
    assert layer["content_equal"] is False


HEADERS = "differs though its entries are equal, in their headers: it has the members from"
ALONE = {
    "compressor": ({"compressor": "zstd 9"}, "none", ["the content is equal, the compressor is not: 'zstd 1' in a, 'zstd 9' in b"]),
    "time": ({"archive_time": "2026-06-02T00:00:00Z"}, "none",
        ["the content is equal, the time of the entries is not: 2026-06-01T00:00:00Z in a, 2026-06-02T00:00:00Z in b"]),
    "the same segments": ({}, "same", ["the content is equal, and so is the compressor ('zstd 1'); the compressed bytes are not: "
        "another level, or another build of it"]),
    "other segments": ({}, "other", [f"segment 0 {HEADERS} '' to 'share/venv/metadata/venvstacks_layer.json'"]),
    "no segments": ({}, "none",
        ["the content is equal, the archives are not; one of them is not here, so that it cannot be said why"]),
}


@pytest.mark.parametrize("name", ALONE)
def test_equal_content_of_archives_that_are_not_here(diff, small, b, name):
    """Another archive of the same entries, of which only the metadata are left: they say why it is another."""
    changes, segments, findings = ALONE[name]
    record(small.out, "app-one", lambda metadata: metadata.update(compressor="zstd 1", archive_time="2026-06-01T00:00:00Z"))
    record(b, "app-one", lambda metadata: metadata.update({"compressor": "zstd 1", "archive_time": "2026-06-01T00:00:00Z",
        "archive_hashes": {"sha256": "0" * 64}, **changes}))
    (b / "app-one.tar.zst").unlink()
    path = b / META / "segments" / "app-one.json"
    table = json.loads(path.read_text())
    table["archive_hashes"] = {"sha256": "0" * 64}
    if segments == "other":
        table["segments"][0]["content_hash"] = "sha256:" + "1" * 64
    path.write_text(json.dumps(table))
    if segments == "none":
        path.unlink()
    layer = different(diff())["app-one"]
    assert (layer["content_equal"], layer["entries"], layer["findings"]) == (True, [], findings)


def test_a_folder_of_another_platform(diff, small):
    b = shutil.copytree(small.two, small.folder / "b")
    (b / "win_amd64").rename(b / "win_arm64")
    report = diff(small.two)
    assert {layer["target_platform"]: layer["state"] for layer in report["layers"]} == {
        HOST: "equal", "win_amd64": "missing", "win_arm64": "added"}
    (small.two / "win_amd64").rename(small.two / "win_arm64")
    layer = next(layer for layer in diff(small.two)["layers"] if layer["target_platform"] == "win_arm64")
    assert layer["findings"] == [f"{side}: its metadata say that it is for 'win_amd64'" for side in "ab"]


def test_an_archive_that_is_a_folder(diff, b):
    (b / "app-one.tar.zst").unlink()
    (b / "app-one.tar.zst").mkdir()
    assert different(diff())["app-one"]["findings"] == ["b: its archive 'app-one.tar.zst' is no file"]


def test_a_member_outside_of_the_layer(diff, b):
    rewrite(b, "app-one", lambda entries: [*entries, Entry("other/x", b"1")])
    assert "b: member 'other/x' is outside of the layer's folder" in different(diff())["app-one"]["findings"]


def test_a_folder_whose_name_is_no_text(diff, small, b):
    """The report stays JSON."""
    named = b.rename(small.folder / "b\udce9")
    archive = named / "app-one.tar.zst"
    archive.write_bytes(b"no archive")
    finding = different(diff(small.out, named))["app-one"]["findings"][-1]
    assert finding == f"b: '{small.folder}/b\\xe9/app-one.tar.zst' is neither a tar nor a zip"


def test_platforms(diff, small):
    shutil.copytree(small.two, small.folder / "b")
    report = diff(small.two, code=0)
    assert [layer["target_platform"] for layer in report["layers"]] == [HOST] * 6 + ["win_amd64"] * 6
    shutil.rmtree(small.folder / "b" / "win_amd64")
    report = diff(small.two)
    assert {layer["state"] for layer in report["layers"] if layer["target_platform"] == "win_amd64"} == {"missing"}
    assert {layer["state"] for layer in report["layers"] if layer["target_platform"] == HOST} == {"equal"}
    # the folder of one platform is the same, wherever it is
    diff(small.out, small.two / HOST, code=0)


def test_layers_that_one_side_has(diff, small, b, run_lamina):
    path = b / META / "venvstacks.json"
    manifest = json.loads(path.read_text())
    gone = manifest["layers"]["applications"].pop(1)
    path.write_text(json.dumps(manifest))
    layer = different(diff())["app-two"]
    assert (layer["state"], layer["archives"]["b"]) == ("missing", None)
    assert layer["archives"]["a"]["sha256"] == gone["archive_hashes"]["sha256"]
    assert different(diff(b, small.out))["app-two"]["state"] == "added"
    assert f"missing    app-two  {HOST}\n" in run_lamina("diff", small.out, b).out


@pytest.mark.parametrize("field, value", [("lock_version", 7), ("locked_at", "2020-01-01T00:00:00Z"), ("requirements_hash", "sha256:0"),
    ("python_implementation", "cpython@3.11.12"), ("app_launch_module_hash", "sha256:0"), ("content_size", 1), ("entry_count", 99),
    ("required_layers", []), ("new_field", {"x": 1}), ("compressor", "zip 1"), ("bound_to_implementation", True)])
def test_edited_metadata(diff, b, field, value):
    """Any field, in manifest and file alike."""
    record(b, "app-one", lambda metadata: metadata.update({field: value}))
    layer = different(diff())["app-one"]
    assert [(item["field"], item["b"]) for item in layer["metadata"]] == [(field, value)]
    assert layer["content_equal"] is True


def test_what_counts_builds_is_no_difference(diff, b):
    record(b, "app-one", lambda metadata: metadata.update(archive_build=5, inputs_hash="sha256:1"))
    diff(code=0)


def test_tags(diff, small):
    """The build number is part of tagged names, and no difference there either."""
    small.publish("--tag-outputs", out=small.folder / "b")
    small.write("one.py", "print('other')\n")
    small.lock()
    small.publish("--tag-outputs", out=small.folder / "b")
    small.write("one.py", "print('one')\n")
    small.lock()
    small.publish("--tag-outputs", out=small.folder / "b")
    small.publish("--tag-outputs", out=small.folder / "a")
    assert (small.folder / "a" / f"app-one-{HOST}-1.tar.zst").exists()
    assert (small.folder / "b" / f"app-one-{HOST}-3.tar.zst").exists()
    diff(small.folder / "a", code=0)
    layer = different(diff(small.out))["app-one"]
    assert [item["field"] for item in layer["metadata"]] == ["archive_name"]


def test_manifest_and_file_disagree(diff, b):
    path = b / META / "env_metadata" / "app-one.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps({**metadata, "archive_size": 1, "more": 1}))
    assert different(diff())["app-one"]["findings"] == [
        "b: manifest and env_metadata/app-one.json disagree on archive_size",
        "b: env_metadata/app-one.json has more, the manifest has not"]
    path.write_text("{")
    assert different(diff())["app-one"]["findings"] == [
        f"b: its metadata cannot be read: '{path}': line 1, column 1: string or '}}' expected near end of file"]


def test_damaged_archive(diff, b):
    """One flipped byte: the checksum in the zstd frame tells, and what the metadata say is all that is left."""
    archive = b / "app-one.tar.zst"
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    layer = different(diff())["app-one"]
    assert layer["findings"][0].startswith("b: archive 'app-one.tar.zst' has SHA-256 ")
    assert layer["findings"][1].startswith(f"b: '{archive}' is not a usable archive: ")
    assert layer["entries"] == []


def test_truncated_archive(diff, b):
    archive = b / "app-one.tar.zst"
    size = archive.stat().st_size
    archive.write_bytes(archive.read_bytes()[:-30])
    findings = different(diff())["app-one"]["findings"]
    assert findings[0] == f"b: archive 'app-one.tar.zst' has {size - 30} bytes, its metadata say {size}"


def test_another_archive_than_the_metadata_say(diff, b):
    """The archive counts: its entries are compared, not what is said of it."""
    rewrite(b, "app-one", lambda entries: [*entries, Entry("app-one/evil.py", b"import os\n")], honest=False)
    layer = different(diff())["app-one"]
    assert entries(layer) == [("evil.py", "added", [])]
    assert any("has SHA-256" in finding for finding in layer["findings"])


def test_archive_of_another_layer(diff, b):
    shutil.copy(b / "app-two.tar.zst", b / "app-one.tar.zst")
    layer = different(diff())["app-one"]
    assert (f"{SITE}/other.py", "added", []) in entries(layer)
    assert "the top folder is 'app-one' in a, 'app-two' in b" in layer["findings"]


def test_listing_that_was_edited(diff, b):
    """It is not used where it is not what content_hash is the hash of; the archive is read instead."""
    listing = b / META / "entries" / "app-one.txt"
    rewrite(b, "app-one", lambda entries: [*entries, Entry("app-one/z.py", b"1")])
    listing.write_text(listing.read_text().replace("z.py", "y.py"))
    layer = different(diff())["app-one"]
    assert "b: entries/app-one.txt is not what content_hash is the SHA-256 of" in layer["findings"]
    assert entries(layer) == [("z.py", "added", [])]


@pytest.mark.parametrize("edit", [lambda text: text.replace("0644", "0755", 1), lambda text: text + "folder - z\n", lambda text: ""])
def test_listing_that_was_edited_beside_an_equal_archive(diff, small, b, run_lamina, edit):
    listing = b / META / "entries" / "app-one.txt"
    listing.write_text(edit(listing.read_text()))
    layer = different(diff())["app-one"]
    assert layer["findings"] == ["b: entries/app-one.txt is not what content_hash is the SHA-256 of"]
    assert (layer["content_equal"], layer["entries"], layer["metadata"]) == (True, [], [])
    for archive in (*b.glob("*.tar.zst"), *small.out.glob("*.tar.zst")):
        archive.unlink()  # metadata alone say it too, whichever side has them
    assert "a: entries/app-one.txt is not" in different(diff(b, small.out))["app-one"]["findings"][0]


def test_segments_that_were_edited_beside_an_equal_archive(diff, b):
    path = b / META / "segments" / "app-one.json"
    table = json.loads(path.read_text())
    table["segments"][0]["content_hash"] = "sha256:" + "0" * 64
    path.write_text(json.dumps(table))
    assert different(diff())["app-one"]["findings"] == ["the archives are equal, their tables of segments are not"]


def test_listing_of_other_content(diff, b):
    """Listing and content_hash agree, and both are about something else than the archive."""
    rewrite(b, "app-one", lambda entries: [*entries, Entry("app-one/z.py", b"1")])
    other = (b / META / "entries" / "app-two.txt").read_text()
    (b / META / "entries" / "app-one.txt").write_text(other)
    content = json.loads((b / META / "env_metadata" / "app-two.json").read_text())["content_hash"]
    record(b, "app-one", lambda metadata: metadata.update(content_hash=content))
    findings = different(diff())["app-one"]["findings"]
    assert "b: entry 'z.py' is in the archive and not in its listing" in findings
    assert f"b: entry '{SITE}/other.py' is in the listing and not in its archive" in findings


@pytest.mark.parametrize("text, said", [
    ("nonsense\n", "line 1 is not of a listing"), ("0644 abc 1 x\n", "line 1 is not of a listing"),
    ("folder - a b\n", "line 1 is not of a listing"), ("folder x a\n", "line 1 is not of a listing"),
    ("folder - a\n0755 " + "0" * 64 + " -1 x\n", "line 2 is not of a listing"), ("link x\n", "line 1 is not of a listing"),
    ("folder - a\n\n", "line 2 is not of a listing")])
def test_listing_that_is_none(diff, b, text, said):
    import hashlib
    for archive in b.glob("*.tar.zst"):
        archive.unlink()
    (b / META / "entries" / "app-one.txt").write_text(text)
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    record(b, "app-one", lambda metadata: metadata.update(content_hash=digest, archive_hashes={"sha256": "0" * 64}))
    findings = different(diff())["app-one"]["findings"]
    assert f"b: entries/app-one.txt cannot be read: {said}" in findings
    assert "which entries differ cannot be said: of b there is neither a listing nor an archive that can be read" in findings


def test_without_listing_and_archive(diff, small, b):
    """The table of segments still says where to look."""
    rewrite(small.out, "app-one", lambda entries: [*entries[:-1], entries[-1].but(body=b"other")])
    (b / META / "entries" / "app-one.txt").unlink()
    (b / "app-one.tar.zst").unlink()
    findings = different(diff())["app-one"]["findings"]
    assert findings == ["which entries differ cannot be said: of b there is neither a listing nor an archive that can be read"]
    small.write("one.py", "print('another')\n")
    small.lock()
    small.publish()
    findings = different(diff())["app-one"]["findings"]
    assert findings[1] == "segment 0 differs: it has the members from '' to 'share/venv/metadata/venvstacks_layer.json'"


@pytest.mark.parametrize("change, said", [
    (lambda table: table.update(archive_hashes={"sha256": "0" * 64}), "is about another archive"),
    (lambda table: table["segments"][0].update(offset=5), "is damaged"),
    (lambda table: table["segments"][0].update(size=-5), "is damaged"),
    (lambda table: table["segments"][0].update(size=10**9), "goes beyond the archive"),
    (lambda table: table["segments"][0].update(entry_count=10**18), "is damaged"),
    (lambda table: table["segments"][0].pop("content_hash"), "is damaged")])
def test_segments_that_are_wrong(diff, small, b, change, said):
    """A table that cannot be right is not used, and that is told."""
    path = b / META / "segments" / "app-one.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))
    layer = different(diff())["app-one"]  # though the archives are equal
    assert (layer["findings"], layer["content_equal"]) == ([f"b: segments/app-one.json {said}"], True)
    rewrite(small.out, "app-one", lambda entries: [*entries[:-1], entries[-1].but(body=b"other")])
    layer = different(diff())["app-one"]
    assert f"b: segments/app-one.json {said}" in layer["findings"]
    assert [entry["path"] for entry in layer["entries"]] == ["share/venv/metadata/venvstacks_layer.json"]


def test_segments_that_are_no_json(diff, b):
    (b / META / "segments" / "app-one.json").write_text("{")
    assert different(diff())["app-one"]["findings"] == ["b: segments/app-one.json cannot be read"]


def test_lying_segments(diff, small, b):
    """A table that says that all is equal: the listings say otherwise."""
    rewrite(b, "app-one", lambda entries: [*entries[:-1], entries[-1].but(body=b"other")])
    table = json.loads((small.out / META / "segments" / "app-one.json").read_text())
    metadata = json.loads((b / META / "env_metadata" / "app-one.json").read_text())
    table["archive_hashes"] = metadata["archive_hashes"]
    table["segments"][0]["size"] = metadata["archive_size"]
    (b / META / "segments" / "app-one.json").write_text(json.dumps(table))
    assert entries(different(diff())["app-one"]) == [("share/venv/metadata/venvstacks_layer.json", "changed", ["bytes", "size"])]


MANIFESTS = {
    "no JSON": ("{", "'{path}': line 1, column 1: string or '}}' expected near end of file"),
    "a list": ("[]", "'{path}' holds no JSON object"),
    "no layers": ("{}", "'{path}' is no manifest: it has no layers"),
    "no name": ('{"layers": {"runtimes": [{}]}}', "'{path}' has a layer without a usable name"),
    "a number": ('{"layers": {"runtimes": [7]}}', "'{path}' has a layer without a usable name"),
    "way out": ('{"layers": {"runtimes": [{"layer_name": "../../x"}]}}', "'{path}' has a layer without a usable name"),
    "platform way out": ('{"layers": {"runtimes": [{"layer_name": "x", "target_platform": "../y"}]}}',
        "'{path}': layer 'x' has no usable platform"),
    "twice": ('{"layers": {"runtimes": [{"layer_name": "x"}, {"layer_name": "x"}]}}',
        "'{path}' has layer 'x' more than once"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest_that_is_none(run_lamina, small, b, name):
    text, said = MANIFESTS[name]
    path = b / META / "venvstacks.json"
    path.write_text(text)
    result = run_lamina("diff", small.out, b)
    assert (result.code, result.out, result.err) == (1, "", f"lamina: {said.format(path=path)}\n")


def test_archive_name_that_leads_out(diff, b, tmp_path):
    (tmp_path / "secret").write_text("x")
    record(b, "app-one", lambda metadata: metadata.update(archive_name="../../secret"))
    assert "b: its archive has an unsafe name: " in different(diff())["app-one"]["findings"][0]


def test_usage(run_lamina, small, tmp_path):
    def fails(*args):
        result = run_lamina("diff", *args, cwd=tmp_path)
        return result.code, result.err

    archive = small.out / "app-one.tar.zst"
    assert fails(small.out) == (2, "lamina: 'lamina diff' needs two archives, published folders or manifests\n")
    assert fails("a", "b", "c") == (2, "lamina: 'c' is one argument too many\n")
    assert fails("none", small.out) == (1, "lamina: there is no 'none'\n")
    assert fails(archive, small.out) == (2,
        f"lamina: '{archive}' is an archive and '{small.out}' is not: an archive is compared with an archive\n")
    assert fails(tmp_path, small.out) == (1,
        f"lamina: nothing was published in '{tmp_path}': it has no __venvstacks__/venvstacks.json\n")


def test_archives_with_metadata_beside_them(run_lamina, small, b):
    rewrite(b, "app-one", lambda entries: [*entries[:-1], entries[-1].but(body=b"other")])
    result = run_lamina("diff", small.out / "app-one.tar.zst", b / "app-one.tar.zst")
    assert (result.code, result.out) == (3, f"different  app-one  {HOST}\n"
        "  changed  share/venv/metadata/venvstacks_layer.json: bytes, size 364 -> 5 [lamina]\n1 of 1 layer differs\n")


def test_packages_that_came_twice(diff, b, small, run_lamina):
    """plainpkg is in a framework below app-one; now it is in app-one too."""
    info = f"app-one/{SITE}/plainpkg-1.0.dist-info"
    rewrite(b, "app-one", lambda entries: [*entries, folder(info), Entry(f"{info}/METADATA", b"Name: plainpkg\n"),
        Entry(f"{info}/RECORD", b"plainpkg.py,,\nfar/away.so,,\n"), Entry(f"app-one/{SITE}/far/away.so", b"1")])
    report = diff()
    assert report["packages"] == [{"layer_name": "app-one", "target_platform": HOST, "package": "plainpkg 1.0",
        "lower_layer": "framework-plain"}]
    assert {entry["path"].removeprefix(SITE + "/"): entry["package"] for entry in report["layers"][3]["entries"]} == {
        "plainpkg-1.0.dist-info": "plainpkg 1.0", "plainpkg-1.0.dist-info/METADATA": "plainpkg 1.0",
        "plainpkg-1.0.dist-info/RECORD": "plainpkg 1.0", "far/away.so": "plainpkg 1.0"}
    assert (f"app-one  {HOST}: plainpkg 1.0 is installed now, although the layer 'framework-plain' below has it\n"
        in run_lamina("diff", small.out, b).out)
    assert diff(b, small.out)["packages"] == []  # it was so before


def test_growth(diff, b, small):
    """A layer that is much larger than before: told of the archive and of its content."""
    noise = __import__("random").Random(1).randbytes(1_200_000)
    rewrite(b, "app-one", lambda entries: [*entries, Entry("app-one/noise", noise)])
    findings = different(diff())["app-one"]["findings"]
    size = json.loads((b / META / "env_metadata" / "app-one.json").read_text())["archive_size"]
    before = (small.out / "app-one.tar.zst").stat().st_size
    assert f"large change: the archive has {before} bytes in a, {size} in b" in findings


def test_segments_of_large_archives(diff, small, run_lamina):
    """Several segments, of which one differs: by content, then by a time that only the archive has."""
    import random
    noise = random.Random(2)
    (small.spec.parent / "two" / "data").mkdir()
    for i in range(24):
        (small.spec.parent / "two" / "data" / f"{i:02}.bin").write_bytes(noise.randbytes(1_000_000))
    small.lock()
    small.publish(out=small.folder / "a")
    (small.spec.parent / "two" / "data" / "07.bin").write_bytes(b"changed")
    small.lock()
    small.publish(out=small.folder / "b")
    segments = json.loads((small.folder / "a" / META / "segments" / "app-two.json").read_text())["segments"]
    assert len(segments) > 2
    layer = different(diff(small.folder / "a"))["app-two"]
    assert entries(layer) == [(f"{SITE}/two/data/07.bin", "changed", ["bytes", "size"])]
    assert layer["entries"][0]["large"] is True
    assert (f"  changed  {SITE}/two/data/07.bin: bytes, size 1000000 -> 7, a large change [launch module 'two']\n"
        in run_lamina("diff", small.folder / "a", small.folder / "b").out)

    # the same archive with another time in one segment, honestly described
    b = small.folder / "b"
    shutil.rmtree(b)
    shutil.copytree(small.folder / "a", b)
    members = read(b / "app-two.tar.zst")
    victim = next(i for i, entry in enumerate(members) if entry.name.endswith("09.bin"))
    rewrite(b, "app-two", lambda entries: [entry.but(time=1) if i == victim else entry for i, entry in enumerate(entries)])
    layer = different(diff(small.folder / "a"))["app-two"]
    assert entries(layer) == [(f"{SITE}/two/data/09.bin", "changed", ["time"])]
    assert layer["content_equal"] is True
