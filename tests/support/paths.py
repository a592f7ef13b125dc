"""Where things are: this checkout, what the build made, and the caches that tests share."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
CASES = TESTS / "cases"
SAMPLE = ROOT / "sample_project"
# `./check` may test another build, for example one with sanitizers
BUILD = ROOT / os.environ.get("LAMINA_TEST_BUILD", "zig-out")
KILL_BUILD = ROOT / os.environ.get("LAMINA_TEST_KILL_BUILD", "zig-out-kill")  # the same, with kill points
# what links that build's library
CC, CXX = os.environ.get("LAMINA_TEST_CC", "gcc"), os.environ.get("LAMINA_TEST_CXX", "g++")
TOOLS = ROOT / ".tools"
# Only what is known by digest goes here (downloads, the resolver's cache), so that a test cannot see another's results.
CACHE = Path(os.environ.get("LAMINA_TEST_CACHE", TOOLS / "cache"))
# A folder with a short name, which other users can enter
OPEN = Path(os.environ.get("LAMINA_CHECK_PRIVATE", "/tmp"))
