"""What is written beside the archives of the sample: every field, literally or computed again from the archives."""

import hashlib
import json
import os
import re
import stat
import subprocess
import tarfile

import pytest

import deploy
import segment_rule

pytestmark = pytest.mark.network  # a cold store fetches wheels
TIME = "2026-06-01T00:00:00Z"  # exclude-newer of the sample
RUNTIME = {"runtime_layer": "cpython-3.11", "python_implementation": "cpython@3.11.11"}
NEWER = {"runtime_layer": "cpython-3.14@1", "python_implementation": "cpython@3.14.6"}
# layer -> what its metadata says besides hashes and sizes and what all of them say
EXPECTED = {
    "cpython-3.11": {**RUNTIME, "install_target": "cpython-3.11"},
    "cpython-3.14": {**NEWER, "install_target": "cpython-3.14@1"},
    "framework-scipy": {**RUNTIME, "install_target": "framework-scipy@1", "required_layers": []},
    "framework-sound": {**RUNTIME, "install_target": "framework-sound", "required_layers": []},
    "framework-sklearn": {**NEWER, "install_target": "framework-sklearn", "required_layers": []},
    "framework-http-client": {**RUNTIME, "install_target": "framework-http-client", "required_layers": []},
    "app-scipy-import": {**RUNTIME, "install_target": "app-scipy-import", "app_launch_module": "scipy_import",
        "required_layers": ["framework-scipy@1", "framework-sound"]},
    "app-http-import": {**RUNTIME, "install_target": "app-http-import", "app_launch_module": "http_import",
        "required_layers": ["framework-http-client"]},
    "app-sklearn-import": {**NEWER, "install_target": "app-sklearn-import", "app_launch_module": "sklearn_import",
        "required_layers": ["framework-sklearn"]},
}
KINDS = {
    "runtimes": ["cpython-3.11", "cpython-3.14"],
    "frameworks": ["framework-scipy", "framework-sound", "framework-sklearn", "framework-http-client"],
    "applications": ["app-scipy-import", "app-http-import", "app-sklearn-import"],
}
COMPUTED = {"archive_hashes", "archive_size", "content_hash", "content_size", "entry_count", "compressor", "inputs_hash",
    "requirements_hash"}


@pytest.fixture(scope="session")
def layers(published):
    return {layer["layer_name"]: layer for layer in deploy.layers(published.out)}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def plain_tar(archive):
    return subprocess.run(["zstd", "-dcq", archive], check=True, stdout=subprocess.PIPE).stdout


def test_manifest(published):
    manifest = deploy.manifest(published.out)
    assert list(manifest) == ["layers"]
    assert {kind: [layer["layer_name"] for layer in found] for kind, found in manifest["layers"].items()} == KINDS


@pytest.mark.parametrize("name", EXPECTED)
def test_fields(published, layers, name):
    layer = dict(layers[name])
    computed = {key: layer.pop(key) for key in COMPUTED}
    assert set(computed["archive_hashes"]) == {"sha256"}
    assert re.fullmatch(r"zstd \d+\.\d+\.\d+ level 8 wide 4 segment 6 MiB large 22 MiB rule \d+", computed["compressor"])
    for key in ("content_hash", "inputs_hash", "requirements_hash"):
        assert re.fullmatch("sha256:[0-9a-f]{64}", computed[key])
    assert all(type(computed[key]) is int for key in ("archive_size", "content_size", "entry_count"))
    if name.startswith("app-"):
        source = published.spec.parent / "launch_modules" / f"{layer['app_launch_module']}.py"
        assert layer.pop("app_launch_module_hash") == module_hash(source)
        assert layer.pop("app_support_modules") == [
            {"name": "where_from", "hash": module_hash(published.spec.parent / "support_modules/where_from.py")}]
    assert layer == {
        **EXPECTED[name], "layer_name": name, "lock_version": 1, "locked_at": TIME, "archive_time": TIME, "archive_build": 1,
        "archive_name": f"{EXPECTED[name]['install_target']}.tar.zst", "target_platform": published.platform,
        "bound_to_implementation": False}


