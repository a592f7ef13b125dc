"""./check in a small checkout: what its arguments choose, what must hold before tests run, tiers."""

import pytest

from fake_checkout import INI, FakeCheckout

NO_MARKS = " (they are all in tests/tiers.ini, and none in the files)"
PASSES = "def test_one():\n    pass\n\n\ndef test_two():\n    pass\n"


@pytest.fixture
def checkout(tmp_path):
    made = FakeCheckout(tmp_path / "checkout")
    made.write("tests/a/test_first.py", PASSES)
    made.write("tests/b/test_second.py", "import pytest\n\n\ndef test_three():\n    pass\n\n\n"
        "@pytest.mark.slow\ndef test_slow():\n    pass\n\n\n@pytest.mark.skip(reason='no such thing')\ndef test_left():\n    pass\n")
    return made


def last(lines):
    return lines[-1]


def test_arguments(checkout):
    for args, want in [
        ((), "3 passed, 0 failed, 1 skipped"),
        (("test", "--", "-k", "one or three"), "2 passed, 0 failed, 0 skipped"),
        (("test", "-k", "one"), "1 passed, 0 failed, 0 skipped"),
        (("test", "--", "-m", "slow"), "1 passed, 0 failed, 0 skipped"),
        (("test", "--", "-m", "unit"), "2 passed, 0 failed, 0 skipped"),
        (("test", "--", "test_first"), "2 passed, 0 failed, 0 skipped"),
        (("test", "--", "test_f*.py::test_one", "second.py::test_three"), "2 passed, 0 failed, 0 skipped"),
        (("test", "--", "tests/b", "-k", "three"), "1 passed, 0 failed, 0 skipped"),
    ]:
        assert last(checkout.said(*args, code=0)) == want, args


def test_what_runs_without_arguments(checkout):
    checkout.write("check.ini", INI.replace("counts = junit\n", "counts = junit\nselect = not contract\n"))
    for args, want in [((), "2 passed"), (("-v",), "2 passed"), (("-k", "three"), "1 passed"), (("-m", "contract"), "1 passed"),
                       (("-m", "not expected_output"), "2 passed"), (("-m", "unit or contract"), "3 passed"), (("-m", "unit", "-m", "slow"), "0 passed"),
                       (("-m", "slow and contract"), "1 passed"), (("--", "second"), "1 passed"), (("-m", "not slow", "second"), "1 passed")]:
        assert last(checkout.said("test", *args, code=0) if "-v" not in args else
            checkout.check("test", *args).ok().out.splitlines()).startswith(want + ", 0 failed"), args


def test_long_files_run_first(checkout):
    for first, want in (("tests/b/test_second.py", ["b", "a"]), ("tests/none.py tests/a/test_first.py", ["a", "b"])):
        checkout.write("check.ini", INI.replace("counts = junit\n", f"counts = junit\nfirst = {first}\n"))
        told = [line for line in checkout.check("test", "-v").ok().out.splitlines() if "PASSED" in line]
        assert [line.split("/")[1] for line in told if "test_one" in line or "test_three" in line] == want


def test_what_was_listed_is_not_listed_again(checkout):
    """For another environment only files that have tests of its tiers are looked into. One that cannot be listed is not passed over."""
    again = INI[INI.index("[test]"):INI.index("[echo]")].replace("[test]", "[more]") + "select = contract\n"
    checkout.write("check.ini", INI.replace("[echo]", again + "\n[echo]"))
    log = checkout.folder / ".tools/log/check"
    assert checkout.said("test", "more", code=0)[-1] == "4 passed, 0 failed, 2 skipped"
    assert "collected 5 items" in (log / "test/list.log").read_text() and "collected 3 items" in (log / "more/list.log").read_text()
    assert checkout.said("more", code=0)[-1] == "1 passed, 0 failed, 1 skipped"
    assert "collected 5 items" in (log / "more/list.log").read_text()
    checkout.write("tests/a/test_first.py", "import nothing_like_it\n")
    assert checkout.said("more", code=1)[-2:] == ["stopped: tests cannot run", "0 passed, 1 failed, 0 skipped"]


def test_skips_tell_why(checkout):
    assert checkout.said("test", code=0) == [
        "ok    test             3 passed, 1 skipped",
        "      skipped tests/b/test_second.py::test_left: no such thing",
        "3 passed, 0 failed, 1 skipped"]
    assert checkout.said("test", "-k", "nothing", code=0) == [
        "skip  test             1 skipped",
        "      skipped test: no test is chosen",
        "0 passed, 0 failed, 1 skipped"]


def test_arguments_of_another_environment(checkout):
    assert checkout.check("echo", "--seconds", "3").ok().out.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"
    log = checkout.folder / ".tools" / "log" / "check" / "echo" / "echo.log"
    assert log.read_text() == "told: --seconds 3\n"
    assert checkout.said("-m", "all", code=0)[-1] == "3 passed, 0 failed, 1 skipped"


def test_verbose_shows_what_tests_print(checkout):
    checkout.write("tests/a/test_first.py", "def test_one():\n    print('from the test')\n")
    quiet, verbose, open_ = (checkout.check("test", "--", "first", *more).ok().out for more in ((), ("-v",), ("-s",)))
    assert "PASSED" not in quiet and "from the test" not in quiet
    assert "a/test_first.py::test_one PASSED" in verbose
    assert "from the test" in open_


