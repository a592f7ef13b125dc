"""Compatibility tags, wheel names and ranks against the `packaging` library."""

import itertools
import random

import pytest
from packaging import tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

PLATFORMS = ["linux_x86_64", "linux_aarch64", "macosx_arm64", "macosx_x86_64", "win_amd64", "win_arm64"]
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def platform_tags(target):
    """What packaging.tags.platform_tags() gives on a machine like the target."""
    platform = target["platform"]
    if platform.startswith("linux"):
        machine = platform.removeprefix("linux_")
        result = []
        for minor in range(target.get("glibc", [2, 28])[1], 4 if machine == "x86_64" else 16, -1):
            result.append(f"manylinux_2_{minor}_{machine}")
            if minor in LEGACY:
                result.append(f"{LEGACY[minor]}_{machine}")
        return result + [platform]
    if platform.startswith("macosx"):
        version = tuple(target.get("macos", [13, 0]))
        return list(tags.mac_platforms(version, platform.removeprefix("macosx_")))
    return [platform]


def all_tags(target):
    version = tuple(int(part) for part in target["python"].split(".")[:2])
    own = f"cp{version[0]}{version[1]}"
    platforms = platform_tags(target)
    found = tags.cpython_tags(version, [own], platforms)
    pure = tags.compatible_tags(version, own, platforms)
    return [str(tag) for tag in itertools.chain(found, pure)]


TARGETS = [{"platform": p, "python": v} for p in PLATFORMS for v in ("3.11.11", "3.14.6", "3.9.0")]
TARGETS += [{"platform": p, "python": "3.12.9", "glibc": [2, g]} for p in PLATFORMS[:2] for g in (4, 5, 11, 12, 16, 17, 18, 35)]
TARGETS += [{"platform": p, "python": "3.12.9", "macos": m} for p in PLATFORMS[2:4]
    for m in ([10, 4], [10, 9], [10, 15], [10, 16], [11, 0], [11, 7], [12, 3], [14, 2], [26, 0])]
TARGETS += [{"platform": "linux_x86_64", "python": v} for v in ("3.2.0", "3.3.1", "3.1.0", "3.100.0")]


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: "-".join(str(v) for v in t.values()))
def test_list_and_ranks(ask, target):
    want = all_tags(target)
    (got,) = ask([["tags", target]])
    assert got == want
    # the rank of a wheel is computed, not looked up: it must be the place in the list
    (ranks,) = ask([["wheel-rank", [f"a-1-{tag}.whl" for tag in want], target]])
    first = {}
    for place, tag in enumerate(want):
        first.setdefault(tag, place)
    assert ranks == [first[tag] for tag in want]


def test_glibc_from_packaging(ask, monkeypatch):
    """The list above follows packaging's own manylinux code, here with a glibc of our choice."""
    from packaging import _manylinux

    monkeypatch.setattr(_manylinux, "_have_compatible_abi", lambda *_: True)
    for machine, minor in itertools.product(("x86_64", "aarch64"), (4, 5, 12, 17, 28, 40)):
        monkeypatch.setattr(_manylinux, "_get_glibc_version", lambda minor=minor: _manylinux._GLibCVersion(2, minor))
        want = list(_manylinux.platform_tags([machine])) + [f"linux_{machine}"]
        assert want == platform_tags({"platform": f"linux_{machine}", "glibc": [2, minor]})


def _random_tag(rng):
    python = rng.choice(["cp311", "cp310", "cp39", "cp312", "cp38", "py3", "py2", "py311", "py310", "py312", "py30", "cp3",
        "py", "cp", "pp311", "cp27", "cp2", "py27", "py4", "cp032", "cp3011", "cp99999", "CP311", "Py3"])
    abi = rng.choice(["cp311", "cp310", "abi3", "none", "cp311t", "cp311d", "abi3t", "pp73", "ABI3", "cp39", "py311", "cp3"])
    platform = rng.choice(["any", "linux_x86_64", "linux_aarch64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64",
        "manylinux_2_29_x86_64", "manylinux_2_4_x86_64", "manylinux_2_5_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64",
        "manylinux2010_x86_64", "manylinux2014_aarch64", "manylinux1_aarch64", "manylinux_2_17_aarch64", "manylinux_3_1_x86_64",
        "manylinux_2_017_x86_64", "manylinux_2__x86_64", "manylinux_2_17_i686", "musllinux_1_1_x86_64", "macosx_10_9_x86_64",
        "macosx_10_9_universal2", "macosx_11_0_arm64", "macosx_11_0_universal2", "macosx_12_0_x86_64", "macosx_12_3_x86_64",
        "macosx_13_0_arm64", "macosx_14_0_x86_64", "macosx_10_3_x86_64", "macosx_10_16_intel", "macosx_10_17_intel",
        "macosx_10_4_fat3", "macosx_10_9_fat", "macosx_10_6_i386", "macosx_10_9_arm64", "macosx_11_0_", "macosx_11_0",
        "win_amd64", "win_arm64", "win32", "WIN_AMD64", "manylinux_2_17_armv7l", "linux_i686"])
    return python, abi, platform


