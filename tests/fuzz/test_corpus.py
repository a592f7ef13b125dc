"""Fuzz targets as ordinary programs, on their corpora, so that what once broke a reader stays mended in every build, and on seeds that
have every construct (support/fuzz_seeds.py), of which they must judge as the seeds are called.

`./check fuzz --seconds N` is what looks for more. Comparisons with independent readers are beside the tests of what they read:
tests/text/test_toml.py (tomllib), tests/python/test_markers.py and test_tags.py (packaging), tests/store/test_zip.py (zipfile)."""

import io
import json
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import fuzz_seeds
import paths

FUZZ = paths.TESTS / "fuzz"
TARGETS = sorted(path.stem for path in FUZZ.glob("fuzz_*.c"))
READERS = ["toml", "json", "csv", "pylock", "marker", "record", "wheel", "tar", "zip"]  # at least


def test_every_reader_has_a_target():
    assert [name for name in READERS if f"fuzz_{name}" not in TARGETS] == []
    assert sorted(path.name for path in (FUZZ / "corpus").iterdir()) == TARGETS
    assert sorted(fuzz_seeds.SEEDS) == TARGETS
    assert sorted(path.stem for path in FUZZ.glob("*.dict")) == TARGETS


def verdicts(run, program, files):
    """Run a target on files: {name: "accepted" or "refused"}."""
    lines = [line.rpartition(": ") for line in run(program, *files).ok().err.splitlines()]
    assert [path for path, _, _ in lines] == [str(path) for path in files]
    return {Path(path).name: verdict for path, _, verdict in lines}


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(run, tool, target):
    assert verdicts(run, tool(target), sorted((FUZZ / "corpus" / target).iterdir()))


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(run, tool, tmp_path, target):
    """What is called ok is accepted, in all its parts, and what is called bad is refused."""
    files = fuzz_seeds.write(target, tmp_path / "seeds")
    assert len(files) > 20
    want = {path.name: {"ok": "accepted", "bad": "refused"}[path.name.partition("-")[0]] for path in files}
    assert verdicts(run, tool(target), files) == want


def read_zip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None


INDEPENDENT = {"fuzz_toml": lambda data: tomllib.loads(data.decode()), "fuzz_json": json.loads, "fuzz_zip": read_zip,
    "fuzz_marker": lambda data: Requirement(data.decode().strip())}
NOT_READ = "ok-comment-looks-like-an-end"  # zipfile takes four bytes in a comment for an end record


@pytest.mark.parametrize("target", INDEPENDENT)
def test_what_is_called_ok_is_so_for_others(target):
    for name, data in fuzz_seeds.SEEDS[target].items():
        if name.startswith("ok-") and name != NOT_READ:
            try:
                INDEPENDENT[target](data if isinstance(data, bytes) else data.encode())
            except Exception as why:
                raise AssertionError(name) from why


def test_what_cannot_be_read_is_told(run, tool, tmp_path):
    result = run(tool("fuzz_toml"), tmp_path / "nothing")
    assert (result.code, result.err) == (1, f"cannot open '{tmp_path}/nothing': No such file or directory\n")