def test_what_failed_last_and_the_first_failure(checkout):
    assert checkout.said("test", "--lf", code=0)[1:] == [
        "      skipped test: no test failed when it last ran", "0 passed, 0 failed, 1 skipped"]
    checkout.write("tests/a/test_first.py", PASSES.replace("pass", "assert 1 == 2", 1))
    checkout.write("tests/b/test_second.py", "def test_three():\n    assert 'a' == 'b'\n")
    assert last(checkout.said("test", code=1)) == "1 passed, 2 failed, 0 skipped"
    assert last(checkout.said("test", "--lf", code=1)) == "0 passed, 2 failed, 0 skipped"
    checkout.write("tests/b/test_second.py", "def test_three():\n    assert 'b' == 'b'\n")
    assert last(checkout.said("test", "--lf", code=1)) == "1 passed, 1 failed, 0 skipped"
    assert last(checkout.said("test", "--lf", code=1)) == "0 passed, 1 failed, 0 skipped"
    checkout.write("tests/a/test_first.py", PASSES.replace("pass", "assert 1 == 2"))
    assert last(checkout.said("test", "--", "-x", "first", code=1)) == (
        "0 passed, 1 failed, 0 skipped")


# ---- before tests run


def refusal(checkout, *args):
    lines = checkout.said("test", *args, code=1)
    assert (lines[0], lines[2:]) == (
        "FAIL  test             1 failed", ["stopped: tests cannot run", "0 passed, 1 failed, 0 skipped"]), lines
    return lines[1].removeprefix("      FAILED ").partition(" (log: ")[0]


def test_program(checkout):
    program = checkout.folder / "zig-out" / "bin" / "lamina"
    program.write_text("#!/bin/sh\necho lamina 9.9\n")
    assert refusal(checkout) == (
        "zig-out/bin/lamina is version 'lamina 9.9' and not 0.1.0, so it was built from other sources")
    program.write_text("#!/bin/sh\necho no libraries >&2; exit 127\n")
    assert refusal(checkout) == "zig-out/bin/lamina does not start: exit code 127: no libraries"
    program.write_text("")
    assert refusal(checkout) == "zig-out/bin/lamina does not start: Exec format error"
    other = checkout.folder.parent / "other"
    program.rename(other)
    assert refusal(checkout) == "zig-out/bin/lamina is not there: build it, for example with ./check build"
    program.symlink_to(other)
    assert refusal(checkout) == f"zig-out/bin/lamina is {other}, of another checkout: remove it and run ./check build"
    program.unlink()
    program.write_text("#!/bin/sh\necho lamina 0.1.0\n")
    program.chmod(0o755)
    (checkout.folder / "zig-out-kill").symlink_to(checkout.folder.parent)
    assert refusal(checkout) == f"zig-out-kill is {checkout.folder.parent}, of another checkout: remove it and run ./check build"
    (checkout.folder / "zig-out-kill").unlink()
    (program.parent / "lamina-batch").write_text("#!/bin/sh\nexit 1\n")
    assert refusal(checkout) == "zig-out/bin/lamina-batch does not start: Permission denied"


def test_tests_that_cannot_be_listed(checkout):
    checkout.write("tests/b/test_broken.py", "import no_such_module\n")
    assert refusal(checkout) == (
        "the tests cannot be listed: tests/b/test_broken.py: ModuleNotFoundError: No module named 'no_such_module'")
    checkout.write("tests/b/test_broken.py", "import pytest\n\n\n@pytest.mark.unknown\ndef test_x():\n    pass\n")
    assert refusal(checkout).startswith("the tests cannot be listed: tests/b/test_broken.py: ")
    checkout.write("tests/b/test_broken.py", PASSES)
    assert refusal(checkout, "--no-such-option").startswith("the tests cannot be listed: unrecognized arguments: --no-such-option")


# ---- tiers


def test_tiers(checkout):
    file = checkout.write("tests/new/test_new.py", "def test_new():\n    pass\n")
    assert refusal(checkout) == (
        "the tests cannot be listed: new/test_new.py::test_new has no tier: add its folder 'new' to tests/tiers.ini")
    file.unlink()
    checkout.write("tests/b/test_two.py", "import pytest\n\n\n@pytest.mark.e2e\ndef test_two():\n    pass\n")
    assert refusal(checkout) == "the tests cannot be listed: b/test_two.py::test_two has 2 tiers: e2e, contract" + NO_MARKS
    checkout.write("tests/tiers.ini", "[unit]\na\n[contract]\nb\n[unit]\n")
    assert refusal(checkout) == "the tests cannot be listed: b/test_two.py::test_two has 2 tiers: e2e, contract" + NO_MARKS
    checkout.write("tests/tiers.ini", "[unit]\na\n[small]\nb\n")
    assert refusal(checkout) == ("the tests cannot be listed: tests/tiers.ini:4: there is no tier 'small'; "
        "there are: unit, contract, integration, e2e, live_drift")
    checkout.write("tests/tiers.ini", "[unit]\na\nb\n[contract]\nb\n")
    assert refusal(checkout) == "the tests cannot be listed: tests/tiers.ini:5: 'b' has two tiers: unit and contract"
    checkout.write("tests/tiers.ini", "[unit]\na\nb\n[contract]\nb/test_two.py\n[e2e]\n")
    assert refusal(checkout) == "the tests cannot be listed: b/test_two.py::test_two has 2 tiers: e2e, contract" + NO_MARKS


def test_what_is_live_runs_only_when_asked_for(checkout):
    checkout.write("tests/live/test_now.py", "def test_now():\n    pass\n")
    for args, want in [(("test",), 3), (("test", "-m", "not unit"), 1), (("test", "-m", "live_drift"), 1), (("test", "--", "live"), 0)]:
        assert last(checkout.said(*args, code=0)).startswith(f"{want} passed, 0 failed, "), args
