"""What lamina installs is what `uv pip install` installs from the same wheels, but for the differences named here."""

import pytest

import wheelhouse
from against_uv import SITE, Comparison, read_record, uv_install


@pytest.mark.network
@pytest.mark.parametrize("platform", wheelhouse.PLATFORMS)
def test_each_platform(platform, assemble, fake_runtimes, layer_of, tmp_path):
    """Real wheels of every platform, against `uv pip install --target --python-platform`."""
    windows = platform.startswith("win")
    archive = fake_runtimes["windows" if windows else "posix"]
    wheels = sorted(wheelhouse.wheels(platform).values())
    out, target = tmp_path / "ours", tmp_path / "uv"
    assemble(platform, [
        layer_of("runtime", "cpython-3.11", archive=archive),
        layer_of("framework", "framework-all", [0], wheels=wheels, archive=archive),
    ], out)
    uv_install(target, wheels, "--target", target, "--python-platform", wheelhouse.PLATFORMS[platform][1],
        "--python-version", wheelhouse.PYTHON)

    def rename(path):
        for mine, uvs in ((f"{SITE[windows]}/", ""), ("include/site/python3.11/", "include/")):
            if path.startswith(mine):
                return uvs + path[len(mine):]
        return path

    Comparison(out / "framework-all", target, SITE[windows], wheels, rename).check()


EVERYTHING = {
    "my_pkg/__init__.py": b"x = 1\n",
    "my_pkg/tool.sh": (b"#!/bin/sh\n", 0o755),
    "my_pkg/with, comma \"and quotes\".txt": b"c",
    "legacy.pyc": b"code without source",
    "My_Pkg.Odd-1.0.data/purelib/pure.py": b"p = 1\n",
    "My_Pkg.Odd-1.0.data/platlib/plat.py": b"p = 2\n",
    "My_Pkg.Odd-1.0.data/headers/h.h": b"//h\n",
    "My_Pkg.Odd-1.0.data/headers/sub/h.h": b"//h\n",
    "My_Pkg.Odd-1.0.data/scripts/odd": (b"#!python\nprint(1)\n", 0o755),
    "My_Pkg.Odd-1.0.data/scripts/odd.sh": (b"#!/bin/sh\n", 0o755),
    "My_Pkg.Odd-1.0.data/data/etc/my.conf": b"c\n",
    "My_Pkg.Odd-1.0.data/data/bin/tool": (b"#!/bin/sh\n", 0o755),
    "My_Pkg.Odd-1.0.dist-info/entry_points.txt": b"[console_scripts]\nmyep = my_pkg:x\n",
    "My_Pkg.Odd-1.0.dist-info/licenses/LICENSE": b"free\n",
}


def test_every_scheme(assemble, fake_runtimes, layer_of, tmp_path):
    """A wheel with all that a wheel can have, in a virtual environment's layout: the same paths in both."""
    wheel = wheelhouse.make_wheel(tmp_path, "My_Pkg.Odd-1.0", EVERYTHING)
    out, target = tmp_path / "ours", tmp_path / "uv"
    assemble("linux_x86_64", [
        layer_of("runtime", "cpython-3.11", archive=fake_runtimes["posix"]),
        layer_of("application", "app-odd", [0], wheels=[wheel]),
    ], out)
    uv_install(target, [wheel], "--prefix", target, "--python", "3.11")
    Comparison(out / "app-odd", target, SITE[False], [wheel]).check()


def test_what_the_wheel_says_of_an_installer_is_left_out(assemble, fake_runtimes, layer_of, tmp_path):
    """uv keeps these files, lists INSTALLER and REQUESTED twice in RECORD, and keeps compiled files."""
    wheel = wheelhouse.make_wheel(tmp_path, "demo-1.0", {
        "demo.py": b"x = 1\n",
        "__pycache__/demo.cpython-311.pyc": b"junk",
        "demo-1.0.dist-info/INSTALLER": b"the wheel itself\n",
        "demo-1.0.dist-info/REQUESTED": b"",
        "demo-1.0.dist-info/direct_url.json": b"{}",
    })
    out = tmp_path / "ours"
    assemble("linux_x86_64", [
        layer_of("runtime", "cpython-3.11", archive=fake_runtimes["posix"]),
        layer_of("application", "app-demo", [0], wheels=[wheel]),
    ], out)
    site = out / "app-demo" / SITE[False]
    assert sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()) == [
        "demo-1.0.dist-info/INSTALLER", "demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/RECORD",
        "demo-1.0.dist-info/WHEEL", "demo.py"]
    assert (site / "demo-1.0.dist-info/INSTALLER").read_bytes() == b"lamina\n"
    rows, _ = read_record(site / "demo-1.0.dist-info/RECORD")
    assert list(rows) == ["demo-1.0.dist-info/INSTALLER", "demo-1.0.dist-info/METADATA",
        "demo-1.0.dist-info/RECORD", "demo-1.0.dist-info/WHEEL", "demo.py"]
