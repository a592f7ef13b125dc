"""Reads the tables that people write: `[section]`, `key`, `key = words`, and comments after `;`."""
from dataclasses import dataclass
from pathlib import Path


class Wrong(Exception):
    """One sentence, `file:line: what`."""


@dataclass
class Row:
    section: str
    key: str
    words: list
    place: str  # file:line


def read(path, shown):
    """[Row] in order. `shown` is the name of the file in messages."""
    rows, section = [], ""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Wrong(f"{shown}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        text = line.partition(";")[0].strip()
        if not text:
            continue
        if text.startswith("["):
            if not text.endswith("]"):
                raise Wrong(f"{shown}:{number}: a section is written [name]")
            section = text[1:-1].strip()
            continue
        if not section:
            raise Wrong(f"{shown}:{number}: a line before the first section")
        key, _, value = text.partition("=")
        rows.append(Row(section, key.strip(), value.split(), f"{shown}:{number}"))
    return rows
