"""Failing the n-th call of a function of libc from outside (tests/faults/shim.c), for each n until a run succeeds.

After each fault: the program ends by itself, with a sentence, or as if nothing had been; what it was to make is whole or absent; the
next run succeeds, and what it makes has the bytes of a run that nobody disturbed."""

import concurrent.futures
import errno
import shutil
import signal

import pytest

import paths
import run as running
from sanitizers import SANITIZED

# what fails, and how: as a disk that is full or broken does, or a system that has no more of something
ERRORS = {
    "read": errno.EIO, "write": errno.ENOSPC, "open": errno.EMFILE, "fsync": errno.EIO, "rename": errno.EACCES,
    "mmap": errno.ENOMEM, "fork": errno.EAGAIN, "malloc": errno.ENOMEM,
}
OUT_OF_MEMORY = "out of memory"
TAKEN_FOR_DAMAGE = "database disk image is malformed"  # SQLite says so of a read that failed with EIO


def library():
    path = paths.BUILD / "tests" / "libfaults.so"
    assert path.exists(), f"{path} is not built: run ./check test, or zig build unit-tests"
    return path


class Fault:
    """The n-th `call` of `program` fails, or kills it. n = 0: calls are only counted."""

    def __init__(self, folder, program, call, n, kill=False):
        self.call, self.n, self.kill, self.report = call, n, kill, folder / "fault"
        self.env = {"LD_PRELOAD": library(), "LAMINA_FAULT_IN": program.name, "LAMINA_FAULT_REPORT": self.report,
            "LAMINA_FAULT": f"{call}#{n}={'kill' if kill else ERRORS[call]}"}

    def __repr__(self):
        return f"{'killed at' if self.kill else 'failing'} {self.call} #{self.n}"

    def report_lines(self):
        return self.report.read_text().splitlines() if self.report.exists() else []

    def happened(self):
        return "fault" in self.report_lines()

    def check(self, result):
        """The end of a run under this fault. Returns whether it was a success."""
        if self.kill:
            assert result.code == -signal.SIGKILL, result
            return False
        if result.code == 0:
            return True  # what failed was not needed
        if self.call == "malloc" and result.code == -signal.SIGABRT:
            assert OUT_OF_MEMORY in result.err, result  # by design, see src/base/mem.h
            return False
        damaged = self.call == "read" and TAKEN_FOR_DAMAGE in result.err
        assert result.code == 1 or (damaged and result.code == 4), result
        said = [line for line in result.err.splitlines() if line.startswith(("lamina: ", "lamina-batch: "))]
        assert said and len(said[-1]) > len("lamina: ") + 10, result
        return False


def numbers(count, sample):
    """All n up to `count`, or `sample` of them, as far from each other as from the ends."""
    if sample is None or count <= sample:
        return list(range(1, count + 1))
    return [1 + int((i + 0.5) * count / sample) for i in range(sample)]


counted = {}  # (folder of a place, command): {call: how many there are when none fails}


def count_calls(before, folder, program, command, go):
    """How often a command calls what can fail, in a copy of a place; asked once for all tests of it."""
    key = before.folder, command
    if key not in counted:
        place = before.copy(folder / "counted")
        counting = Fault(folder, program, "read", 0)
        go(place, counting.env).ok()
        counted[key] = {words[1]: int(words[2]) for words in map(str.split, counting.report_lines()) if words[0] == "count"}
        counting.report.unlink()
        shutil.rmtree(place.folder)
    return counted[key]


def each_fault(before, folder, program, command, call, go, check, sample, kill=False, together=2):
    """Run `go(place, env)` in a copy of a place for each fault; then `check(place, succeeded)` in it, which runs again.

    before   has copy(folder) and folder
    command  names what runs: its calls are counted once
    sample   of how many n; None: of all
    together how many runs at a time
    Returns how many calls there were."""
    if call == "malloc" and SANITIZED:
        pytest.skip("a sanitizer has a malloc of its own, which no library can replace")
    count = count_calls(before, folder, program, command, go)[call]

    def one(n):
        place = before.copy(folder / str(n))
        fault = Fault(place.folder, program, call, n, kill)
        result = go(place, fault.env)
        if not fault.happened():
            assert result.code == 0, result  # with threads the numbers vary a little
        else:
            check(place, fault.check(result))
        shutil.rmtree(place.folder)

    failures = []
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        for n, future in [(n, pool.submit(one, n)) for n in numbers(count, sample)]:
            try:
                future.result()
            except (AssertionError, OSError, ValueError) as why:
                failures.append(f"{'killed at' if kill else 'failing'} {call} #{n} of {count}: {why}")
    assert not failures, "\n".join([f"{len(failures)} faults", *failures])
    return count