def module_hash(path):
    """A module of one file, by docs/formats/content-hash.md."""
    body = path.read_bytes()
    return "sha256:" + sha256(f"0644 {sha256(body)} {len(body)} {path.name}\n".encode())


@pytest.mark.parametrize("name", EXPECTED)
def test_archive_facts(published, layers, name):
    """Digest, size, uncompressed size and number of entries, from the archive itself."""
    layer = layers[name]
    archive = published.out / layer["archive_name"]
    assert layer["archive_hashes"]["sha256"] == sha256(archive.read_bytes())
    assert layer["archive_size"] == archive.stat().st_size
    plain = plain_tar(archive)
    assert layer["content_size"] == len(plain)
    listed = subprocess.run(["tar", "-t"], input=plain, check=True, stdout=subprocess.PIPE).stdout
    assert layer["entry_count"] == listed.count(b"\n")


@pytest.mark.parametrize("name", EXPECTED)
def test_requirements_hash(published, layers, name):
    lock = published.spec.parent / "requirements" / name / f"pylock.{name}.toml"
    assert layers[name]["requirements_hash"] == "sha256:" + sha256(lock.read_bytes())


def listing(folder):
    """The lines that the content hash is made of, by docs/formats/content-hash.md, from a tree on disk."""
    quoted = lambda text: text.replace("%", "%25").replace(" ", "%20")
    lines = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        info = path.lstat()
        if stat.S_ISLNK(info.st_mode):
            lines.append((name, f"link {quoted(os.readlink(path))} {quoted(name)}\n"))
        elif stat.S_ISREG(info.st_mode):
            mode = "0755" if info.st_mode & 0o100 else "0644"
            lines.append((name, f"{mode} {sha256(path.read_bytes())} {info.st_size} {quoted(name)}\n"))
        elif not any(path.iterdir()):
            lines.append((name, f"folder - {quoted(name)}\n"))
    return "".join(line for _, line in sorted(lines, key=lambda line: os.fsencode(line[0]))).encode()


@pytest.mark.parametrize("name", EXPECTED)
def test_content_hash(published, layers, name, tmp_path):
    """From the unpacked archive; the lines themselves are published, too."""
    layer = layers[name]
    deploy.unpack(published.out / layer["archive_name"], tmp_path)
    lines = listing(tmp_path / layer["install_target"])
    assert layer["content_hash"] == "sha256:" + sha256(lines)
    assert (published.out / "__venvstacks__/entries" / f"{name}.txt").read_bytes() == lines


def test_documents_are_written_in_one_way(published):
    """Sorted keys, two spaces, a newline at the end; what readers of the format expect is a number is one."""
    found = sorted((published.out / "__venvstacks__").rglob("*.json"))
    assert len(found) == 9 + 9 + 1
    for path in found:
        text = path.read_text(encoding="utf-8")
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_each_file_is_the_manifests_entry(published, layers):
    folder = published.out / "__venvstacks__/env_metadata"
    assert {path.stem: json.loads(path.read_text()) for path in folder.iterdir()} == layers


def test_nothing_else_is_left(published):
    names = {path.relative_to(published.out).as_posix() for path in published.out.rglob("*")}
    folders = {"__venvstacks__", *(f"__venvstacks__/{name}" for name in ("entries", "env_metadata", "segments"))}
    assert names == folders | {"__venvstacks__/venvstacks.json"} | {f"{layer['install_target']}.tar.zst"
        for layer in EXPECTED.values()} | {f"__venvstacks__/{folder}" for name in EXPECTED
        for folder in (f"entries/{name}.txt", f"env_metadata/{name}.json", f"segments/{name}.json")}


