"""Every test is of exactly one tier, which tests/tiers.ini says by folder or file. Loaded as a plugin by conftest.py."""

from pathlib import Path

import pytest

import paths
import tiers

ASKED_FOR = "live_drift"


def fault(item, file, table):
    """Give a test its tier. Returns what is wrong, or None."""
    tier = tiers.tier_of(file, table)
    have = sorted({mark.name for mark in item.iter_markers() if mark.name in tiers.TIERS})
    have += [tier] if tier else []
    if not have:
        return f"{item.nodeid} has no tier: add its folder '{Path(file).parent}' to tests/tiers.ini"
    if len(have) > 1:
        return f"{item.nodeid} has {len(have)} tiers: {', '.join(have)} (they are all in tests/tiers.ini, and none in the files)"
    item.add_marker(have[0])
    return None


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(config, items):
    try:
        table = tiers.rows(paths.ROOT)
    except tiers.Wrong as wrong:
        raise pytest.UsageError(str(wrong)) from None
    faults = [wrong for item in items if (wrong := fault(item, item.path.relative_to(paths.TESTS).as_posix(), table))]
    if faults:
        raise pytest.UsageError(*faults)
    if ASKED_FOR not in (config.option.markexpr or ""):
        left_out = [item for item in items if item.get_closest_marker(ASKED_FOR)]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]


def pytest_addoption(parser):
    parser.addoption("--list-to", metavar="FILE", help="write the ids of the chosen tests into this file (with --collect-only)")


def pytest_collection_finish(session):
    if session.config.option.list_to:
        ids = "".join(f"tests/{item.nodeid}\n" for item in session.items)
        Path(session.config.option.list_to).write_text(ids, encoding="utf-8")
