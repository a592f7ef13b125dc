"""Ways to break sameness, each planted, each found by `lamina check`, and the entry named.

A fault is planted into what is expected: the archive of one layer is made again as a careless builder would make it, with the
metadata that builder would write. Where that builder changes sources, they are changed instead.
"""

import json
import tarfile

import pytest

from handmade import COMPRESSORS, Entry, folder, record, rewrite, unzstd, zstd
from fake_stack import HOST

SITE = "lib/python3.11/site-packages"
LAYER = "app-one"


def each(condition, **fields):
    """Change the members of these names."""
    return lambda entries: [entry.but(**fields) if condition(entry.name.removeprefix(f"{LAYER}/")) else entry for entry in entries]


def named(name):
    return lambda path: path == name


def add(*new):
    return lambda entries: sorted([*entries, *new], key=lambda entry: entry.name + "/" * (entry.kind == "folder"))


def body_of(name, change):
    return lambda entries: [entry.but(body=change(entry.body)) if entry.name == f"{LAYER}/{name}" else entry for entry in entries]


def shuffled(entries):
    """As a directory may list them: neighbours change places."""
    return [entries[i ^ 1] if i ^ 1 < len(entries) else entries[i] for i in range(len(entries))]


ONE, SHARED = f"{SITE}/one.py", f"{SITE}/shared.py"
CONFIG = "share/venv/metadata/venvstacks_layer.json"
CACHE = f"{LAYER}/{SITE}/__pycache__"

# fault: (what the builder does to the members, the entries that must be named with what about them, other words)
MEMBERS = {
    "the time of the build in a file": (body_of(ONE, lambda body: body + b"BUILT = '2026-11-21 06:30:01'\n"),
        {ONE: "changed: bytes, size"}, ()),
    "the folder of the build in a file": (body_of(CONFIG, lambda body: body.replace(b'"bin', b'"/srv/joe/build/bin')),
        {CONFIG: "changed: bytes, size"}, ()),
    "the order of a hash table": (body_of(CONFIG, lambda body: json.dumps(dict(sorted(json.loads(body).items(),
        key=lambda item: item[0][::-1])), indent=2).encode() + b"\n"), {CONFIG: "changed: bytes"}, ()),
    "line ends of another system": (body_of(ONE, lambda body: body.replace(b"\n", b"\r\n")), {ONE: "changed: bytes, size"}, ()),
    "one other byte": (body_of(ONE, lambda body: body.replace(b"one", b"two")), {ONE: "changed: bytes"}, ()),
    "an empty file": (each(named(ONE), body=b""), {ONE: "changed: bytes, size"}, ()),
    "the modes of a umask": (each(lambda path: path.endswith(".py"), mode=0o664),
        {ONE: "changed: mode", SHARED: "changed: mode", "postinstall.py": "changed: mode"}, ()),
    "folders of a umask": (each(named("share"), mode=0o775), {"share": "changed: mode"}, ()),
    "an executable that is none any more": (each(named(CONFIG), mode=0o755), {CONFIG: "changed: mode"}, ()),
    "the time of a file": (each(named(ONE), time=1_780_272_060), {ONE: "changed: time"}, ()),
    "the time of the build everywhere": (each(lambda path: True, time=1_790_000_000), {ONE: "changed: time",
        "bin": "changed: time", "bin/python": "changed: time"}, ()),
    "the user's number": (each(named(ONE), uid=1000, gid=1000), {ONE: "changed: owner"}, ()),
    "the user's name": (each(lambda path: path == "bin/python", user="joe", group="users"), {"bin/python": "changed: owner"}, ()),
    "the order of a directory": (shuffled, {}, ("the members are in another order: where a has 'bin', b has '.'",)),
    "caches of a run": (add(folder(CACHE), Entry(f"{CACHE}/one.cpython-311.pyc", b"\xa7\r\r\n" + bytes(12))),
        {f"{SITE}/__pycache__": "removed: ", f"{SITE}/__pycache__/one.cpython-311.pyc": "removed: "}, ()),
    "a file of an editor": (add(Entry(f"{LAYER}/{SITE}/.one.py.swp", b"b0VIM")), {f"{SITE}/.one.py.swp": "removed: "}, ()),
    "a lost file": (lambda entries: [entry for entry in entries if not entry.name.endswith("/shared.py")],
        {SHARED: "added: "}, ()),
    "a lost folder member": (lambda entries: [entry for entry in entries if entry.name != f"{LAYER}/share"],
        {"share": "added: "}, ()),
    "an absolute link": (each(named("bin/python"), link="/usr/bin/python3.11"), {"bin/python": "changed: link"}, ()),
    "a link to another file": (each(named("bin/python3"), link="python3.11"), {"bin/python3": "changed: link"}, ()),
    "a link that became a copy": (each(named("bin/python3"), kind="file", link="", body=b"#!/bin/sh\n", mode=0o755),
        {"bin/python3": "changed: type"}, ()),
    "a hard link for equal files": (lambda entries: [*entries[:-1], Entry(f"{LAYER}/{SITE}/shared2.py", kind="hard",
        link=f"{LAYER}/{SHARED}"), entries[-1]], {f"{SITE}/shared2.py": "removed: "}, ()),
    "the case of a name": (lambda entries: [entry.but(name=entry.name.replace("/shared.py", "/Shared.py")) for entry in entries],
        {SHARED: "added: ", f"{SITE}/Shared.py": "removed: "}, ()),
    "another top folder": (lambda entries: [entry.but(name=entry.name.replace(LAYER, "app-1", 1)) for entry in entries], {},
        ("a: the top folder 'app-1' is not the one that the metadata say", "the top folder is 'app-1' in a, 'app-one' in b")),
    "a member twice": (lambda entries: [*entries, entries[-1].but(body=b"again")], {CONFIG: "changed: bytes, size"},
        ("a: member 'app-one/share/venv/metadata/venvstacks_layer.json' is there more than once",)),
}


