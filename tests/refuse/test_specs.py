"""The specs of tests/cases/specs through the program: the same findings as from the parser alone."""

import os
import shutil

import pytest

import paths

CASES = sorted(folder for folder in (paths.CASES / "specs").iterdir() if folder.is_dir())
BAD = [case for case in CASES if (case / "exit_code").read_text() == "2\n"]


def test_there_are_enough():
    assert len(BAD) >= 60


@pytest.mark.parametrize("case", BAD, ids=lambda folder: folder.name)
def test_refused(case, run_lamina, tmp_path):
    shutil.copy(case / "spec.toml", tmp_path)
    expected = (case / "expected.txt").read_text(encoding="utf-8")
    errors = sum(": error: " in line for line in expected.splitlines())
    total = f"lamina: {errors} {'error' if errors == 1 else 'errors'} in 'spec.toml'\n"
    result = run_lamina("show", "spec.toml", cwd=tmp_path)
    assert (result.code, result.out, result.err) == (2, "", expected + total)
    documents = run_lamina("show", "--json", "spec.toml", cwd=tmp_path)
    assert (documents.code, documents.err) == (2, expected + total)
    assert run_lamina("build", "--publish", "spec.toml", cwd=tmp_path).code == 2
    assert os.listdir(tmp_path) == ["spec.toml"]
