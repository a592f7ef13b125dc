"""bench/: what is concluded from figures, and where it is written."""

import argparse
import importlib.machinery
import importlib.util
import json
import sys
import xml.dom.minidom
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
MACHINE = {"date": "2026-01-02", "commit": "abc", "processor": "a processor", "processors": 2, "memory_gib": 8, "kernel": "6.1",
           "python": "3.11.2", "load_before": 0.1, "versions": {"lamina": "0.1.0", "xz": "5.4.1"}}


def program(name):
    loader = importlib.machinery.SourceFileLoader(f"bench_{name}", str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(f"bench_{name}", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def programs():
    sys.path.insert(0, str(BENCH))
    yield program
    sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def run(programs):
    return programs("run")


@pytest.fixture(scope="module")
def growth(programs):
    return programs("growth")


def figures(run, rows, before=()):
    """Rows are {name: (wall, cpu, bytes)}, of one run each."""
    data = {"run": "today", "machine": MACHINE, "plain_bytes": 500_000_000, "rows": {}}
    for name, (wall, cpu, size) in rows.items():
        one = {"wall": wall, "cpu": cpu, "memory": 10.0, "load": 0.1, **({"bytes": size} if size else {})}
        data["rows"][name] = {"run": "yesterday" if name in before else "today", "runs": [one]}
    return run.Figures(data)


def cells(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_bars(run):
    found = figures(run, {"lamina": (5.0, 9.0, 125), "venvstacks": (200.0, 190.0, 100), "max": (100.0, 190.0, 109), "xz": (100.0, 180.0, 100),
                          "floor": (4.0, 6.0, 120), "noop": (0.02, 0.02, None), "venvstacks-noop": (0.9, 0.8, None)})
    assert cells(run.bars(found)) == [
        ["build and publish, against venvstacks", "at least 40 times as fast", "40 times as fast", "21", "yes"],
        ["its archives, against venvstacks'", "at most 1.25 times the size", "1.250 times the size", "", "yes"],
        ["`--level max`, against venvstacks", "at least 3 times as fast", "2.0 times as fast", "1.0", "**no**"],
        ["its archives, against venvstacks'", "at most 1.08 times the size", "1.090 times the size", "", "**no**"],
        ["`--format tar.xz`, against venvstacks", "at least 1.8 times as fast", "2.0 times as fast", "1.1", "yes"],
        ["its archives, against venvstacks'", "smaller", "1.000 times the size", "", "**no**"],
        ["nothing changed, against venvstacks", "at least 50 times as fast", "45 times as fast", "40", "**no**"],
        ["build and publish, against the bare C loop", "at most 1.3 times as long", "1.25 times as long", "1.50", "yes"],
    ]


def test_another_run(run):
    """A busy machine's wall time would make lamina look faster than it is."""
    found = figures(run, {"lamina": (5.0, 9.0, 125), "venvstacks": (900.0, 190.0, 100)}, before=["venvstacks"])
    assert [row[:4] for row in cells(run.table(found))] == [
        ["`lamina build --publish`", "1", "5.00", "9.00"],
        ["venvstacks 0.7.0 `build --publish` †", "1", "190.00", "190.00"],
    ]
    assert cells(run.bars(found))[0][2:] == ["38 times as fast", "21", "**no**"]


def test_median(run):
    found = figures(run, {"lamina": (5.0, 9.0, 125)})
    one = found.data["rows"]["lamina"]["runs"][0]
    found.data["rows"]["lamina"]["runs"] = [{**one, "wall": wall} for wall in (7.0, 1.0, 2.0)]
    assert cells(run.table(run.Figures(found.data)))[0][:3] == ["`lamina build --publish`", "3", "2.00"]


def test_render(run, monkeypatch, tmp_path):
    monkeypatch.setattr(run.common, "RESULTS", tmp_path)
    data = figures(run, {"lamina": (5.0, 9.0, 125_000_000)}).data
    (tmp_path / "run-sample.json").write_text(json.dumps(data), encoding="utf-8")
    text, readme = run.render()
    assert text.splitlines()[:3] == [
        "### The sample stack",
        "",
        "500 MB as plain tars. Measured on 2026-01-02 with 2 processors (a processor), 8 GiB, Linux 6.1; load before 0.1. lamina 0.1.0, xz 5.4.1.",
    ]
    assert cells(readme) == [["`lamina build --publish`", "5.00", "9.00", "125.0", "1.0"]]


def test_write(run, tmp_path):
    document = tmp_path / "d.md"
    document.write_text("above\n<!-- x writes from here -->\nold\n<!-- to here -->\nbelow\n<!-- to here -->\n", encoding="utf-8")
    run.common.write("x", "new\n", document)
    assert document.read_text(encoding="utf-8") == (
        "above\n<!-- x writes from here -->\n\nnew\n\n<!-- to here -->\nbelow\n<!-- to here -->\n")


@pytest.mark.parametrize("stack, only, rows", [
    ("sample", ["noop", "read-m*"], ["noop", "read-max"]),
    ("large", ["venvstacks"], ["venvstacks"]),
])
def test_only(run, stack, only, rows):
    assert run.chosen(stack, only) == rows


def test_only_unknown(run):
    with pytest.raises(SystemExit, match="^bench/run: no such row: nop$"):
        run.chosen("sample", ["nop"])


@pytest.fixture
def rows_told(run, monkeypatch, tmp_path):
    """Rows that take no time: measure(options...) runs them on a machine of these facts, and returns (turns measured, all figures)."""
    facts = {"date": "2026-01-02", "program": "one", "processors": 2}
    took = []

    class Rows:
        def __init__(self, *_):
            pass

        def prepare(self, row):
            pass

        def run(self, row):
            took.append(row)
            return {"wall": float(len(took)), "cpu": 1.0, "memory": 1.0}

    monkeypatch.setattr(run.common, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "BENCH", tmp_path)
    monkeypatch.setattr(run, "Rows", Rows)
    monkeypatch.setattr(run.stacks, "get", lambda *_: None)
    monkeypatch.setattr(run.common, "machine", lambda *_: dict(facts))

    def measure(**given):
        took.clear()
        options = argparse.Namespace(only=["noop", "max"], runs=2, slow_runs=2, prepare=False, go_on=False)
        vars(options).update(given)
        run.measure_stack("sample", {}, options)
        return list(took), json.loads((tmp_path / "run-sample.json").read_text())

    measure.facts = facts
    return measure


def test_go_on(rows_told):
    took, before = rows_told(runs=2, slow_runs=1)
    assert took == ["noop", "max", "noop"]
    took, after = rows_told(runs=3, slow_runs=3, go_on=True)
    assert took == ["max", "noop", "max"]  # what the second turn lacks, then the third
    assert {row: len(of["runs"]) for row, of in after["rows"].items()} == {"noop": 3, "max": 3}
    assert after["run"] == before["run"] == after["rows"]["noop"]["run"]
    assert after["rows"]["noop"]["runs"][:2] == before["rows"]["noop"]["runs"]


def test_a_new_run_takes_no_old_figures(rows_told):
    rows_told()
    _, data = rows_told(runs=1, slow_runs=1)
    assert {row: len(of["runs"]) for row, of in data["rows"].items()} == {"noop": 1, "max": 1}


def test_go_on_with_another_program(rows_told):
    _, before = rows_told()
    rows_told.facts["program"] = "two"
    with pytest.raises(SystemExit, match=f"^bench/run: --go-on: the run of {before['run']} had another program: begin a new one$"):
        rows_told(go_on=True)


def test_large_leaves_out_what_takes_long(run):
    assert run.chosen("large", None) == [
        "lamina", "noop", "floor", "tar-zstd", "tar-xz", "change-first", "change", "read-lamina", "unpack-lamina",
        "deploy-lamina"]


def points(*rows):
    """(size, CPU seconds, MiB) of a first publish; the next one takes nothing."""
    nothing = {"wall": 0.0, "cpu": 0.01, "memory": 20.0}
    return [(size, {"wall": cpu, "cpu": cpu, "memory": memory}, nothing) for size, cpu, memory in rows]


GROWTH = {  # what is measured -> what is said to be wrong
    "linear": (points((10, 0.1, 20), (100, 1.0, 20), (1000, 10.0, 20)), []),
    "small sizes do not count": (points((10, 9.0, 20), (100, 1.0, 20), (1000, 10.0, 20)), []),
    "too quick to tell": (points((100, 0.01, 20), (1000, 0.19, 20)), []),
    "one size": (points((1000, 10.0, 20)), []),
    "square": (points((100, 0.1, 20), (1000, 10.0, 20)), ["files, publish: CPU time grows as the size to the power 2.00"]),
    "memory": (points((100, 0.1, 20), (1000, 1.0, 300.0)), ["1000 files: 300 MiB"]),
}


@pytest.mark.parametrize("name", GROWTH)
def test_growth(growth, name):
    measured, wrong = GROWTH[name]
    assert growth.conclude({"files": measured}) == wrong


def test_plot(growth):
    """Axes from 0, so that what grows linearly is a straight line: of (100, 1 s) and (200, 2 s) the middle is half way."""
    drawn = xml.dom.minidom.parseString(growth.plot({"files": points((100, 1.0, 30), (200, 2.0, 60))}))
    lines = [[tuple(map(float, place.split(","))) for place in line.getAttribute("points").split()]
             for line in drawn.getElementsByTagName("polyline")]
    assert len(lines) == 4  # CPU and memory, first and next
    (x1, y1), (x2, y2) = lines[0]
    (left, bottom) = (2 * x1 - x2, 2 * y1 - y2)
    axis = drawn.getElementsByTagName("path")[0].getAttribute("d")
    assert axis == f"M{left:g} 40V{round(bottom)}H{x2:g}"  # places are rounded to tenths