def test_ranks_of_compressed_sets(ask):
    rng = random.Random(6)
    names = []
    for _ in range(4000):
        picked = [_random_tag(rng) for _ in range(rng.choice([1, 1, 2, 3]))]
        sets = [".".join(dict.fromkeys(part)) for part in zip(*picked)]
        names.append(f"some_name-1.0-{'-'.join(sets)}.whl")
    compatible = 0
    for platform in PLATFORMS:
        target = {"platform": platform, "python": "3.11.11"}
        places = {}
        for place, tag in enumerate(all_tags(target)):
            places.setdefault(tag, place)
        (ranks,) = ask([["wheel-rank", names, target]])
        for name, rank in zip(names, ranks):
            found = [places[str(tag)] for tag in parse_wheel_filename(name)[3] if str(tag) in places]
            assert rank == min(found, default=-1), (platform, name)
            compatible += rank >= 0
    assert compatible > 500


GOOD_NAMES = ["numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "Foo.Bar-1.0-py2.py3-none-any.whl",
    "foo_bar-1.0-1-py3-none-any.whl", "foo-1.0-20xyz-py3-none-any.whl", "foo-1!2.0-py3-none-any.whl",
    "foo-1.0+local.1-py3-none-any.whl", "foo-1.0.post1-CP311-ABI3-WIN_AMD64.whl", "f-0-py3-none-any.whl"]
BAD_NAMES = ["", "foo", "foo.whl", "foo-1.0.whl", "foo-1.0-py3-none-any.zip", "foo-1.0-py3-none-any.whl.zip",
    "foo-1.0-py3-none.whl", "foo-1.0-x1-py3-none-any.whl", "foo-1.0-1-2-py3-none-any.whl", "foo-x-py3-none-any.whl",
    "-1.0-py3-none-any.whl", "foo--py3-none-any.whl", "foo-1.0-py3..py2-none-any.whl", "foo-1.0-.py3-none-any.whl",
    "foo-1.0-py3-none-any..whl", "foo-1.0--none-any.whl", "foo-1.0-py3--any.whl", "foo-1.0-3py-none-any.whl",
    "foo__bar-1.0-py3-none-any.whl", "fo o-1.0-py3-none-any.whl", "foo-1.0-py3-none-any.WHL", "foo-1.0-py 3-none-any.whl",
    "foo-1.0--py3-none-any.whl"]


def test_names(ask):
    for name, got in zip(GOOD_NAMES, ask(["wheel-name", n] for n in GOOD_NAMES)):
        project, version, build, _ = parse_wheel_filename(name)
        assert got["name"] == project
        assert got["version"] == name.split("-")[1]
        assert got["build"] == "".join(str(part) for part in build)
        assert "-".join([got["python"], got["abi"], got["platform"]]) == "-".join(name[:-4].lower().split("-")[-3:])
        assert str(version)
    for name, got in zip(BAD_NAMES, ask(["wheel-name", n] for n in BAD_NAMES)):
        with pytest.raises(InvalidWheelFilename):
            parse_wheel_filename(name)
        assert got["code"] == 3, name


EXPECTED = "expected NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl"


@pytest.mark.parametrize("name, message", [
    ("foo.whl", "wheel file name 'foo.whl': " + EXPECTED),
    ("foo-1.0-py3-none-any.zip", "wheel file name 'foo-1.0-py3-none-any.zip': it does not end in '.whl'"),
    ("foo-1.0-x1-py3-none-any.whl",
        "wheel file name 'foo-1.0-x1-py3-none-any.whl': the build number does not begin with a digit"),
    ("foo-one-py3-none-any.whl", "wheel file name 'foo-one-py3-none-any.whl': the version is not valid"),
    ("foo__bar-1-py3-none-any.whl", "wheel file name 'foo__bar-1-py3-none-any.whl': the package name holds '__'"),
    ("_foo-1-py3-none-any.whl", "wheel file name '_foo-1-py3-none-any.whl': the package name is not valid"),
    ("foo-1-py3.-none-any.whl", "wheel file name 'foo-1-py3.-none-any.whl': the compatibility tags are not valid"),
    ("../foo-1-py3-none-any.whl", "wheel file name with a character besides letters, digits and '-_.+!'"),
    ("foo\\bar-1-py3-none-any.whl", "wheel file name with a character besides letters, digits and '-_.+!'"),
    ("foo\n-1-py3-none-any.whl", "wheel file name with a character besides letters, digits and '-_.+!'"),
    ("f\u00f6o-1-py3-none-any.whl", "wheel file name with a character besides letters, digits and '-_.+!'"),
    ("f" * 240 + "-1-py3-none-any.whl", "wheel file name longer than 255 bytes"),
])
def test_name_messages(ask, name, message):
    assert ask([["wheel-name", name]]) == [{"error": message, "code": 3}]


def test_marker_environment(ask):
    """The values of CPython, as sys, os and platform give them on each platform."""
    rows = {
        "linux_x86_64": ("posix", "linux", "Linux", "x86_64"), "linux_aarch64": ("posix", "linux", "Linux", "aarch64"),
        "macosx_arm64": ("posix", "darwin", "Darwin", "arm64"), "macosx_x86_64": ("posix", "darwin", "Darwin", "x86_64"),
        "win_amd64": ("nt", "win32", "Windows", "AMD64"), "win_arm64": ("nt", "win32", "Windows", "ARM64"),
    }
    answers = ask(["target-env", {"platform": p, "python": "3.11.11"}] for p in rows)
    for (os_name, sys_platform, system, machine), got in zip(rows.values(), answers):
        assert got == {"os_name": os_name, "sys_platform": sys_platform, "platform_system": system,
            "platform_machine": machine, "platform_release": "", "platform_version": "",
            "platform_python_implementation": "CPython", "implementation_name": "cpython",
            "implementation_version": "3.11.11", "python_version": "3.11", "python_full_version": "3.11.11", "extra": None}
