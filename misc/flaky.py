"""tests/known_flaky.txt: tests that fail now and then, why, and until when that is put up with."""
import datetime
import re
from dataclasses import dataclass
from pathlib import Path

from tables import Wrong

NAME = "tests/known_flaky.txt"


@dataclass
class Flaky:
    line: int
    test: str  # file::name
    until: datetime.date
    reason: str


def read(root):
    """{test: Flaky}"""
    found = {}
    try:
        lines = (Path(root) / NAME).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Wrong(f"{NAME}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|", 2)]
        if len(parts) != 3 or not all(parts):
            raise Wrong(f"{NAME}:{number}: not of the form `test | date | reason`")
        try:
            until = datetime.date.fromisoformat(parts[1])
        except ValueError:
            raise Wrong(f"{NAME}:{number}: '{parts[1]}' is no date like 2027-01-31") from None
        if parts[0] in found:
            raise Wrong(f"{NAME}:{number}: '{parts[0]}' is there twice")
        found[parts[0]] = Flaky(number, parts[0], until, parts[2])
    return found


def known(entries, name):
    """What is known of a failed test, with or without [row]; None when nothing is."""
    return entries.get(name.partition("[")[0])


def is_there(root, test):
    """Is there such a test? A function of a pytest file or of a C unit test."""
    file, _, name = test.partition("::")
    name = name.rpartition("::")[2]
    path = Path(root) / file
    if not name or not path.is_file():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    form = rf"^\s*(async )?def {re.escape(name)}\(" if path.suffix == ".py" else rf"^{re.escape(name)}\(void \*\*"
    return re.search(form, text, re.MULTILINE) is not None


def faults(root, today):
    """[(line, what)]: expired and stale entries."""
    found = []
    for entry in read(root).values():
        if entry.until < today:
            found.append((entry.line, f"'{entry.test}' has expired on {entry.until}: mend it, or give a new date and say why"))
        if not is_there(root, entry.test):
            found.append((entry.line, f"there is no test '{entry.test}'"))
    return found
