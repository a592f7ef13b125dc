"""Comparing published folders: what of them is the same, and which entries of which layer are not.

An outsider's view: only Python's standard library, and the formats as docs/formats describes them. It takes
`<platform>/__venvstacks__/...` as `lamina publish --platform all` writes it; archives may be missing on one side.
"""
import hashlib
import json
import re
from pathlib import Path

METADATA = "__venvstacks__"
# What the compressor decides. Two archives of equal content differ in nothing else.
OF_COMPRESSOR = {"archive_hashes", "archive_size", "compressor", "offset", "size"}
ENTRIES_SHOWN = 20


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files(folder):
    """All files below, by their path relative to `folder`."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def without_compressor(value):
    """A JSON document without what the compressor decides."""
    if isinstance(value, dict):
        return {key: without_compressor(item) for key, item in value.items() if key not in OF_COMPRESSOR}
    if isinstance(value, list):
        return [without_compressor(item) for item in value]
    return value


def leaves(value, at=""):
    """{"layers.runtimes[0].archive_size": 5, ...} of a JSON document."""
    if isinstance(value, dict):
        return {place: leaf for key, item in value.items() for place, leaf in leaves(item, f"{at}.{key}" if at else key).items()}
    if isinstance(value, list):
        return {place: leaf for i, item in enumerate(value) for place, leaf in leaves(item, f"{at}[{i}]").items()}
    return {at: value}


def parse_entry(line):
    """(path, type or mode, digest or target, size) of a line of an entries listing (docs/formats/content-hash.md)."""
    fields = line.split(" ")
    if len(fields) not in (3, 4):
        raise ValueError(f"no line of an entries listing: {line!r}")
    return fields[-1], (fields[0], fields[1], fields[2] if len(fields) == 4 else "")


def entry_differences(name, expected, found):
    """Which entries were added, removed or changed, and what about them."""
    before, after = (dict(map(parse_entry, text.splitlines())) for text in (expected, found))
    told = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None:
            told.append(f"{name}: added {path}")
        elif new is None:
            told.append(f"{name}: removed {path}")
        elif old != new:
            parts = [what for what, a, b in zip(("mode", "link" if new[0] == "link" else "bytes", "size"), old, new) if a != b]
            told.append(f"{name}: changed {path} ({', '.join(parts)}): {' '.join(old).strip()} -> {' '.join(new).strip()}")
    more = len(told) - ENTRIES_SHOWN
    return told[:ENTRIES_SHOWN] + ([f"{name}: and {more} more"] if more > 0 else [])


def document_differences(name, expected, found, with_compressor):
    before, after = json.loads(expected), json.loads(found)
    if not with_compressor:
        before, after = without_compressor(before), without_compressor(after)
    elif before == after:
        return [f"{name}: the same document in other bytes"]
    old, new = leaves(before), leaves(after)
    return [f"{name}: {place} is {new.get(place)!r}, not {old.get(place)!r}"
            for place in sorted(old.keys() | new.keys()) if old.get(place) != new.get(place)]


def differences(expected, found, with_compressor=True, archives=True):
    """What differs between two published folders (of one platform), a line each; nothing when they are equal.

    archives=False looks at the metadata only; with_compressor=False, too, and not at what the compressor decides there.
    """
    sides = [files(folder) for folder in (expected, found)]
    if not with_compressor or not archives:
        sides = [{name: path for name, path in side.items() if name.startswith(METADATA + "/")} for side in sides]
    before, after = sides
    told = [f"{name}: not expected" for name in sorted(after.keys() - before.keys())]
    told += [f"{name}: missing" for name in sorted(before.keys() - after.keys())]
    for name in sorted(before.keys() & after.keys()):
        if digest(before[name]) == digest(after[name]):
            continue
        if not name.startswith(METADATA + "/"):
            told.append(f"{name}: other bytes ({before[name].stat().st_size} and {after[name].stat().st_size})")
            continue
        old, new = (path.read_text(encoding="utf-8") for path in (before[name], after[name]))
        if name.endswith(".json"):
            told += document_differences(name, old, new, with_compressor)
        else:
            told += entry_differences(name, old, new)
    return told


def compressors(folder):
    """Who compressed the archives of a published folder: {"zstd 1.5.4", ...}; "none" for plain tars."""
    found = set()
    for name, path in files(Path(folder) / METADATA / "env_metadata").items():
        text = json.loads(path.read_text(encoding="utf-8"))["compressor"]
        found.add(re.split(" level | segment ", text)[0])
    return found