BY_LAMINA = {"bin/python", "bin/python3", "postinstall.py", CONFIG}


def told(layer):
    return {entry["path"]: f"{entry['change']}: {', '.join(entry['what'])}" for entry in layer["entries"]}


def only(report, name=LAYER):
    """The element of the one layer that differs."""
    (layer,) = [layer for layer in report["layers"] if layer["state"] != "equal"]
    assert (layer["layer_name"], layer["target_platform"]) == (name, HOST)
    return layer


@pytest.mark.parametrize("fault", MEMBERS)
def test_members(small, check, fault):
    change, entries, sentences = MEMBERS[fault]
    rewrite(small.out, LAYER, change, with_listing=fault not in ("another top folder", "a member twice"))
    layer = only(check())
    found = told(layer)
    assert {path: found.get(path) for path in entries} == entries
    if fault != "the time of the build everywhere":
        assert found.keys() == entries.keys()
    packages = {entry["path"]: entry["package"] for entry in layer["entries"]}
    assert {packages.get(path) for path in BY_LAMINA & entries.keys()} <= {"lamina"}
    for sentence in sentences:
        assert any(sentence in finding for finding in layer["findings"]), layer["findings"]


def test_parts_of_a_second(small, check):
    rewrite(small.out, LAYER, each(named(SHARED), time=1_780_272_000.25), dialect=tarfile.PAX_FORMAT)
    layer = only(check())
    assert told(layer) == {SHARED: "changed: time"}
    assert layer["entries"][0]["a"]["time"] == "2026-06-01T00:00:00.250000000Z"


def test_the_order_of_a_locale(small, check):
    """Upper and lower case side by side, punctuation passed over."""
    for name in ("B.py", "a.py", "_c.py"):
        small.write(f"two/{name}", "")
    small.lock()
    small.publish()
    rewrite(small.out, "app-two", lambda entries: sorted(entries, key=lambda entry: entry.name.lower().replace("_", "")))
    layer = only(check(), "app-two")
    assert (layer["content_equal"], layer["entries"]) == (True, [])
    assert layer["findings"] == [
        f"the members are in another order: where a has '{SITE}/two/a.py', b has '{SITE}/two/B.py'"]


@pytest.mark.parametrize("fault", ["one other byte", "the modes of a umask", "the user's number", "an absolute link", "a lost file"])
def test_members_without_a_listing(small, check, fault):
    """A builder that is not lamina leaves no listing: the archive is read."""
    change, entries, _ = MEMBERS[fault]
    rewrite(small.out, LAYER, change, with_listing=False)
    assert told(only(check())) == entries


@pytest.mark.parametrize("fault", ["one other byte", "the modes of a umask", "the time of a file", "the user's name", "a link to another file"])
def test_members_behind_the_back_of_the_metadata(small, check, fault):
    """The archive was changed after it was published."""
    change, entries, _ = MEMBERS[fault]
    rewrite(small.out, LAYER, change, honest=False)
    layer = only(check())
    assert told(layer) == entries
    assert any(finding.startswith("a: archive 'app-one.tar.zst' has ") for finding in layer["findings"])


def compressed(small, compress, compressor):
    rewrite(small.out, LAYER, lambda entries: None, compress=compress)
    record(small.out, LAYER, lambda metadata: metadata.update(compressor=compressor))


