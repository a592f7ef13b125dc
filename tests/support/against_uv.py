"""Comparing an installed layer with what `uv pip install` puts in place, file by file and byte by byte."""

import configparser
import csv
import hashlib
import os
import posixpath
import re
import subprocess
import zipfile

import wheelhouse

SITE = {False: "lib/python3.11/site-packages", True: "Lib/site-packages"}
OURS = re.compile(r"bin/python[0-9._]*|Scripts/pythonw?\.exe|postinstall\.py|share/venv/.*")
# what uv says about its own work, in every .dist-info
UVS_OWN = {"REQUESTED", "uv_cache.json", "direct_url.json"}


def tree(folder):
    """{path: (mode, SHA-256)} of all files; links and folders have no part in an installation."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[path.relative_to(folder).as_posix()] = ("x" if path.stat().st_mode & 0o100 else "-", digest)
    return found


def read_record(path):
    """{path: rest of the row}, and the paths in their order."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return {row[0]: tuple(row[1:]) for row in rows}, [row[0] for row in rows]


def scripts_of(wheel):
    """Names of programs that an installer makes or places in bin/: what lamina leaves out."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name.split(".data/scripts/", 1)[1] for name in archive.namelist() if ".data/scripts/" in name]
        points = configparser.ConfigParser(delimiters="=", interpolation=None)
        points.optionxform = str
        for name in archive.namelist():
            if name.endswith(".dist-info/entry_points.txt"):
                points.read_string(archive.read(name).decode())
    made = [name for section in ("console_scripts", "gui_scripts") if points.has_section(section)
        for name in points[section]]
    return {name for name in [*names, *made] if name}


def uv_install(target, wheel_paths, *options, env=None):
    """Install these very files, by name, as from an index. `env` is added to the environment."""
    house = target.parent / f"{target.name}-wheels"
    house.mkdir()
    names = []
    for path in wheel_paths:
        (house / path.name).symlink_to(path)
        names.append("==".join(path.name.split("-")[:2]))
    subprocess.run(["uv", "pip", "install", "--quiet", "--no-index", "--find-links", house, "--no-deps",
        "--no-config", "--link-mode=hardlink", *options, *names], check=True,
        env={**os.environ, **(env or {})})


class Comparison:
    """One layer of ours and one installation of uv's. `rename`: a path of our layer -> the path that uv gives it;
    `own`: whether a path of our layer has nothing to do with a wheel."""

    def __init__(self, ours, uvs, site, wheels, rename=lambda path: path, own=OURS.fullmatch):
        self.ours, self.uvs, self.site, self.rename, self.own = ours, uvs, site, rename, own
        self.wheels = wheels
        self.uvs_site = posixpath.dirname(rename(f"{site}/x"))
        self.scripts = {f"bin/{name}" for wheel in wheels for name in scripts_of(wheel)}

    def check(self):
        """Every difference is asserted, none is passed over."""
        ours, uvs = tree(self.ours), tree(self.uvs)
        infos = {path.split("/")[-2] for path in ours if path.endswith(".dist-info/RECORD")}
        assert len(infos) == len(self.wheels)
        renamed = {self.rename(path): path for path in ours if not self.own(path)}

        assert set(renamed) - set(uvs) == set()
        uv_only = set(uvs) - set(renamed)
        in_info = {path for path in uv_only if path.split("/")[-1] in UVS_OWN and path.split("/")[-2] in infos}
        assert in_info, "uv has left its marks"
        assert uv_only - in_info - {".lock"} == self.scripts

        for theirs, path in renamed.items():
            parent, name = ("/" + path).split("/")[-2:]
            if name == "INSTALLER" and parent in infos:
                assert (self.ours / path).read_bytes() == b"lamina\n"
                assert (self.uvs / theirs).read_bytes() == b"uv"
            elif name == "RECORD" and parent in infos:
                self.check_record(path, theirs, parent)
            else:
                assert ours[path] == uvs[theirs], path

    def check_record(self, path, theirs, info):
        mine, order = read_record(self.ours / path)
        assert order == sorted(order, key=str.encode) and len(order) == len(mine)
        assert mine[f"{info}/RECORD"] == ("", "")
        for row, said in mine.items():
            if row != f"{info}/RECORD":
                body = (self.ours / self.site / row).read_bytes()
                assert tuple(wheelhouse.record_row("x", body).strip().split(",")[1:]) == said, row

        uvs, _ = read_record(self.uvs / theirs)
        expected = {posixpath.normpath(posixpath.join(self.uvs_site, row)): said for row, said in uvs.items()}
        got = {self.rename(posixpath.normpath(posixpath.join(self.site, row))): said for row, said in mine.items()}
        installer = self.rename(f"{self.site}/{info}/INSTALLER")
        assert got.pop(installer) == ("sha256=kdWPQQcVwx7tOnmZgNxNhke0aV0_iHDzaiixP5_LXeU", "7")
        assert expected.pop(installer)[1] == "2"
        own = {self.rename(f"{self.site}/{info}/{name}") for name in UVS_OWN}
        assert got == {row: said for row, said in expected.items() if row not in own | self.scripts}
