"""The sample's layers for Windows: the tests of support/platforms.py."""

import zipfile

import pytest

from platforms import *  # noqa: F403

pytestmark = pytest.mark.network
PLATFORMS = ["win_amd64"]


def test_zip(platform):
    """Read by Python's zipfile: regular files and folders only, stored or deflated, in the order of their names."""
    for archive in platform.out.glob("*.zip"):
        with zipfile.ZipFile(archive) as members:
            assert members.testzip() is None
            names = members.namelist()
            for member in members.infolist():
                kind = member.external_attr >> 28
                assert kind == (4 if member.is_dir() else 8), member
                assert "\\" not in member.filename and member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            assert len(names) == len(set(names)) == len({name.lower() for name in names})
            assert {name.split("/")[0] for name in names} == {archive.stem}
