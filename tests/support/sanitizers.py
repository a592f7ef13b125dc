"""What cannot be told of a build with sanitizers (misc/clang.mk)."""

import pytest

import paths

SANITIZED = paths.BUILD.name in ("zig-out-sanitize", "zig-out-thread")
measures_memory = pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory of its own")
