"""How misc/coverage judges what was counted."""

import configparser
import importlib.machinery
import importlib.util

import paths
import pytest

COUNTED = {
    "text": {"lines": [95, 100], "branches": [1, 2]},
    "net": {"lines": [0, 10], "branches": [0, 0]},
}


@pytest.fixture
def coverage(tmp_path, monkeypatch):
    """The script as a module, in a checkout that has only floors."""
    loader = importlib.machinery.SourceFileLoader("coverage_script", str(paths.ROOT / "misc" / "coverage"))
    script = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(script)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "OUT", tmp_path / "zig-out-coverage")
    (tmp_path / "misc").mkdir()
    return script


@pytest.mark.parametrize("floors, found", [
    ("[text]\nlines = 95\n[net]\nlines = 0\n", []),
    ("[text]\nlines = 95.1\n[net]\nlines = 0\n", ["module 'text': 95.0 % of its lines are run by tests, and the floor is 95.1 %"]),
    ("[text]\nlines = 95\n", ["module 'net' has no floor in misc/coverage_floors.ini"]),
    ("[text]\nlines = 95\n[net]\nlines = 0\n[old]\nlines = 1\n", ["misc/coverage_floors.ini: [old] is no module of src/"]),
])
def test_floors(coverage, tmp_path, capsys, floors, found):
    (tmp_path / "misc" / "coverage_floors.ini").write_text(floors)
    assert coverage.judge(COUNTED) == found
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["MODULE", "LINES", "FLOOR", "BRANCHES"]
    assert [line.split()[:2] for line in table[1:3]] == [["net", "0.0%"], ["text", "95.0%"]]
    assert table[3] == "report: zig-out-coverage/html/index.html"


def test_every_module_has_a_floor():
    floors = configparser.ConfigParser()
    floors.read(paths.ROOT / "misc" / "coverage_floors.ini", encoding="utf-8")
    assert sorted(floors.sections()) == sorted(path.name for path in (paths.ROOT / "src").iterdir() if path.is_dir())


def test_folders_of_tests_are_there(coverage):
    assert [name for name in coverage.FOLDERS if not list((paths.ROOT / "tests" / name).glob("test_*.py"))] == []
