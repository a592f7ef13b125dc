"""The tables around the tests (misc/changed.py, misc/tiers.py, misc/flaky.py), misc/lint_tests, and ./check changed."""

import datetime
import subprocess

import pytest

import changed
import flaky
import tiers
from fake_checkout import INI, FakeCheckout

CHANGED = """\
[modules]
src/text = tests/unit/text tests/a ; the reader
src/programs/lamina = tests/b
[others]
*.c = echo
*.md = links
"""
FILES = {
    "src/text/toml.c": "int x;\n", "src/programs/lamina/main.c": "", "src/programs/common.h": "", "README.md": "text\n",
    "tests/unit/text/test_toml.c": "static void\nreads(void **state)\n{\n}\n",
    "tests/a/test_one.py": "from helping import give\n\n\ndef test_one():\n    give()\n",
    "tests/b/test_two.py": "def test_two(tool):\n    assert 'toml_tool'\n\n\ndef test_odd():\n    pass\n",
    "tests/b/conftest.py": "", "tests/support/helping.py": "import below\n\n\ndef give():\n    pass\n",
    "tests/support/below.py": "", "tests/tools/toml_tool.c": "", "tests/c/conftest.py": "def x():\n    import below\n",
    "misc/changed.ini": CHANGED, "tests/tiers.ini": "[unit]\na\n[contract]\nb/test_two.py\n",
}
LINKS = "\n[links]\nabout = links\nlabels = static\ncommand = true {docs}\n"


def make(folder):
    made = FakeCheckout(folder / "checkout")
    for name, text in FILES.items():
        made.write(name, text)
    made.write("check.ini", (made.folder / "check.ini").read_text() + LINKS)
    return made


@pytest.fixture
def checkout(tmp_path):
    return make(tmp_path)


@pytest.fixture
def committed(checkout):
    checkout.commit()
    return checkout


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """For tests that only read."""
    return make(tmp_path_factory.mktemp("unchanged"))


def lint(run, checkout):
    result = run(checkout.folder / "misc" / "lint_tests", "--root", checkout.folder)
    assert result.err == "" and result.code == (1 if result.out else 0), result
    return result.out.splitlines()


# ---- from change to tests

COVERED = {
    "src/text/toml.c": {"tests/unit/text", "tests/a", "echo"}, "src/text/sub/x.h": {"tests/unit/text", "tests/a"}, "src/textual.h": set(),
    "README.md": {"links"}, "docs/x.md": {"links"}, "other": set(),
    "tests/a/test_one.py": {"tests/a/test_one.py"}, "tests/unit/text/test_toml.c": {"tests/unit/text/test_toml.c", "echo"},
    "tests/a/test_removed.py": set(), "tests/b/conftest.py": {"tests/b"}, "tests/unit/text/fixture.h": {"tests/unit/text"},
    "tests/support/rows.h": {"tests/unit"}, "tests/support/helping.py": {"tests/a/test_one.py"},
    "tests/support/below.py": {"tests/a/test_one.py", "tests/c"}, "tests/tools/toml_tool.c": {"tests/b/test_two.py", "echo"},
}


@pytest.mark.parametrize("file", COVERED)
def test_what_covers_a_file(unchanged, file):
    assert changed.covering(unchanged.folder, file, changed.rows(unchanged.folder)) == COVERED[file]


def test_nothing_changed(committed):
    lines = committed.said("changed", code=0)
    assert lines[0].startswith("0 files differ from ")
    assert lines[1:] == ["0 passed, 0 failed, 0 skipped", "This was what covers the change. All that CI runs: ./check"]


def test_changed_on_a_branch(committed):
    subprocess.run(["git", "-C", committed.folder, "checkout", "-q", "-b", "topic"], check=True)
    committed.write("README.md", "other\n")
    committed.commit("on the branch")
    committed.write("tests/b/test_two.py", FILES["tests/b/test_two.py"] + "\n\ndef test_new():\n    pass\n")
    committed.write("new.txt", "not yet known to git\n")
    commit = subprocess.run(["git", "-C", committed.folder, "rev-parse", "main"], stdout=subprocess.PIPE, text=True, check=True).stdout
    head = ["      README.md            links", "      new.txt              nothing: no row of misc/changed.ini matches",
            "      tests/b/test_two.py  tests/b/test_two.py"]
    tail = ["This was what covers the change. All that CI runs: ./check"]
    assert committed.said("changed", code=0) == [
        f"3 files differ from {commit[:12]}:", *head, "ok    test             3 passed", "ok    links            1 passed",
        "4 passed, 0 failed, 0 skipped", *tail]
    lines = committed.said("changed", "--base", "HEAD", code=0)
    assert lines[1:] == [*head[1:], "ok    test             3 passed", "3 passed, 0 failed, 0 skipped", *tail]


def test_changed_since_nothing(committed):
    result = committed.check("changed", "--base", "nowhere")
    assert (result.code, result.err) == (2, "check: git merge-base: fatal: Not a valid object name nowhere\n")


