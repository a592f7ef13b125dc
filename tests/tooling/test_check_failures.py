"""./check in a small checkout: what it says of a failure, known flaky tests, time limits, and what a test leaves behind."""

import datetime
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import namespace
from fake_checkout import INI, FakeCheckout


@pytest.fixture
def checkout(tmp_path):
    return FakeCheckout(tmp_path / "checkout")


def told(checkout, text, name="tests/a/test_x.py"):
    """What ./check test says of a file with this text, below its line."""
    checkout.write(name, text)
    lines = checkout.said("test", code=1)
    assert lines[0].startswith("FAIL  test  "), lines
    return lines[1:]


LOG = "      log: .tools/log/check/test/tests-a-test_x.log"


def test_failed_comparison(checkout):
    assert told(checkout, "def test_sum():\n    print('before')\n    got = [1, 2]\n    assert got == [1, 3]\n") == [
        "      FAILED tests/a/test_x.py::test_sum   tests/a/test_x.py:4",
        "        assert got == want",
        "          got:  [1, 2]",
        "          want: [1, 3]",
        "        | before",
        LOG, "0 passed, 1 failed, 0 skipped"]


def test_failure_in_a_helper_names_the_line_of_the_test(checkout):
    checkout.write("tests/support/helping.py", "def give():\n    raise ValueError('no')\n")
    assert told(checkout, "import helping\n\n\ndef test_give():\n    helping.give()\n") == [
        "      FAILED tests/a/test_x.py::test_give   tests/a/test_x.py:5", "        ValueError: no", LOG, "0 passed, 1 failed, 0 skipped"]


def test_failing_fixture_counts_once(checkout):
    assert told(checkout, """import pytest


@pytest.fixture
def bad():
    yield
    raise OSError("late")


def test_it(bad):
    assert not bad, "early"
    raise ValueError("early")
""") == [
        "      FAILED tests/a/test_x.py::test_it   tests/a/test_x.py:12",
        "        ValueError: early",
        "        in the teardown of the test:",
        "        OSError: late",
        LOG, "0 passed, 1 failed, 0 skipped"]


def test_program_that_dies(checkout):
    lines = told(checkout, "import os\n\n\ndef test_ends():\n    os._exit(3)\n")
    assert lines[0] == "      FAILED tests/a/test_x.py ended with exit code 3 without writing its results"
    assert lines[-3].startswith("      | tests/a/test_x.py::test_ends")
    assert lines[-2:] == [LOG, "0 passed, 1 failed, 0 skipped"]


def test_known_flaky(checkout):
    until = datetime.date.today() + datetime.timedelta(days=9)
    checkout.write("tests/known_flaky.txt", f"# why\n\ntests/a/test_x.py::test_odd | {until} | the moon | or so\n")
    assert told(checkout, "import pytest\n\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_odd(n):\n    assert n == 1\n") == [
        "      FAILED tests/a/test_x.py::test_odd[2]   tests/a/test_x.py:6",
        "        assert got == want", "          got:  2", "          want: 1",
        f"        known to be flaky until {until} (tests/known_flaky.txt:3): the moon | or so",
        LOG, "1 passed, 1 failed, 0 skipped"]


# Waits until it is killed; what it started, too.
HANGS = """import subprocess


def test_good():
    pass


def test_hangs():
    subprocess.run(["sh", "-c", "echo child $$ >&2; exec sleep 1000"])
"""


def test_time_of_a_file(checkout):
    checkout.write("check.ini", INI.replace("timeout_s = 60", "timeout_s = 4"))
    lines = told(checkout, HANGS)
    assert lines[:2] == [
        "      FAILED tests/a/test_x.py took too long and was killed without writing its results",
        "        it had 4 seconds"]
    assert lines[-4].startswith("      | tests/a/test_x.py::test_good PASSED")
    assert lines[-3].startswith("      | tests/a/test_x.py::test_hangs")
    assert lines[-2:] == [LOG, "0 passed, 1 failed, 0 skipped"]


def test_time_on_a_busy_machine(checkout):
    checkout.write("check.ini", INI.replace("timeout_s = 60", "timeout_s = 2"))
    checkout.write("tests/a/test_x.py", HANGS)
    out = checkout.check("test", env={"LAMINA_CHECK_PATIENCE": "2"}).out.splitlines()
    assert out[0] == "this machine is busy: things may take 2.0 times as long as check.ini says"
    assert out[3] == "        it had 4 seconds"


