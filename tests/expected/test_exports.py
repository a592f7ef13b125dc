"""LAMINA_EXPORT_TEST_ARTIFACTS and LAMINA_FORCE_TEST_EXPORT, with a test run inside the test."""

import os
import sys

import paths
import pytest

CONFTEST = "from artifacts import exports, pytest_runtest_makereport, pytest_terminal_summary\n"
INNER = """
from pathlib import Path

def test_inner(exports):
    exports("linux_x86_64", Path({made!r}))
    assert {verdict}

def test_another_of_the_same(exports):
    exports("linux_x86_64", Path({made!r}))
    assert {verdict}

def test_without_exports():
    assert False
"""


@pytest.fixture
def inner(tmp_path, run):
    """inner(verdict, export=, force=) runs a test that offers a folder; returns (its output, {file: content} of the export)."""
    made, target = tmp_path / "made", tmp_path / "export"
    (made / "__venvstacks__").mkdir(parents=True)
    (made / "app.tar").write_text("archive", encoding="utf-8")
    (made / "__venvstacks__" / "venvstacks.json").write_text("{}", encoding="utf-8")
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "conftest.py").write_text(CONFTEST, encoding="utf-8")

    def call(verdict, **env):
        (tmp_path / "suite" / "test_inner.py").write_text(INNER.format(made=str(made), verdict=verdict), encoding="utf-8")
        result = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path / "suite", tmp_path / "suite",
            env={"PYTHONPATH": paths.TESTS / "support", **env})
        assert result.code == 1, result  # test_without_exports
        files = {path.relative_to(target).as_posix(): path.read_text(encoding="utf-8") for path in target.rglob("*") if path.is_file()}
        return result.out, files

    call.target = target
    return call


COPIED = {"linux_x86_64/app.tar": "archive", "linux_x86_64/__venvstacks__/venvstacks.json": "{}"}
ROWS = {
    "failed": (False, {"LAMINA_EXPORT_TEST_ARTIFACTS": "DIR"}, True),
    "failed, forced": (False, {"LAMINA_EXPORT_TEST_ARTIFACTS": "DIR", "LAMINA_FORCE_TEST_EXPORT": "1"}, True),
    "passed": (True, {"LAMINA_EXPORT_TEST_ARTIFACTS": "DIR"}, False),
    "passed, forced": (True, {"LAMINA_EXPORT_TEST_ARTIFACTS": "DIR", "LAMINA_FORCE_TEST_EXPORT": "1"}, True),
    "passed, force is empty": (True, {"LAMINA_EXPORT_TEST_ARTIFACTS": "DIR", "LAMINA_FORCE_TEST_EXPORT": ""}, False),
    "passed, force is 0": (True, {"LAMINA_EXPORT_TEST_ARTIFACTS": "DIR", "LAMINA_FORCE_TEST_EXPORT": "0"}, False),
    "failed, no folder said": (False, {}, False),
    "failed, folder is empty": (False, {"LAMINA_EXPORT_TEST_ARTIFACTS": ""}, False),
    "forced, no folder said": (True, {"LAMINA_FORCE_TEST_EXPORT": "1"}, False),
    "forced, folder is empty": (True, {"LAMINA_EXPORT_TEST_ARTIFACTS": "", "LAMINA_FORCE_TEST_EXPORT": "1"}, False),
}


@pytest.mark.parametrize("row", ROWS)
def test_when(inner, row):
    verdict, env, copied = ROWS[row]
    inner.target.mkdir()
    out, files = inner(verdict, **{name: value.replace("DIR", str(inner.target)) for name, value in env.items()})
    assert files == (COPIED if copied else {})
    assert out.count("exported: ") == (1 if copied else 0)
    assert (f"exported: {inner.target / 'linux_x86_64'}\n" in out) == copied


def test_missing_folder_is_said_and_not_made(inner):
    out, files = inner(False, LAMINA_EXPORT_TEST_ARTIFACTS=str(inner.target))
    assert f"not exported: linux_x86_64: there is no folder '{inner.target}'\n" in out
    assert files == {} and not inner.target.exists()
    out, _ = inner(True, LAMINA_EXPORT_TEST_ARTIFACTS=str(inner.target))
    assert "exported: " not in out  # there was nothing to export


def test_file_in_place_of_the_folder(inner):
    inner.target.write_text("x", encoding="utf-8")
    out, _ = inner(False, LAMINA_EXPORT_TEST_ARTIFACTS=str(inner.target))
    assert f"not exported: linux_x86_64: there is no folder '{inner.target}'\n" in out


def test_what_was_there_before_is_replaced(inner):
    (inner.target / "linux_x86_64").mkdir(parents=True)
    (inner.target / "linux_x86_64" / "old").write_text("x", encoding="utf-8")
    (inner.target / "notes").write_text("mine", encoding="utf-8")
    _, files = inner(False, LAMINA_EXPORT_TEST_ARTIFACTS=str(inner.target))
    assert files == COPIED | {"notes": "mine"}


