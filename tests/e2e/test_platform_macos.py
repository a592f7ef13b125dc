"""The sample's layers for macOS: the tests of support/platforms.py."""

import pytest

from platforms import *  # noqa: F403

pytestmark = pytest.mark.network
PLATFORMS = ["macosx_arm64", "macosx_x86_64"]
