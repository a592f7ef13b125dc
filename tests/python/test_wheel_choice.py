"""Which wheel is taken: the same as uv takes for the same platform, from a lock of ours without URLs."""

import random

import pytest

import fake_wheels

UV_PLATFORMS = {
    "linux_x86_64": "x86_64-manylinux_2_28", "linux_aarch64": "aarch64-manylinux_2_28",
    "macosx_arm64": "aarch64-apple-darwin", "macosx_x86_64": "x86_64-apple-darwin",
    "win_amd64": "x86_64-pc-windows-msvc", "win_arm64": "aarch64-pc-windows-msvc",
}
# what projects publish, with what they leave to chance
REAL = {
    "numpy": ["cp311-cp311-macosx_10_9_x86_64", "cp311-cp311-macosx_11_0_arm64", "cp311-cp311-macosx_14_0_arm64",
        "cp311-cp311-macosx_14_0_x86_64", "cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
        "cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64", "cp311-cp311-musllinux_1_2_x86_64",
        "cp311-cp311-win32", "cp311-cp311-win_amd64", "cp311-cp311-win_arm64", "cp312-cp312-win_amd64",
        "cp313-cp313t-manylinux_2_27_x86_64.manylinux_2_28_x86_64"],
    "crypto": ["cp37-abi3-macosx_10_12_universal2", "cp311-abi3-macosx_10_12_universal2", "cp37-abi3-win_amd64",
        "cp311-abi3-win_amd64", "cp311-abi3-win_arm64", "cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp37-abi3-manylinux_2_28_x86_64", "cp311-abi3-manylinux_2_28_aarch64", "cp311-abi3-manylinux_2_34_x86_64"],
    "pure": ["py3-none-any", "py2.py3-none-any"],
    "both": ["py3-none-any", "cp311-cp311-manylinux_2_5_x86_64.manylinux1_x86_64", "cp311-cp311-macosx_10_9_universal2",
        "cp311-cp311-macosx_11_0_arm64", "cp311-cp311-win_amd64", "py3-none-win_arm64", "py3-none-manylinux2014_aarch64"],
    "linux": ["cp311-cp311-linux_x86_64", "cp311-cp311-linux_aarch64", "cp311-cp311-manylinux_2_29_x86_64", "py3-none-any"],
    "ties": ["cp310.cp311-none-any", "cp311-none-any", "cp311.cp312-none-any"],
}
BUILDS = {"one": ["", "1", "9", "10"], "two": ["1", "1a", "1b"], "three": ["01", "1"], "four": ["2", "1z"]}


def choose(rng, tags):
    """Some tags of the list: at random, or neighbours."""
    if rng.random() < 0.5:
        return rng.sample(tags, rng.choice([2, 2, 3, 5, 8]))
    start = rng.randrange(len(tags))
    return tags[max(0, start - 3):start + 3]


@pytest.mark.parametrize("platform", UV_PLATFORMS)
def test_as_uv(ask, run, tmp_path, platform):
    rng = random.Random(9)
    target = {"platform": platform, "python": "3.11.11"}
    (tags,) = ask([["tags", target]])
    tags = [tag for tag in dict.fromkeys(tags) if not tag.endswith("_fat3")]  # a macOS format uv does not know
    projects = {name: [(tag, "") for tag in tags_of] for name, tags_of in REAL.items()}
    projects |= {name: [("py3-none-any", build) for build in builds] for name, builds in BUILDS.items()}
    projects |= {f"random{i}": [(tag, "") for tag in choose(rng, tags)] for i in range(40)}

    folder = tmp_path / "wheels"
    folder.mkdir()
    packages = []
    for project, wheels in projects.items():
        names = [fake_wheels.make(folder, project, tag, build=build) for tag, build in dict.fromkeys(wheels)]
        rng.shuffle(names)
        rows = ", ".join(f'{{ path = "{n}", hashes = {{ sha256 = "{fake_wheels.sha256(folder, n)}" }} }}' for n in names)
        packages.append(f'[[packages]]\nname = "{project}"\nversion = "1.0"\nwheels = [{rows}]\n')
    text = 'lock-version = "1.0"\ncreated-by = "test"\n' + "".join(packages)
    (read, chosen) = ask([["pylock", text, False], ["pylock-select", text, target]])
    (folder / "pylock.toml").write_text(read["text"])

    run("uv", "pip", "install", "--preview-features", "pylock", "-r", folder / "pylock.toml", "--target", tmp_path / "out",
        "--python-platform", UV_PLATFORMS[platform], "--python-version", "3.11", "--offline", "--no-config",
        env={"MACOSX_DEPLOYMENT_TARGET": "13.0"}).ok()
    installed = {project: (tmp_path / "out" / f"{project}_which.py").read_text().strip() for project in projects}
    assert installed == chosen


def test_macos_13(ask):
    """By hand: what macOS 13 may run, and what it may not."""
    rows = [
        (["macosx_10_9_x86_64", "macosx_14_0_x86_64"], "macosx_x86_64", [13, 0], "macosx_10_9_x86_64"),
        (["macosx_10_9_x86_64", "macosx_13_0_x86_64", "macosx_14_0_x86_64"], "macosx_x86_64", [13, 0], "macosx_13_0_x86_64"),
        (["macosx_10_9_x86_64", "macosx_14_0_x86_64"], "macosx_x86_64", [14, 0], "macosx_14_0_x86_64"),
        (["macosx_11_0_arm64", "macosx_14_0_arm64"], "macosx_arm64", [13, 0], "macosx_11_0_arm64"),
        (["macosx_14_0_arm64"], "macosx_arm64", [13, 0], None),
        (["macosx_11_0_universal2", "macosx_11_0_arm64"], "macosx_arm64", [13, 0], "macosx_11_0_arm64"),
        (["macosx_10_9_universal2", "macosx_10_9_x86_64"], "macosx_x86_64", [13, 0], "macosx_10_9_x86_64"),
    ]
    for tags, platform, macos, want in rows:
        wheels = ", ".join(f'{{ path = "a-1-cp311-cp311-{tag}.whl", hashes = {{ sha256 = "{"0" * 64}" }} }}' for tag in tags)
        text = f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\nversion = "1"\nwheels = [{wheels}]\n'
        target = {"platform": platform, "python": "3.11.11", "macos": macos}
        assert ask([["pylock-select", text, target]]) == [{"a": want and f"a-1-cp311-cp311-{want}.whl"}]