def test_relative_folder(inner, tmp_path, monkeypatch):
    inner.target.mkdir()
    monkeypatch.chdir(tmp_path)
    _, files = inner(False, LAMINA_EXPORT_TEST_ARTIFACTS="export")
    assert files == COPIED


def test_full_or_closed_folder_fails_no_test(inner):
    inner.target.mkdir()
    (inner.target / "linux_x86_64").write_text("a file", encoding="utf-8")
    out, _ = inner(False, LAMINA_EXPORT_TEST_ARTIFACTS=str(inner.target))
    assert "not exported: linux_x86_64: [Errno 20] Not a directory" in out
    assert "3 failed" in out


# ---- misc/export_test_artifacts.sh


@pytest.fixture
def checkout(tmp_path, root):
    """A checkout whose ./check tells how it was called."""
    (tmp_path / "tree" / "misc").mkdir(parents=True)
    script = tmp_path / "tree" / "misc" / "export_test_artifacts.sh"
    script.write_bytes((root / "misc" / "export_test_artifacts.sh").read_bytes())
    script.chmod(0o755)
    check = tmp_path / "tree" / "check"
    check.write_text('#!/bin/sh\necho "$LAMINA_EXPORT_TEST_ARTIFACTS|$LAMINA_FORCE_TEST_EXPORT|$*"\nexit 7\n', encoding="utf-8")
    check.chmod(0o755)
    return tmp_path / "tree"


@pytest.mark.parametrize("there", [True, False])
def test_reference_export(run, checkout, tmp_path, there):
    target = tmp_path / "a folder" / "below"
    if there:
        target.mkdir(parents=True)
    result = run(checkout / "misc" / "export_test_artifacts.sh", os.path.relpath(target, tmp_path), cwd=tmp_path)
    assert (result.code, result.err) == (7, "")
    assert result.out == f"{target}|1|test -- tests/expected/test_published.py\n"
    assert target.is_dir()


@pytest.mark.parametrize("args", [[], [""], ["a", "b"]])
def test_reference_export_called_wrongly(run, checkout, args):
    result = run(checkout / "misc" / "export_test_artifacts.sh", *args)
    assert (result.code, result.out, result.err) == (2, "", "usage: misc/export_test_artifacts.sh DIR\n")


# ---- misc/compare_artifacts.sh


@pytest.fixture
def compare(run, root, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "list.txt").write_text("one\n", encoding="utf-8")

    def call(*args, **options):
        return run(root / "misc" / "compare_artifacts.sh", *args, cwd=tmp_path, **options)

    return call


def test_equal_folders(compare, tmp_path):
    os.utime(tmp_path / "a" / "list.txt", (1, 1))
    result = compare("a", "b", "reports")
    assert (result.code, result.out, result.err) == (0, "equal\n", "")


def test_unequal_folders(compare, tmp_path):
    (tmp_path / "b" / "list.txt").write_text("two\n", encoding="utf-8")
    result = compare("a", "b", "reports")
    assert (result.code, result.out, result.err) == (1, "they differ: reports/diff.txt and reports/diff.html\n", "")
    assert "-one\n" in (tmp_path / "reports" / "diff.txt").read_text(encoding="utf-8")
    assert "two" in (tmp_path / "reports" / "diff.html").read_text(encoding="utf-8")
    (tmp_path / "b" / "list.txt").write_text("one\n", encoding="utf-8")
    compare("a", "b", "reports").ok()
    assert not (tmp_path / "reports" / "diff.txt").exists()  # nothing of an earlier comparison


def test_comparison_that_cannot_be_made(compare, tmp_path, root):
    for args, text in [
        (["a"], "usage: misc/compare_artifacts.sh A B [REPORTS]\n"),
        (["a", "b", "c", "d"], "usage: misc/compare_artifacts.sh A B [REPORTS]\n"),
        (["a", "nowhere"], "compare_artifacts: there is no 'nowhere'\n"),
    ]:
        result = compare(*args)
        assert (result.code, result.out, result.err) == (2, "", text)
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "dirname", "mkdir", "rm"):
        (bare / name).symlink_to(f"/bin/{name}")
    result = compare("a", "b", env={"PATH": bare})
    assert (result.code, result.err) == (2, "compare_artifacts: diffoscope is not installed: apt-get install diffoscope-minimal\n")
    (bare / "diffoscope").write_text("#!/bin/sh\necho broken >&2\nexit 42\n", encoding="utf-8")
    (bare / "diffoscope").chmod(0o755)
    result = compare("a", "b", "reports", env={"PATH": bare})
    assert (result.code, result.out, result.err) == (2, "", "broken\ncompare_artifacts: diffoscope failed with exit code 42\n")
