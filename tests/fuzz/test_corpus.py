"""Fuzz targets as ordinary programs, on their corpora: what once broke a reader stays mended in every build.

`./check fuzz --seconds N` is what looks for more. Comparisons with independent readers are beside the tests of what they read:
tests/text/test_toml.py (tomllib), tests/python/test_markers.py and test_tags.py (packaging), tests/store/test_zip.py (zipfile)."""

import pytest

import paths

FUZZ = paths.TESTS / "fuzz"
TARGETS = sorted(path.stem for path in FUZZ.glob("fuzz_*.c"))
READERS = ["toml", "json", "csv", "pylock", "marker", "record", "wheel", "tar", "zip"]  # at least


def test_every_reader_has_a_target():
    assert [name for name in READERS if f"fuzz_{name}" not in TARGETS] == []
    assert sorted(path.name for path in (FUZZ / "corpus").iterdir()) == TARGETS
    assert [path.stem for path in sorted(FUZZ.glob("*.dict")) if path.stem not in TARGETS] == []


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(run, tool, target):
    seeds = sorted((FUZZ / "corpus" / target).iterdir())
    assert seeds
    result = run(tool(target), *seeds).ok()
    assert result.err.splitlines() == [str(seed) for seed in seeds]


def test_what_cannot_be_read_is_told(run, tool, tmp_path):
    result = run(tool("fuzz_toml"), tmp_path / "nothing")
    assert (result.code, result.err) == (1, f"cannot open '{tmp_path}/nothing': No such file or directory\n")
