"""How misc/coverage judges what was counted."""

import configparser
import importlib.machinery
import importlib.util
import os
import re

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


FLOORS = "[text]\nlines = 95\nbranches = 50\n[net]\nlines = 0\nbranches = 100\n"


@pytest.mark.parametrize("was, now, found", [
    ("", "", []),
    ("lines = 95", "lines = 95.1", ["module 'text': 95.0 % of its lines are run by tests, and the floor is 95.1 %"]),
    ("branches = 50", "branches = 51", ["module 'text': 50.0 % of its branches are run by tests, and the floor is 51.0 %"]),
    ("branches = 50", "", ["module 'text' has no floor for branches in misc/coverage_floors.ini"]),
    ("[net]\nlines = 0\nbranches = 100\n", "", ["module 'net' has no floor for lines in misc/coverage_floors.ini",
                                                "module 'net' has no floor for branches in misc/coverage_floors.ini"]),
    ("[net]", "[old]\nlines = 1\n[net]", ["misc/coverage_floors.ini: [old] is no module of src/"]),
])
def test_floors(coverage, tmp_path, capsys, was, now, found):
    (tmp_path / "misc" / "coverage_floors.ini").write_text(FLOORS.replace(was, now))
    assert coverage.judge(COUNTED) == found
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["MODULE", "LINES", "FLOOR", "BRANCHES", "FLOOR"]
    assert [line.split()[:2] for line in table[1:3]] == [["net", "0.0%"], ["text", "95.0%"]]
    assert [line.split()[3] for line in table[1:3]] == ["100.0%", "50.0%"]
    assert table[3] == "report: zig-out-coverage/html/index.html"


LEAVES = '[ "$EXTRA" = 1 ] && for folder in "$HOME" "$TMPDIR"; do rmdir "$folder" && mkdir "$folder" && touch "$folder/x" || exit 1; done'


def test_what_fails_is_told(coverage, tmp_path, monkeypatch, capfd):
    programs = {}
    for name, body in (("fine", LEAVES), ("too", LEAVES), ("empty", "exit 5"), ("broken", "echo got 1; echo want 2 >&2; exit 1"), ("late", "echo begun; read x <> \"$0.fifo\"")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        programs[name] = [str(program)]
    os.mkfifo(tmp_path / "late.fifo")
    late = programs.pop("late")
    failed = coverage.run_all(list(programs.values()), {"EXTRA": "1"}, jobs=2)
    monkeypatch.setattr(coverage, "FILE_TIMEOUT_S", 5)  # it never ends
    assert failed + coverage.run_all([late], {"EXTRA": "1"}, jobs=2) == ["broken", "late"]
    told = re.sub(r"^ *[0-9]+ s  ", "", capfd.readouterr().err, flags=re.MULTILINE)
    assert "FAILED  broken\ngot 1\nwant 2\n" in told and "FAILED  late\nbegun\n\nnot done after 5 s\n" in told
    assert sorted(line for line in told.splitlines() if line.startswith("ok")) == ["ok      empty", "ok      fine", "ok      too"]


def test_every_module_has_floors():
    floors = configparser.ConfigParser()
    floors.read(paths.ROOT / "misc" / "coverage_floors.ini", encoding="utf-8")
    assert sorted(floors.sections()) == sorted(path.name for path in (paths.ROOT / "src").iterdir() if path.is_dir())
    assert {tuple(sorted(floors[name])) for name in floors.sections()} == {("branches", "lines")}


def test_tests_are_there(coverage, monkeypatch):
    monkeypatch.setattr(coverage, "ROOT", paths.ROOT)
    files = {name: coverage.files_of(name) for name in coverage.TESTS}
    assert [name for name, found in files.items() if not found or not all(path.is_file() for path in found)] == []
