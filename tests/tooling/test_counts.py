"""misc/counts.py: what ./check makes of what test programs print."""

import pytest

from counts import Counts, by_exit, by_junit, by_tap, by_toml_test

TAP = {
    "all pass": ("1..2\nok 1 - one\nok 2 - two\n", 0, Counts(2, 0, 0)),
    "one fails": ("1..2\nok 1 - one\nnot ok 2 - two\n# text\n", 1, Counts(1, 1, 0, ["unit: two"])),
    "cmocka's skip": ("1..2\nok 1 - one\nnot ok 2 # SKIP two\n", 0, Counts(1, 0, 1, ["skipped: unit: two"])),
    "two groups": ("1..1\nok 1 - one\n1..1\nok 1 - two\n", 0, Counts(2, 0, 0)),
    "died in the second of three": (
        "1..3\nok 1 - one\n", -6, Counts(1, 2, 0, ["unit was ended by signal 6, 2 of 3 tests not run"])),
    "failed without saying which": (
        "1..1\nok 1 - one\n", 3, Counts(1, 1, 0, ["unit ended with exit code 3"])),
    "killed": ("1..2\nok 1 - one\n", None, Counts(1, 1, 0, ["unit took too long and was killed, 1 of 2 tests not run"])),
    "no test at all": ("", 0, Counts(0, 1, 0, ["unit ran no tests"])),
    "an empty group beside a full one": ("1..0\n1..1\nok 1 - one\n", 0, Counts(1, 0, 0)),
    "fewer than announced, yet success": (
        "1..2\nok 1 - one\n", 0, Counts(1, 1, 0, ["unit ended with exit code 0, 1 of 2 tests not run"])),
}


@pytest.mark.parametrize("row", TAP)
def test_tap(row):
    text, code, want = TAP[row]
    assert by_tap("unit", code, text) == want


def test_exit():
    assert by_exit("links", 0) == Counts(1, 0, 0)
    assert by_exit("links", 2) == Counts(0, 1, 0, ["links ended with exit code 2"])
    assert by_exit("links", None) == Counts(0, 1, 0, ["links took too long and was killed"])


JUNIT = """<?xml version="1.0"?><testsuites><testsuite tests="4">
<testcase name="good"/>
<testcase name="bad"><failure message="no"/></testcase>
<testcase name="broken"><error message="set-up"/></testcase>
<testcase name="left"><skipped message="no such tool"/></testcase>
</testsuite></testsuites>"""


def test_junit(tmp_path):
    file = tmp_path / "results.xml"
    assert by_junit("cli", -11, file) == Counts(
        0, 1, 0, ["cli was ended by signal 11 without writing its results"])
    file.write_text(JUNIT, encoding="utf-8")
    assert by_junit("cli", 1, file) == Counts(
        1, 2, 1, ["cli: bad", "cli: broken", "skipped: cli: left: no such tool"])
    file.write_text("<testsuites><testsuite/></testsuites>", encoding="utf-8")
    assert by_junit("cli", 5, file) == Counts(0, 0, 0)
    assert by_junit("cli", 2, file) == Counts(0, 1, 0, ["cli ended with exit code 2"])


def test_toml_test():
    both = "  valid tests: 205 passed,  0 failed\nencoder tests: 200 passed,  5 failed\ninvalid tests: 474 passed,  0 failed\n"
    assert by_toml_test("toml", 1, both) == Counts(879, 5, 0, ["toml: 5 encoder tests failed"])
    assert by_toml_test("toml", 0, both.replace("200 passed,  5", "205 passed,  0")) == Counts(884, 0, 0)
    assert by_toml_test("toml", 1, "no such file") == Counts(0, 1, 0, ["toml ended with exit code 1"])


def test_sum_reads_well():
    total = Counts(2, 0, 0)
    total.add(Counts(0, 1, 3, ["x"]))
    assert str(total) == "2 passed, 1 failed, 3 skipped"
    assert str(Counts(0, 2, 0)) == "2 failed"
    assert str(Counts()) == "0 passed"
