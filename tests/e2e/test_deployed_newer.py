"""The application of the sample on CPython 3.14: the tests of support/deployed.py."""

import pytest

from deployed import *  # noqa: F403

pytestmark = pytest.mark.network  # a cold store fetches wheels
RUNTIME = "cpython-3.14@1"
MODULES = ["sklearn_import"]
