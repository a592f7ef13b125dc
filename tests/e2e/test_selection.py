"""Which layers a run works on: --include with its relatives, platforms that a layer is not for, and what the manifest keeps."""

import pytest

from fake_stack import HOST, LAYERS, changed, snapshot


@pytest.mark.parametrize("options, chosen", [
    (["--include", "one"], ["app-one"]),
    (["--include", "app-one"], ["app-one"]),
    (["-i", "framework-*"], ["framework-low", "framework-plain"]),
    (["-i", "t*"], ["app-two", "app-three"]),
    (["-i", "low", "-i", "three"], ["framework-low", "app-three"]),
    (["-i", "[bl]*"], ["base", "framework-low"]),
    (["-i", "*"], LAYERS),
    (["-i", "two", "--publish-dependencies"], ["base", "framework-plain", "app-two"]),
    (["-i", "one", "--include-dependencies"], ["base", "framework-low", "framework-plain", "app-one"]),
    (["-i", "plain", "--publish-derived"], ["framework-plain", "app-one", "app-two"]),
    (["-i", "low", "--publish-derived", "--publish-dependencies"], ["base", "framework-low", "app-one"]),
    (["-i", "base", "--publish-derived"], LAYERS),
    (["-i", "one", "-i", "no such layer", "--allow-missing"], ["app-one"]),
])
def test_include(small, options, chosen):
    assert list(small.publish(*options)) == chosen
    assert sorted(small.builds()) == sorted(chosen)
    archives = {path.name.split("@")[0].removesuffix(".tar.zst") for path in small.out.glob("*.tar.zst")}
    assert archives == set(chosen)


def test_build_selects_in_the_same_way(small):
    result = small.command("build", "--platform", "win_amd64", "--include", "two", "--build-dependencies").ok()
    assert [line.split()[1] for line in result.out.splitlines()] == ["base", "framework-plain", "app-two"]
    result = small.command("build", "--platform", "win_amd64", "--include", "plain", "--build-derived").ok()
    assert [line.split()[:2] for line in result.out.splitlines()] == [
        ["unchanged", "framework-plain"], ["built", "app-one"], ["unchanged", "app-two"]]


@pytest.mark.parametrize("command", ["publish", "build", "local-export"])
@pytest.mark.parametrize("glob, sentence", [
    ("app-oen", "no layer matches 'app-oen', did you mean 'app-one'?"),
    ("zzzzzz", "no layer matches 'zzzzzz'; 'lamina show' lists them"),
])
def test_no_such_layer(small, command, glob, sentence):
    refused = small.command(command, "--include", "one", "--include", glob)
    assert (refused.code, refused.out, refused.err) == (2, "", f"lamina: {sentence}\n")
    assert not small.out.exists()


def test_the_manifest_keeps_what_was_not_selected(small):
    small.publish()
    before = snapshot(small.out)
    small.write("three.py", "print('new')\n")
    small.write("one.py", "print('new')\n")
    assert small.publish("--include", "three") == {"app-three": "published"}
    assert small.builds() == {**dict.fromkeys(LAYERS, 1), "app-three": 2}
    assert snapshot(small.out)["app-one.tar.zst"] == before["app-one.tar.zst"]
    assert small.publish() == {**dict.fromkeys(LAYERS, "unchanged"), "app-one": "published"}


def test_first_some_then_all(small):
    """The order in which layers were published leaves no trace."""
    small.publish("--include", "two", out=small.folder / "a")
    small.publish("--include", "base", out=small.folder / "a")
    small.publish(out=small.folder / "a")
    small.publish(out=small.folder / "b")
    assert {name: entry[0] for name, entry in snapshot(small.folder / "a").items()} == {
        name: entry[0] for name, entry in snapshot(small.folder / "b").items()}


