"""tests/tiers.ini: the tier of every pytest file."""
from pathlib import Path, PurePosixPath

import tables
from tables import Wrong

NAME = "tests/tiers.ini"
TIERS = ("unit", "contract", "integration", "e2e", "live_drift")


def rows(root):
    """{folder or file below tests/: Row}; the section of a row is its tier."""
    found = {}
    for row in tables.read(Path(root) / NAME, NAME):
        key = row.key.rstrip("/")
        if row.section not in TIERS:
            raise Wrong(f"{row.place}: there is no tier '{row.section}'; there are: {', '.join(TIERS)}")
        if row.words:
            raise Wrong(f"{row.place}: one folder or file a line, and nothing after it")
        if key in found:
            raise Wrong(f"{row.place}: '{key}' has two tiers: {found[key].section} and {row.section}")
        found[key] = row
    return found


def tier_of(file, table):
    """The tier of a file (path below tests/), its own before that of its folder; None when the table does not say."""
    path = PurePosixPath(file)
    for name in (path, *path.parents):
        if str(name) in table:
            return table[str(name)].section
    return None
