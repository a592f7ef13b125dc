"""How many tests passed, failed and were skipped, from what the test programs print or write."""
import re
import xml.etree.ElementTree
from dataclasses import dataclass, field


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = field(default_factory=list)  # lines for people: what failed, what was skipped and why

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    def __str__(self):
        parts = [f"{self.passed} passed"] if self.passed or not (self.failed or self.skipped) else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        return ", ".join(parts)


def how_it_ended(code):
    if code is None:
        return "took too long and was killed"
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def by_exit(item, code):
    """One check: it passes when its program says so."""
    if code == 0:
        return Counts(passed=1)
    return Counts(failed=1, notes=[f"{item} {how_it_ended(code)}"])


def by_tap(item, code, output):
    """A cmocka program under CMOCKA_MESSAGE_OUTPUT=TAP, which prints skips as `not ok N # SKIP`. Tests that were announced
    and never reported (the program died) count as failed; so does a failure that no test reported."""
    counts = Counts()
    planned = 0
    for line in output.splitlines():
        plan = re.fullmatch(r"\s*1\.\.(\d+)\s*", line)
        test = re.match(r"(not )?ok \d+\s*(-\s*|#\s*(SKIP)\s*)?(.*)", line)
        if plan:
            planned += int(plan[1])
        elif test and test[3]:
            counts.skipped += 1
            counts.notes.append(f"skipped: {item}: {test[4]}")
        elif test and test[1]:
            counts.failed += 1
            counts.notes.append(f"{item}: {test[4]}")
        elif test:
            counts.passed += 1
    missing = planned - counts.passed - counts.failed - counts.skipped
    if missing > 0 or (code != 0 and counts.failed == 0):
        counts.failed += max(1, missing)
        counts.notes.append(f"{item} {how_it_ended(code)}" + (f", {missing} of {planned} tests not run" if missing > 0 else ""))
    elif code == 0 and planned == 0:
        counts.failed += 1
        counts.notes.append(f"{item} ran no tests")
    return counts


def by_junit(item, code, path):
    """A pytest run that wrote its results to a JUnit file. 5: none was selected."""
    counts = Counts()
    try:
        suites = xml.etree.ElementTree.parse(path).getroot().iter("testsuite")
    except (OSError, xml.etree.ElementTree.ParseError):
        return Counts(failed=1, notes=[f"{item} {how_it_ended(code)} without writing its results"])
    for case in (case for suite in suites for case in suite.iter("testcase")):
        name = f"{item}: {case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
            counts.notes.append(name)
        elif skipped is not None:
            counts.skipped += 1
            counts.notes.append(f"skipped: {name}: {skipped.get('message')}")
        else:
            counts.passed += 1
    if code not in (0, 5) and counts.failed == 0:
        counts.failed += 1
        counts.notes.append(f"{item} {how_it_ended(code)}")
    return counts


def by_toml_test(item, code, output):
    """toml-test: `valid tests: 205 passed,  0 failed`, and the same for invalid and encoder tests."""
    counts = Counts()
    for kind, passed, failed in re.findall(r"^\s*(\w+) tests:\s*(\d+) passed,\s*(\d+) failed", output, re.MULTILINE):
        counts.passed += int(passed)
        counts.failed += int(failed)
        if int(failed):
            counts.notes.append(f"{item}: {failed} {kind} tests failed")
    if counts.passed == 0 or (code != 0 and counts.failed == 0):
        counts.failed += 1
        counts.notes.append(f"{item} {how_it_ended(code)}")
    return counts
