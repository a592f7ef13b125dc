"""misc/counts.py: what ./check makes of what test programs print."""

import pytest

from counts import Counts, Failure, by_exit, by_junit, by_tap, by_toml_test



def failed(*names):
    return [Failure(name) for name in names]


TAP = {
    "all pass": ("1..2\nok 1 - one\nok 2 - two\n", 0, Counts(2, 0, 0)),
    "one fails": ("1..2\nok 1 - one\nnot ok 2 - two\n# text\n", 1, Counts(1, 1, 0, [Failure("unit::two", "", ["text"])])),
    "two fail, as cmocka 1.1 tells it": (
        "1..2\nnot ok 1 - one\n# 0x1 != 0x2\n# tests/unit/t.c:4: error: Failure!\nnot ok 2 - two\n"
        "# Test failed with exception: Segmentation fault(11)\n# not ok - t\n", 2,
        Counts(0, 2, 0, [Failure("unit::one", "tests/unit/t.c:4", ["0x1 != 0x2"]),
                         Failure("unit::two", "", ["Test failed with exception: Segmentation fault(11)"])])),
    "cmocka's skip": (
        "1..2\nok 1 - one\nnot ok 2 # SKIP two\n", 0, Counts(1, 0, 1, [], ["unit::two: the test says so"])),
    "two groups": ("1..1\nok 1 - one\n1..1\nok 1 - two\n", 0, Counts(2, 0, 0)),
    "died in the second of three": (
        "1..3\nok 1 - one\n", -6, Counts(1, 2, 0, failed("unit was ended by signal 6, 2 of 3 tests not run"))),
    "failed without saying which": (
        "1..1\nok 1 - one\n", 3, Counts(1, 1, 0, failed("unit ended with exit code 3"))),
    "killed": ("1..2\nok 1 - one\n", None, Counts(1, 1, 0, failed("unit took too long and was killed, 1 of 2 tests not run"))),
    "no test at all": ("", 0, Counts(0, 1, 0, failed("unit ran no tests"))),
    "an empty group beside a full one": ("1..0\n1..1\nok 1 - one\n", 0, Counts(1, 0, 0)),
    "fewer than announced, yet success": (
        "1..2\nok 1 - one\n", 0, Counts(1, 1, 0, failed("unit ended with exit code 0, 1 of 2 tests not run"))),
}


@pytest.mark.parametrize("row", TAP)
def test_tap(row):
    text, code, want = TAP[row]
    assert by_tap("unit", code, text) == want


def test_exit():
    assert by_exit("links", 0) == Counts(1, 0, 0)
    assert by_exit("links", 2) == Counts(0, 1, 0, failed("links ended with exit code 2"))
    assert by_exit("links", None) == Counts(0, 1, 0, failed("links took too long and was killed"))


JUNIT = """<?xml version="1.0"?><testsuites><testsuite tests="6">
<testcase classname="cli.test_x" name="good"/>
<testcase classname="cli.test_x" name="bad[row]"><failure message="assert 1 == 2">tests/cli/test_x.py:3: in bad
    helper()
/tmp/y/tests/cli/test_x.py:9: in helper
    assert 1 == 2
/usr/lib/other.py:77: in other
    raise ValueError
E   assert got == want
E     got:  1
E     want: 2</failure><system-out>--------- Captured Out ---------

out
</system-out><system-err>-------- Captured Err --------
err</system-err></testcase>
<testcase classname="cli.test_x.TestY" name="broken"><error message="failed on setup with &quot;x&quot;">a.py:2: in fixture
E   x</error></testcase>
<testcase classname="cli.test_x" name="twice"><failure message="one"/></testcase>
<testcase classname="cli.test_x" name="twice"><error message="failed on teardown with &quot;left&quot;"/></testcase>
<testcase classname="cli.test_x" name="unclean"><error message="failed on teardown with &quot;left&quot;"/></testcase>
<testcase classname="cli.test_x" name="left"><skipped message="no such tool"/></testcase>
</testsuite></testsuites>"""


def test_junit(tmp_path):
    item, file = "tests/cli/test_x.py", tmp_path / "results.xml"
    assert by_junit(item, -11, file) == Counts(
        0, 1, 0, failed("tests/cli/test_x.py was ended by signal 11 without writing its results"))
    file.write_text(JUNIT, encoding="utf-8")
    teardown = "in the teardown of the test:"
    assert by_junit(item, 1, file) == Counts(
        1, 4, 1, [
            Failure("tests/cli/test_x.py::bad[row]", "tests/cli/test_x.py:9",
                ["assert got == want", "  got:  1", "  want: 2", "| out", "| err"]),
            Failure("tests/cli/test_x.py::TestY::broken", "a.py:2", ["in the setup of the test:", "x"]),
            Failure("tests/cli/test_x.py::twice", "", ["one", teardown, 'failed on teardown with "left"']),
            Failure("tests/cli/test_x.py::unclean", "", [teardown, 'failed on teardown with "left"']),
        ], ["tests/cli/test_x.py::left: no such tool"])
    file.write_text("<testsuites><testsuite/></testsuites>", encoding="utf-8")
    assert by_junit(item, 5, file) == Counts(0, 0, 0)
    assert by_junit(item, 2, file) == Counts(0, 1, 0, failed("tests/cli/test_x.py ended with exit code 2"))


def test_toml_test():
    both = "  valid tests: 205 passed,  0 failed\nencoder tests: 200 passed,  5 failed\ninvalid tests: 474 passed,  0 failed\n"
    assert by_toml_test("toml", 1, both) == Counts(879, 5, 0, failed("toml: 5 encoder tests failed"))
    assert by_toml_test("toml", 0, both.replace("200 passed,  5", "205 passed,  0")) == Counts(884, 0, 0)
    assert by_toml_test("toml", 1, "no such file") == Counts(0, 1, 0, failed("toml ended with exit code 1"))


def test_sum_reads_well():
    total = Counts(2, 0, 0)
    total.add(Counts(0, 1, 3, failed("x")))
    assert str(total) == "2 passed, 1 failed, 3 skipped"
    assert str(Counts(0, 2, 0)) == "2 failed"
    assert str(Counts()) == "0 passed"