# ---- what the static check finds


def test_good_tables(checkout, run):
    assert lint(run, checkout) == []


def test_this_checkout(root, run):
    assert run(root / "misc" / "lint_tests").ok().out == ""


LINTED = {
    "module without a row": ({"src/net/http.c": ""}, "misc/changed.ini: no row for the module 'src/net': write which tests cover it"),
    "program without a row": ({"src/programs/other/main.c": ""},
        "misc/changed.ini: no row for the module 'src/programs/other': write which tests cover it"),
    "row for nothing": ({"misc/changed.ini": CHANGED + "src/db = tests/a\n"}, "misc/changed.ini:7: no file of the tree is 'src/db'"),
    "row to nowhere": ({"misc/changed.ini": CHANGED + "README* = tests/gone\n"},
        "misc/changed.ini:7: 'tests/gone' is no folder or file of tests, and no environment"),
    "unknown environment": ({"misc/changed.ini": CHANGED + "README* = uint\n"},
        "misc/changed.ini:7: 'uint' is no folder or file of tests, and no environment"),
    "order of what is not there": ({"check.ini": INI + LINKS + "first = tests/a/test_one.py tests/gone.py\n"},
        "check.ini: [links] first: there is no file 'tests/gone.py'"),
    "empty row": ({"misc/changed.ini": CHANGED + "README* =\n"}, "misc/changed.ini:7: 'README*' leads to no test"),
    "row outside": ({"misc/changed.ini": "x = y\n"}, "misc/changed.ini:1: a line before the first section"),
    "bad section": ({"misc/changed.ini": "[x\n"}, "misc/changed.ini:1: a section is written [name]"),
    "no tier": ({"tests/c/test_c.py": ""}, "tests/c/test_c.py: no tier: add 'c' to tests/tiers.ini"),
    "tier of nothing": ({"tests/tiers.ini": FILES["tests/tiers.ini"] + "gone\n"},
        "tests/tiers.ini:5: there is no test file 'gone', and none in a folder of this name"),
    "words after a tier's folder": ({"tests/tiers.ini": FILES["tests/tiers.ini"] + "c = e2e\n"},
        "tests/tiers.ini:5: one folder or file a line, and nothing after it"),
    "hidden module": ({"tests/support/b.py": ""}, "tests/support/b.py: has the name of the folder tests/b, which hides it"),
    "flaky and expired": ({"tests/known_flaky.txt": "\ntests/b/test_two.py::test_odd | 2020-02-01 | why\n"},
        "tests/known_flaky.txt:2: 'tests/b/test_two.py::test_odd' has expired on 2020-02-01: mend it, or give a new date and say why"),
    "flaky and stale": ({"tests/known_flaky.txt": "tests/b/test_two.py::test_gone | 9999-01-01 | why\n"},
        "tests/known_flaky.txt:1: there is no test 'tests/b/test_two.py::test_gone'"),
    "flaky without a reason": ({"tests/known_flaky.txt": "tests/b/test_two.py::test_odd | 9999-01-01 |\n"},
        "tests/known_flaky.txt:1: not of the form `test | date | reason`"),
    "flaky until sometime": ({"tests/known_flaky.txt": "tests/b/test_two.py::test_odd | soon | why\n"},
        "tests/known_flaky.txt:1: 'soon' is no date like 2027-01-31"),
    "flaky twice": ({"tests/known_flaky.txt": 2 * "tests/b/test_two.py::test_odd | 9999-01-01 | why\n"},
        "tests/known_flaky.txt:2: 'tests/b/test_two.py::test_odd' is there twice"),
}


@pytest.mark.parametrize(("files", "want"), LINTED.values(), ids=LINTED)
def test_lint(checkout, run, files, want):
    for name, text in files.items():
        checkout.write(name, text)
    assert want in lint(run, checkout)


def test_flaky_tests_that_are_there(checkout):
    checkout.write("tests/known_flaky.txt", "tests/b/test_two.py::test_odd | 2026-05-01 | why\n"
        "tests/unit/text/test_toml.c::reads | 2026-05-01 | why | or not\n")
    assert flaky.faults(checkout.folder, datetime.date(2026, 5, 1)) == []
    assert [line for line, _ in flaky.faults(checkout.folder, datetime.date(2026, 5, 2))] == [1, 2]
    assert flaky.known(flaky.read(checkout.folder), "tests/unit/text/test_toml.c::reads").reason == "why | or not"
    assert flaky.known(flaky.read(checkout.folder), "tests/unit/text/test_toml.c::writes") is None


def test_tier_of_the_nearest():
    table = {"a": tiers.tables.Row("unit", "a", [], ""), "a/b/test_x.py": tiers.tables.Row("e2e", "a/b/test_x.py", [], "")}
    for file, want in [("a/test_y.py", "unit"), ("a/b/test_y.py", "unit"), ("a/b/test_x.py", "e2e"), ("ab/test_y.py", None)]:
        assert tiers.tier_of(file, table) == want, file
