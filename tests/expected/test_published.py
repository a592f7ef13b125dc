"""The sample project, locked and published anew for all five platforms, against the committed files."""

import json
import re
import shutil

import paths
import private
import pytest
from published import METADATA, compressors, differences, digest
from run import run as run_program

EXPECTED = paths.ROOT / "expected_outputs"
PLATFORMS = ["linux_aarch64", "linux_x86_64", "macosx_arm64", "macosx_x86_64", "win_amd64"]
SUFFIX = {"win_amd64": ".zip"}

pytestmark = pytest.mark.expected_output


@pytest.fixture(scope="module")
def published(lamina, warm_store, runtimes, tmp_path_factory):
    """The folder that the sample project was published into, from its committed locks."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, folder / "private")
        spec = private.copy_sample(folder / "sample_project") / "venvstacks.toml"
        run_program(lamina, "publish", "--store", warm_store, "--platform", "all", "--output-dir", folder / "out", spec,
            timeout_s=300).ok()
    return folder / "out"


@pytest.fixture
def same(lamina, run, published):
    """same(platform, told): fail with these differences, and with what `lamina diff` says of them, unless there are none."""

    def judge(platform, told, expected=EXPECTED):
        if told:
            by_lamina = run(lamina, "diff", expected / platform, published / platform)
            pytest.fail("not as in expected_outputs (misc/update_expected_outputs.sh accepts it):\n  " + "\n  ".join(told)
                + f"\nlamina diff says:\n{by_lamina.out}{by_lamina.err}", pytrace=False)

    return judge


def test_every_platform_is_there(published):
    assert sorted(path.name for path in published.iterdir()) == PLATFORMS
    assert sorted(path.parent.name for path in EXPECTED.glob(f"*/{METADATA}")) == PLATFORMS


@pytest.mark.parametrize("platform", PLATFORMS)
def test_content(published, exports, same, platform):
    """Manifest, metadata, segments and every entry: all that does not depend on the compressor."""
    exports(platform, published / platform)
    same(platform, differences(EXPECTED / platform, published / platform, with_compressor=False))


@pytest.fixture
def same_archives(published, same):
    """same_archives(platform): every byte of the archives, by their digests, and with them every byte of the metadata."""

    def judge(platform, expected=EXPECTED):
        here, committed = compressors(published / platform), compressors(expected / platform)
        if here == committed:
            same(platform, differences(expected / platform, published / platform, archives=False), expected)
            return
        same(platform, differences(expected / platform, published / platform, with_compressor=False), expected)
        pytest.skip(f"content equal, compressor differs: {', '.join(sorted(here))} here, {', '.join(sorted(committed))} expected")

    return judge


@pytest.mark.parametrize("platform", PLATFORMS)
def test_archives(published, exports, same_archives, platform):
    exports(platform, published / platform)
    same_archives(platform)
    layers = json.loads((EXPECTED / platform / METADATA / "venvstacks.json").read_text(encoding="utf-8"))["layers"]
    want = {layer["archive_name"]: layer["archive_hashes"]["sha256"] for kind in layers.values() for layer in kind}
    found = {path.name: digest(path) for path in (published / platform).iterdir() if path.is_file()}
    assert found == want
    assert {name[name.rindex("."):] for name in found} == {SUFFIX.get(platform, ".zst")}


def by_another_compressor(folder, platform):
    """A copy of what was published for a platform, as a machine with version 9.9 of the compressor would have it."""
    for path in folder.glob(f"{platform}/{METADATA}/*/*.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        data["compressor"] = re.sub(r"^(\S+) \S+", r"\1 9.9", data["compressor"])
        data["archive_hashes"]["sha256"] = data["archive_hashes"]["sha256"][::-1]
        if "archive_size" in data:
            data["archive_size"] += 7
        for segment in data.get("segments", []):
            segment["offset"] *= 2
            segment["size"] *= 2
        path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    manifest = folder / platform / METADATA / "venvstacks.json"
    data = json.loads(manifest.read_text(encoding="utf-8"))
    for kind in data["layers"].values():
        kind[:] = [json.loads((manifest.parent / "env_metadata" / f"{layer['layer_name']}.json").read_text(encoding="utf-8"))
            for layer in kind]
    manifest.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@pytest.mark.parametrize("platform", ["linux_aarch64", "win_amd64"])
def test_another_compressor(published, same_archives, tmp_path, run, lamina, platform):
    """Committed by a machine with another version of it: the rest of test_archives is skipped, unless the content differs too."""
    theirs = tmp_path / "theirs"
    shutil.copytree(published / platform / METADATA, theirs / platform / METADATA)
    by_another_compressor(theirs, platform)
    here = ", ".join(compressors(published / platform))
    there = re.sub(r"^(\S+) \S+", r"\1 9.9", here)
    with pytest.raises(pytest.skip.Exception) as skipped:
        same_archives(platform, theirs)
    assert skipped.value.msg == f"content equal, compressor differs: {here} here, {there} expected"

    result = run(lamina, "diff", "--json", theirs / platform, published / platform)
    assert result.code == 3
    for layer in json.loads(result.out)["layers"]:
        assert (layer["content_equal"], layer["entries"]) == (True, [])
        ours = layer["archives"]["b"]["compressor"]
        (said,) = [text for text in layer["findings"] if "compressor" in text]
        assert said == f"the content is equal, the compressor is not: '{ours.replace(here, there)}' in a, '{ours}' in b"

    listing = theirs / platform / METADATA / "entries" / "app-http-import.txt"
    listing.write_text(listing.read_text(encoding="utf-8").replace("/http_import.py", "/import_http.py"), encoding="utf-8")
    with pytest.raises(pytest.fail.Exception) as failed:
        same_archives(platform, theirs)
    assert "entries/app-http-import.txt: added " in failed.value.msg and "compressor is not" in failed.value.msg


@pytest.mark.network
@pytest.mark.parametrize("jobs", ["1", "4"])
def test_locks(lamina, warm_store, sample, exports, run, jobs):
    """Locked anew from the spec alone, one layer after the other and several at once; exclude-newer holds the index still."""
    committed, fresh = paths.SAMPLE / "requirements", sample / "requirements"
    versions = {json.loads(path.read_text(encoding="utf-8"))["lock_version"] for path in committed.glob("*/*.meta.json")}
    if versions == {1}:  # a first lock has version 1: nothing of the old ones is needed
        for path in sorted(fresh.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    run(lamina, "lock", "--jobs", jobs, "--reset-lock", "*", "--store", warm_store, sample / "venvstacks.toml").ok()
    exports("requirements", fresh)
    told = differences(committed, fresh)
    assert not told, "other locks than the committed ones (misc/update_expected_outputs.sh accepts them):\n  " + "\n  ".join(told)


def test_check_says_the_same(lamina, warm_store, published, run):
    """Our own command, on the platform that is quickest."""
    platform = "linux_aarch64"
    result = run(lamina, "check", paths.SAMPLE / "venvstacks.toml", "--store", warm_store, "--expected", EXPECTED, "--platform", platform)
    layers = [path.stem for path in (EXPECTED / platform / METADATA / "env_metadata").glob("*.json")]
    if compressors(published / platform) != compressors(EXPECTED / platform):
        assert result.code == 3 and result.out.count("the content is equal, the compressor is not: ") == len(layers), result
        return
    *lines, last = result.ok().out.splitlines()
    assert sorted(line.split() for line in lines) == sorted(["equal", layer, platform] for layer in layers)
    assert last == f"{len(layers)} layers, all equal"