@pytest.mark.parametrize("name", ["cpython-3.11", "framework-scipy", "app-http-import"])
def test_segments(published, layers, name):
    """Each can be cut out of the archive and unpacked alone; together they are the whole."""
    layer = layers[name]
    document = json.loads((published.out / "__venvstacks__/segments" / f"{name}.json").read_text())
    segments = document.pop("segments")
    assert document == {key: layer[key] for key in (
        "archive_hashes", "archive_size", "compressor", "content_size", "entry_count")}
    archive = (published.out / layer["archive_name"]).read_bytes()
    plain = plain_tar(published.out / layer["archive_name"])
    members = segment_rule.member_digests(plain)
    offset = content = entry = 0
    for segment in segments:
        assert (segment["offset"], segment["content_offset"], segment["first_entry"]) == (offset, content, entry)
        part = subprocess.run(["zstd", "-dcq"], input=archive[offset:offset + segment["size"]], check=True,
            stdout=subprocess.PIPE).stdout
        assert part == plain[content:content + segment["content_size"]]
        assert segment["content_hash"] == "sha256:" + segment_rule.segment_digest(
            members, content, content + len(part), len(plain), 6 << 20)
        offset, content, entry = offset + segment["size"], content + len(part), entry + segment["entry_count"]
    assert (offset, content, entry) == (len(archive), len(plain), layer["entry_count"])


def test_layer_configuration(published, layers):
    """share/venv/metadata/venvstacks_layer.json, which postinstall.py and other tools read."""
    found = {}
    for name, layer in layers.items():
        member = f"{layer['install_target']}/share/venv/metadata/venvstacks_layer.json"
        with subprocess.Popen(["zstd", "-dcq", published.out / layer["archive_name"]], stdout=subprocess.PIPE) as process:
            with tarfile.open(fileobj=process.stdout, mode="r|") as members:
                for each in members:
                    if each.name == member:
                        found[name] = json.loads(members.extractfile(each).read())
    old, new = "lib/python3.11/site-packages", "lib/python3.14/site-packages"
    dynlib = "share/venv/dynlib"
    assert found["app-scipy-import"] == {
        "dynlib_dirs": [f"../framework-scipy@1/{dynlib}", f"../framework-sound/{dynlib}", f"../cpython-3.11/{dynlib}"],
        "python": "bin/python", "base_python": "../cpython-3.11/bin/python", "py_version": "3.11.11", "site_dir": old,
        "pylib_dirs": [f"../framework-scipy@1/{old}", f"../framework-sound/{old}", f"../cpython-3.11/{old}"],
        "launch_module": "scipy_import"}
    assert found["app-sklearn-import"]["pylib_dirs"] == [f"../framework-sklearn/{new}", f"../cpython-3.14@1/{new}"]
    assert found["cpython-3.14"]["base_python"] == found["cpython-3.14"]["python"] == "bin/python"
    assert found["framework-http-client"]["pylib_dirs"] == [f"../cpython-3.11/{old}"]
    assert found["framework-http-client"]["dynlib_dirs"] == [f"../cpython-3.11/{dynlib}"]
    assert found["framework-sound"]["dynlib_dirs"] == [f"../cpython-3.11/{dynlib}", dynlib]
    assert found["cpython-3.11"]["dynlib_dirs"] == [dynlib]
    assert "launch_module" not in found["framework-scipy"]


def test_results_as_json(run_lamina, published, warm_store, layers):
    """--json: what was done, and the manifest."""
    result = run_lamina("publish", "--json", "--store", warm_store, published.spec, published.out).json()
    assert result["manifests"] == {published.platform: deploy.manifest(published.out)}
    assert result["outputs"] == [{"layer_name": name, "target_platform": published.platform, "state": "unchanged",
        "path": f"{published.out}/{layers[name]['archive_name']}", "size_bytes": layers[name]["archive_size"],
        "archive_build": 1} for name in EXPECTED]