def test_time_of_all(checkout):
    checkout.write("check.ini", INI.replace("counts = junit\n", "counts = junit\nsuite_s = 4\n"))
    for name in ("b", "c", "d", "e"):
        checkout.write(f"tests/a/test_{name}.py", HANGS)
    lines = told(checkout, HANGS, "tests/a/test_f.py")
    text = "\n".join(lines)
    assert re.findall(r"FAILED (.*)", text)[-1] == "tests/a/test_f.py was not run: 'test' took more than 4 seconds"
    assert "seconds, the rest of 4 for all of 'test'" in text
    assert lines[-1] == "0 passed, 5 failed, 0 skipped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_in_the_middle(checkout, tmp_path, number):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    checkout.write("tests/a/test_x.py", f"import subprocess\n\n\ndef test_x():\n    open({str(fifo)!r}, 'w').close()\n"
        "    subprocess.run(['sleep', '1000'])\n")
    process = subprocess.Popen([sys.executable, checkout.folder / "check", "test"], stdout=subprocess.PIPE, cwd=checkout.folder,
        env={**os.environ, "LAMINA_CHECK_PATIENCE": "1"})
    fifo.read_text()  # until the test has opened and closed it
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    for folder in (Path(os.environ["TMPDIR"]), checkout.folder / ".tools" / "cache"):
        assert list(folder.glob("lamina-check-*")) == []


def test_unit_tests_in_c(checkout):
    checkout.write("tests/unit/os/test_file.c", "static void\nreads(void **state)\n{\n}\n")
    checkout.write("check.ini", INI + "\n[unit]\nabout = C\neach = unit-tests\ncounts = tap\nlabels = manual\ntier = unit\n"
        "command = sh zig-out/tests/{stem}\n")
    checkout.write("zig-out/tests/os_test_file", "echo 1..2; echo not ok 1 - reads; echo '# 0x1 != 0x2'\n"
        "echo '# tests/unit/os/test_file.c:7: error: Failure!'; echo ok 2 - writes; exit 1\n")
    want = [
        "FAIL  unit             1 passed, 1 failed",
        "      FAILED tests/unit/os/test_file.c::reads   tests/unit/os/test_file.c:7",
        "        0x1 != 0x2",
        "      log: .tools/log/check/unit/tests-unit-os-test_file.log"]
    assert checkout.said("unit", code=1) == [*want, "1 passed, 1 failed, 0 skipped"]
    assert checkout.said("unit", "--", "tests/unit/os/test_file.c::reads", code=1)[:-1] == want
    checkout.write("tests/a/test_x.py", "def test_a():\n    pass\n")
    assert checkout.said("test", "-m", "unit", code=1) == [
        "ok    test             1 passed", *want, "2 passed, 1 failed, 0 skipped"]
    assert checkout.said("unit", "test", "--", "test_x", code=0) == ["ok    test             1 passed", "1 passed, 0 failed, 0 skipped"]
    assert checkout.said("test", "-m", "not contract", code=0) == ["ok    test             1 passed", "1 passed, 0 failed, 0 skipped"]


# ---- what a test leaves behind


def test_c_tests_leave_nothing(checkout):
    checkout.write("tests/unit/os/test_file.c", "static void\nreads(void **state)\n{\n}\n")
    checkout.write("check.ini", INI + "\n[unit]\nabout = C\neach = unit-tests\ncounts = tap\nlabels = manual\n"
        "command = sh zig-out/tests/{stem}\n")
    checkout.write("zig-out/tests/os_test_file", "echo 1..1; echo ok 1 - reads; sleep 1000 &\n")
    lines = checkout.said("unit", code=1)
    assert lines[0] == "FAIL  unit             1 passed, 1 failed"
    assert re.fullmatch("      FAILED tests/unit/os/test_file.c left behind: (sh|sleep)", lines[1])
    checkout.write("zig-out/tests/os_test_file", "echo 1..1; echo ok 1 - reads; mkfifo $TMPDIR/p\n"
        "setsid sh -c 'echo gone > $TMPDIR/p; exec sleep 1000' & read line < $TMPDIR/p\n")
    lines = checkout.said("unit", code=1)
    assert re.fullmatch("FAIL  left running, and ended now: (sh|sleep)", lines[1])
    assert (lines[0], lines[2]) == ("ok    unit             1 passed", "1 passed, 1 failed, 0 skipped")

