"""How many tests passed, failed and were skipped, and what is to be said of them, from what the test programs print or write."""
import re
import xml.etree.ElementTree
from dataclasses import dataclass, field

OUTPUT_LINES = 15


@dataclass
class Failure:
    """A test that failed: its name as `./check ENV -- NAME` takes it, where (file:line or ""), and what it said."""

    name: str
    place: str = ""
    lines: list = field(default_factory=list)


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)  # `name: reason`

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips

    def fail(self, name, place="", lines=(), number=1):
        self.failed += number
        self.failures.append(Failure(name, place, list(lines)))
        return self

    def skip(self, name, reason):
        self.skipped += 1
        self.skips.append(f"{name}: {reason or 'no reason given'}")
        return self

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
    return Counts().fail(f"{item} {how_it_ended(code)}")


def by_tap(item, code, output):
    """A cmocka program under CMOCKA_MESSAGE_OUTPUT=TAP, which prints skips as `not ok N # SKIP`, and after a failed test
    `# what` and `# file:line: error: Failure!`. Tests that were announced and never reported (the program died) count as failed;
    so does a failure that no test reported."""
    counts = Counts()
    planned, said = 0, None
    for line in output.splitlines():
        plan = re.fullmatch(r"\s*1\.\.(\d+)\s*", line)
        test = re.match(r"(not )?ok \d+\s*(-\s*|#\s*(SKIP)\s*)?(.*)", line)
        place = re.fullmatch(r"# (\S+:\d+): error: Failure!", line)
        if plan:
            planned += int(plan[1])
        elif test:
            said = None
            if test[3]:
                counts.skip(f"{item}::{test[4]}", "the test says so")
            elif test[1]:
                counts.fail(f"{item}::{test[4]}")
                said = counts.failures[-1]
            else:
                counts.passed += 1
        elif said and place:
            said.place = place[1]
        elif said and line.startswith("# ") and not line.startswith("# not ok"):
            said.lines.append(line[2:])
    missing = planned - counts.passed - counts.failed - counts.skipped
    if missing > 0 or (code != 0 and counts.failed == 0):
        not_run = f", {missing} of {planned} tests not run" if missing > 0 else ""
        counts.fail(f"{item} {how_it_ended(code)}{not_run}", number=max(1, missing))
    elif code == 0 and planned == 0:
        counts.fail(f"{item} ran no tests")
    return counts


def id_of(item, case):
    """file::Class::test of a <testcase>, whose classname is the module with dots and then the class."""
    path = item.removesuffix(".py").split("/")
    parts = (case.get("classname") or "").split(".")
    while parts and path and parts[0] in path:
        parts.pop(0)
    return "::".join([item, *parts, case.get("name") or "?"])


def output_of(case):
    """What a test printed, without the titles that pytest puts in between."""
    lines = [line for kind in ("system-out", "system-err") for line in (case.findtext(kind) or "").splitlines()]
    return [line for line in lines if line.strip() and not re.fullmatch(r"-+ Captured .* -+", line)]


def failure_of(item, name, case):
    """What a failed or broken <testcase> says: the place, in the test's own file where there is one, the message, the last output."""
    fault = case.find("failure")
    if fault is None:
        fault = case.find("error")
    message, text = fault.get("message") or "", fault.text or ""
    places = re.findall(r"^(\S+?):(\d+): ", text, re.MULTILINE)
    mine = [place for place in places if place[0].endswith(item)]
    place = f"{item}:{mine[-1][1]}" if mine else ":".join(places[-1]) if places else ""
    lines = [line[1:].removeprefix("   ") for line in text.splitlines() if line.startswith("E ")]
    lines = lines or text.splitlines() or message.splitlines()
    during = re.match(r"failed on (setup|teardown)", message)
    if during:
        lines.insert(0, f"in the {during[1]} of the test:")
    return Failure(name, place, lines + [f"| {line}" for line in output_of(case)[-OUTPUT_LINES:]])


def by_junit(item, code, path, title=None):
    """A pytest run of the file `item` that wrote its results to a JUnit file. Exit code 5: no test was selected. A test that
    fails and cannot be cleaned up either has two entries, and counts once."""
    title = title or item
    counts = Counts()
    try:
        suites = list(xml.etree.ElementTree.parse(path).getroot().iter("testsuite"))
    except (OSError, xml.etree.ElementTree.ParseError):
        return Counts().fail(f"{title} {how_it_ended(code)} without writing its results")
    results = {}
    for case in (case for suite in suites for case in suite.iter("testcase")):
        name = id_of(item, case)
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failure = failure_of(item, name, case)
            if isinstance(results.get(name), Failure):
                results[name].lines += failure.lines
            else:
                results[name] = failure
        elif name not in results:
            results[name] = skipped.get("message") or "" if skipped is not None else None
    for name, result in results.items():
        if result is None:
            counts.passed += 1
        elif isinstance(result, Failure):
            counts.fail(result.name, result.place, result.lines)
        else:
            counts.skip(name, result)
    if code not in (0, 5) and counts.failed == 0:
        counts.fail(f"{title} {how_it_ended(code)}")
    return counts


def by_toml_test(item, code, output):
    """toml-test: `valid tests: 205 passed,  0 failed`, and the same for invalid and encoder tests."""
    counts = Counts()
    for kind, passed, failed in re.findall(r"^\s*(\w+) tests:\s*(\d+) passed,\s*(\d+) failed", output, re.MULTILINE):
        counts.passed += int(passed)
        if int(failed):
            counts.fail(f"{item}: {failed} {kind} tests failed", number=int(failed))
    if counts.passed == 0 or (code != 0 and counts.failed == 0):
        counts.fail(f"{item} {how_it_ended(code)}")
    return counts