def test_layers_for_other_platforms_are_left_out(small):
    small.edit('launch_module = "three.py"', 'launch_module = "three.py"\nplatforms = ["win_amd64"]')
    small.edit('support_modules = ["shared.py"]\n', f'support_modules = ["shared.py"]\nplatforms = ["{HOST}"]\n')
    small.lock()
    result = small.command("publish", "--platform", "all", "--json").json()
    made = {platform: [item["layer_name"] for item in result["outputs"] if item["target_platform"] == platform]
        for platform in (HOST, "win_amd64")}
    assert made == {HOST: LAYERS[:-1], "win_amd64": ["base", "framework-low", "framework-plain", "app-two", "app-three"]}
    assert list(small.metadata(small.out / HOST)) == made[HOST]
    assert list(small.metadata(small.out / "win_amd64")) == made["win_amd64"]

    none = small.command("publish", "--include", "three", out=small.folder / "none").ok()
    assert none.out == ""
    assert none.err == "lamina: no selected layer is for this platform; 'lamina show' lists the layers\n"


@pytest.mark.parametrize("options, sentence", [
    (["--format", "zip", "--level", "19"], "level 19 is not one of 'zip': 1 to 12"),
    (["--format", "tar.xz", "--level", "10"], "level 10 is not one of 'tar.xz': 0 to 9"),
    (["--format", "tar", "--level", "1"], "'tar' has no levels"),
])
def test_level_of_another_format(small, options, sentence):
    """Found before anything is done."""
    for more in ([], ["--dry-run"]):
        refused = small.command("publish", *options, *more)
        assert (refused.code, refused.out, refused.err) == (2, "", f"lamina: {sentence}\n")
        assert not list(small.out.rglob("*"))


@pytest.mark.parametrize("value", ["-1", "tomorrow", "1e9", "8589934592"])
def test_bad_source_date_epoch(small, value):
    refused = small.run("publish", "--store", small.store, small.spec, small.out, env={"SOURCE_DATE_EPOCH": value})
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"lamina: SOURCE_DATE_EPOCH is '{value}', not a number from 0 to 8589934591\n"


def test_nothing_left_to_do(small):
    refused = small.command("build", "--no-build")
    assert (refused.code, refused.out, refused.err) == (2, "", "lamina: --no-build without --publish leaves nothing to do\n")


def test_invalid_lock(small):
    """Nothing is published from a lock that does not fit; `build` locks first, unless it must not."""
    small.edit('requirements = ["plainpkg"]', 'requirements = ["plainpkg<9"]')
    for command in (["publish"], ["local-export"], ["build", "--no-lock-if-needed"]):
        refused = small.command(*command)
        assert (refused.code, refused.out, refused.err) == (1, "",
            "lamina: layer 'plain' cannot be used: its requirements changed; 'lamina lock --if-needed' locks it\n")
        assert not list(small.out.rglob("*"))
    before = snapshot(small.folder)
    dry = small.command("build", "--publish", "--dry-run")
    assert [line.split()[:2] for line in dry.ok().out.splitlines()] == [
        ["pending", layer] for layer in ("base", "framework-low", "app-three")]
    assert [line for line in dry.err.splitlines() if "warning" in line] == [
        f"warning: '{layer}' is to be locked first, and what would be made of it is known then"
        for layer in ("framework-plain", "app-one", "app-two")]
    assert {name for name in changed(before, snapshot(small.folder)) if not name.startswith("store/")} == set()
    locked = small.command("build", "--publish").ok()
    assert [line.split()[0] for line in locked.out.splitlines()] == ["published"] * 6


def test_streams(small):
    """Results are on standard output and nothing else is; -q leaves only errors."""
    loud = small.command("publish")
    assert [line.split()[0] for line in loud.ok().out.splitlines()] == ["published"] * 6
    assert sorted(line.split(":")[0] for line in loud.err.splitlines() if line.startswith("publish ")) == sorted(
        f"publish {layer}" for layer in LAYERS)
    quiet = small.command("publish", "--quiet", "--force")
    assert (quiet.ok().out, quiet.err) == ("", "")
