"""The sample's layers for Linux: the tests of support/platforms.py."""

import pytest

from platforms import *  # noqa: F403

pytestmark = pytest.mark.network
PLATFORMS = ["linux_x86_64", "linux_aarch64"]
