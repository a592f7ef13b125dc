"""Every test is of exactly one tier, which tests/tiers.ini says by folder or file. Loaded as a plugin by conftest.py."""

import configparser
from pathlib import Path

import pytest

import paths

TIERS = ("unit", "contract", "integration", "e2e", "live_drift")
ASKED_FOR = "live_drift"
TABLE = paths.TESTS / "tiers.ini"


class Wrong(Exception):
    """One sentence about the table."""


def read(table=TABLE):
    """{folder or file below tests/: tier}"""
    parser = configparser.ConfigParser(allow_no_value=True, delimiters=("=",), interpolation=None, default_section="")
    parser.optionxform = str
    try:
        parser.read_string(Path(table).read_text(encoding="utf-8"), source=Path(table).name)
    except (OSError, configparser.Error) as error:
        raise Wrong(str(error).replace("\n", " ")) from None
    found = {}
    for tier in parser.sections():
        if tier not in TIERS:
            raise Wrong(f"there is no tier '{tier}'; there are: {', '.join(TIERS)}")
        for name in parser[tier]:
            if name in found:
                raise Wrong(f"'{name}' has two tiers: {found[name]} and {tier}")
            found[name.rstrip("/")] = tier
    return found


def tier_of(file, table):
    """The tier of a file (path below tests/), its own before that of its folder; None when the table does not say."""
    parts = Path(file).parts
    for n in range(len(parts), 0, -1):
        tier = table.get("/".join(parts[:n]))
        if tier:
            return tier
    return None


def fault(item, file, table):
    """Give a test its tier. Returns what is wrong, or None."""
    tier = tier_of(file, table)
    marks = sorted({mark.name for mark in item.iter_markers() if mark.name in TIERS})
    have = marks + ([tier] if tier and tier not in marks else [])
    if not have:
        return f"{item.nodeid} has no tier: add its folder '{Path(file).parent}' to tests/tiers.ini"
    if len(have) > 1:
        return f"{item.nodeid} has {len(have)} tiers: {', '.join(have)}"
    if not marks:
        item.add_marker(tier)
    return None


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(config, items):
    try:
        table = read()
    except Wrong as wrong:
        raise pytest.UsageError(f"tests/tiers.ini: {wrong}") from None
    faults = []
    for item in items:
        wrong = fault(item, item.path.relative_to(paths.TESTS).as_posix(), table)
        if wrong:
            faults.append(wrong)
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
