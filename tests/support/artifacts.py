"""Copies of what a test made, for who wants to look: pytest hooks and the fixture `exports`; see docs/reproducibility.md.

LAMINA_EXPORT_TEST_ARTIFACTS=DIR copies what a failed test had offered to DIR; with LAMINA_FORCE_TEST_EXPORT=1 what any test had
offered. Empty means unset. Nothing is copied to a DIR that is not there; a line at the end of the run says so.
"""

import os
import shutil
from pathlib import Path

import pytest

CALL = pytest.StashKey()


class Export:
    """Where copies go, and what became of them."""

    def __init__(self, environ):
        folder = environ.get("LAMINA_EXPORT_TEST_ARTIFACTS", "")
        self.folder = Path(folder).absolute() if folder else None
        self.forced = environ.get("LAMINA_FORCE_TEST_EXPORT", "") not in ("", "0")
        self.lines = {}  # what to say, by name

    def copy(self, name, folder):
        if self.folder is None or name in self.lines:
            return
        if not self.folder.is_dir():
            self.lines[name] = f"not exported: {name}: there is no folder '{self.folder}'"
            return
        target = self.folder / name
        try:
            if target.exists():
                shutil.rmtree(target)
            shutil.copytree(folder, target)
            self.lines[name] = f"exported: {target}"
        except OSError as error:
            self.lines[name] = f"not exported: {name}: {error}"


EXPORT = Export(os.environ)  # now: tests have an environment of their own


@pytest.fixture
def exports(request):
    """exports("linux_x86_64", folder): this folder is worth a copy when the test fails."""
    offered = {}
    yield offered.__setitem__
    call = request.node.stash.get(CALL, None)
    if EXPORT.forced or (call is not None and call.failed):
        for name, folder in offered.items():
            EXPORT.copy(name, folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[CALL] = report
    return report


def pytest_terminal_summary(terminalreporter):
    for line in EXPORT.lines.values():
        terminalreporter.write_line(line)
