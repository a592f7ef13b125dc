"""The official test suite, github.com/toml-lang/toml-test, whole."""

import os
import re
import subprocess

import pytest

import paths

VERSION = "v2.2.0"


@pytest.fixture(scope="session")
def toml_test():
    """The suite's program, built with Go once per checkout."""
    folder = paths.TOOLS / f"toml-test-{VERSION}"
    program = folder / "toml-test"
    if not program.exists():
        subprocess.run(["go", "install", f"github.com/toml-lang/toml-test/v2/cmd/toml-test@{VERSION}"],
            env={**os.environ, "GOBIN": str(folder)}, check=True, timeout=100)
    return program


@pytest.mark.network
def test_suite(tool, toml_test):
    done = subprocess.run([toml_test, "test", f"-decoder={tool('toml_decoder')}", "-toml=1.0"],
        capture_output=True, text=True, timeout=100)
    print(done.stdout, done.stderr)
    counts = re.findall(r"(valid|invalid) tests: +(\d+) passed, +(\d+) failed", done.stdout)
    assert counts == [("valid", "205", "0"), ("invalid", "474", "0")]
    assert done.returncode == 0