LEAVES = {
    "a process": ("import subprocess\n\n\ndef test_it():\n    subprocess.Popen(['sleep', '1000'])\n", r"the process \d+: sleep 1000"),
    "a process that left": (
        "import subprocess\n\n\ndef test_it():\n    subprocess.run(['sh', '-c', 'setsid sleep 1000 > /dev/null 2>&1 &'], check=True)\n",
        r"the process \d+: (setsid )?sleep 1000"),
    "a port": ("import socket\n\nkept = []\n\n\ndef test_it():\n    kept.append(socket.create_server(('127.0.0.1', 0)))\n",
        r"a listening port: \d+"),
    "a file in its folder": ("def test_it():\n    open('here', 'w').close()\n", "a file in its working folder: here"),
    "a file in the home of all": (
        "import os\n\nhome = os.environ['HOME']\n\n\ndef test_it():\n    open(home + '/x', 'w').close()\n",
        r"a file outside of its folder: \S+home.x"),
    "a file in the temporary folder of all": (
        "import os\n\ntmp = os.environ['TMPDIR']\n\n\ndef test_it():\n    open(tmp + '/x', 'w').close()\n",
        r"a file outside of its folder: \S+tmp.x"),
}


@pytest.mark.parametrize(("text", "want"), LEAVES.values(), ids=LEAVES)
def test_leaves(checkout, text, want):
    lines = told(checkout, text + "\n\ndef test_after():\n    pass\n")
    assert lines[:3] == [
        "      FAILED tests/a/test_x.py::test_it", "        in the teardown of the test:", "        the test left behind:"]
    assert re.fullmatch(" {10}" + want, lines[3])
    assert lines[4:] == [LOG, "1 passed, 1 failed, 0 skipped"]


ELSEWHERE = ["/tmp", "/dev", "/", "CHECKOUT/sample_project", "CHECKOUT/.tools"]
MAKES = {"file": "open('{}', 'w')", "folder": "os.mkdir('{}')"}


@pytest.mark.parametrize("makes", [*[(folder, text) for folder in ELSEWHERE for text in MAKES.values()],
    ("/tmp", "socket.socket(socket.AF_UNIX).bind('{}')")], ids=" ".join)
def test_everything_else_is_read_only(checkout, makes):
    namespace.need()
    folder, text = makes
    path = f"{folder.replace('CHECKOUT', os.fspath(checkout.folder))}/lamina-left-{os.getpid()}"
    Path(path).parent.mkdir(exist_ok=True)
    lines = told(checkout, f"import os\nimport socket\n\n\ndef test_it():\n    {text.format(path)}\n\n\ndef test_after():\n    pass\n")
    assert lines[0] == "      FAILED tests/a/test_x.py::test_it   tests/a/test_x.py:6"
    assert lines[1].startswith("        OSError: [Errno 30] Read-only file system")
    assert lines[2:] == [LOG, "1 passed, 1 failed, 0 skipped"]
    assert not os.path.lexists(path)


@pytest.mark.parametrize("text", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("folder", ["/dev/shm", "/var/tmp"])
def test_some_folders_are_its_own(checkout, folder, text):
    namespace.need()
    path = f"{folder}/lamina-left-{os.getpid()}"
    assert told(checkout, f"import os\n\n\ndef test_it():\n    {text.format(path)}\n\n\ndef test_after():\n    pass\n") == [
        "      FAILED tests/a/test_x.py::test_it", "        in the teardown of the test:", "        the test left behind:",
        f"          a file outside of its folder: {path}", LOG, "1 passed, 1 failed, 0 skipped"]
    assert not os.path.lexists(path)


def test_devices_are_written_to_and_stay(checkout):
    namespace.need()
    checkout.write("tests/a/test_x.py", "def test_it():\n    with open('/dev/null', 'wb') as device:\n        device.write(b'x')\n")
    assert checkout.said("test", code=0)[-1] == "1 passed, 0 failed, 0 skipped"
    lines = told(checkout, "import os\n\n\ndef test_it():\n    os.remove('/dev/full')\n")
    assert lines == [
        "      FAILED tests/a/test_x.py::test_it   tests/a/test_x.py:5",
        "        OSError: [Errno 30] Read-only file system: '/dev/full'", LOG, "0 passed, 1 failed, 0 skipped"]
    assert Path("/dev/full").is_char_device()


def test_what_fixtures_of_a_file_keep_is_theirs(checkout):
    checkout.write("tests/a/test_x.py", """import socket
import subprocess
import tempfile

import pytest


@pytest.fixture(scope="module")
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening, subprocess.Popen(["sleep", "1000"]) as process:
        yield listening
        process.kill()


def test_uses(server):
    with tempfile.TemporaryDirectory() as folder, open(folder + "/x", "w"):
        pass


def test_ends_what_it_starts(server):
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.kill()
""")
    assert checkout.said("test", code=0)[-1] == "2 passed, 0 failed, 0 skipped"