@pytest.mark.parametrize("fault, compress", [
    ("another level", lambda data: zstd(data, 19)), ("one frame, as many threads make it", lambda data: zstd(data, 3)),
    ("no compression", lambda data: zstd(data, 1)), ("another compressor", COMPRESSORS[".tar.gz"])])
def test_compressors(small, check, fault, compress):
    ours = json.loads((small.out / "__venvstacks__/env_metadata/app-one.json").read_text())["compressor"]
    compressed(small, compress, "careless 1.0")
    layer = only(check())
    assert (layer["content_equal"], layer["entries"]) == (True, [])
    assert f"the content is equal, the compressor is not: 'careless 1.0' in a, '{ours}' in b" in layer["findings"]


def test_another_level_that_nobody_recorded(small, check):
    rewrite(small.out, LAYER, lambda entries: None, compress=lambda data: zstd(data, 19))
    layer = only(check())
    assert (layer["content_equal"], layer["entries"]) == (True, [])
    assert any(finding.startswith("the content is equal, and so is the compressor ") for finding in layer["findings"])


def test_another_dialect_of_tar(small, check):
    rewrite(small.out, LAYER, lambda entries: None, compress=lambda data: zstd(gnu(data)))
    layer = only(check())
    assert (layer["content_equal"], layer["entries"]) == (True, [])
    assert "a is in GNU tar format, b is in POSIX ustar format" in layer["findings"]


def gnu(data):
    """The same members with the headers of GNU tar."""
    import io
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as new:
        for member in old:
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
    return out.getvalue()


def test_extended_attributes(small, check):
    def pax(data):
        import io
        out = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
            for member in old:
                member.pax_headers = {"SCHILY.xattr.user.origin": "joe"} if member.name.endswith("one.py") else {}
                new.addfile(member, old.extractfile(member) if member.isreg() else None)
        return zstd(out.getvalue())

    rewrite(small.out, LAYER, lambda entries: None, compress=pax)
    assert told(only(check())) == {ONE: "changed: attributes"}


def test_truncated_archive(small, check):
    archive = small.out / "app-one.tar.zst"
    archive.write_bytes(archive.read_bytes()[:1000])
    layer = only(check())
    assert any(finding.startswith("a: archive 'app-one.tar.zst' has 1000 bytes, ") for finding in layer["findings"])
    assert any("is not a usable archive: Truncated zstd input" in finding for finding in layer["findings"])


@pytest.mark.parametrize("field, value", [("locked_at", "2026-06-02T00:00:00Z"), ("entry_count", 1), ("lock_version", 2),
    ("archive_time", "2026-06-02T00:00:00Z"), ("app_launch_module", "two"), ("archive_name", "one.tar.zst")])
def test_metadata(small, check, field, value):
    record(small.out, LAYER, lambda metadata: metadata.update({field: value}))
    assert [(item["field"], item["a"]) for item in only(check())["metadata"]] == [(field, value)]


def test_another_wheel_of_the_same_name(small, check):
    """Another build of plainpkg 1.0 was in the wheel folder when this was locked and published."""
    small.add_wheel("plainpkg-1.0", "BUILT_BY = 'joe'\n")
    small.lock("--reset-lock", "*")
    layer = only(check(), "framework-plain")
    assert told(layer) == {f"{SITE}/plainpkg.py": "changed: bytes, size",
        f"{SITE}/plainpkg-1.0.dist-info/RECORD": "changed: bytes"}
    assert {entry["package"] for entry in layer["entries"]} == {"plainpkg 1.0"}
    assert "they were made from different locks" in layer["notes"]


def test_another_runtime_of_the_same_name(small, check):
    import hashlib
    import fake_stack
    path = small.spec.parent / f"{HOST}.tar"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    digest = fake_stack.fake_runtime(path, [*fake_stack.POSIX, "lib/python3.11/new.py"])
    small.edit(before, digest)
    small.lock()
    layer = next(layer for layer in check()["layers"] if layer["layer_name"] == "base")
    assert told(layer) == {"lib/python3.11/new.py": "added: "}
    assert layer["entries"][0]["package"] == "cpython@3.11.11"


def test_a_module_that_was_edited_and_not_published(small, check):
    small.write("one.py", "print('ONE')\n")
    layer = only(check())
    assert told(layer) == {ONE: "changed: bytes"}
    assert layer["entries"][0]["package"] == "launch module 'one'"


def test_unzstd_is_what_was_planted_in(small):
    """The helper that plants faults changes nothing else: rewriting with nothing changed gives the same tar."""
    archive = small.out / "app-one.tar.zst"
    before = unzstd(archive.read_bytes())
    rewrite(small.out, LAYER, lambda entries: None, compress=lambda data: zstd(data, 19))
    after = unzstd(archive.read_bytes())
    assert after == before
