"""What a failed comparison shows: `assert got == want` tells both, and where they differ. Loaded as a plugin by conftest.py."""

WHOLE = 300  # characters of a value that are shown without looking for the difference
AROUND = 60  # characters beside a difference


def at_line(text, at):
    newline = b"\n" if isinstance(text, bytes) else "\n"
    return text.count(newline, 0, at) + 1


def first_difference(got, want):
    """(where, got there, want there): the smallest differing part that can be named."""
    if isinstance(got, (str, bytes)) and type(got) is type(want):
        at = next((i for i, (x, y) in enumerate(zip(got, want)) if x != y), min(len(got), len(want)))
        start = max(0, at - AROUND)
        where = f"at offset {at} (line {at_line(want, at)})"
        return where, got[start:at + AROUND], want[start:at + AROUND]
    if isinstance(got, (list, tuple)) and type(got) is type(want):
        for i, (x, y) in enumerate(zip(got, want)):
            if x != y:
                return deeper(f"[{i}]", x, y)
        if len(got) != len(want):
            n = min(len(got), len(want))
            return f"after [{n - 1}]" if n else "", got[n:n + 3], want[n:n + 3]
    if isinstance(got, dict) and isinstance(want, dict):
        missing, extra = [key for key in want if key not in got], [key for key in got if key not in want]
        if missing or extra:
            return "keys", f"has also {extra[:10]}", f"has also {missing[:10]}"
        return next(deeper(f"[{key!r}]", got[key], want[key]) for key in want if got[key] != want[key])
    if isinstance(got, (set, frozenset)) and isinstance(want, (set, frozenset)):
        return "", f"has also {sorted(got - want, key=repr)[:10]}", f"has also {sorted(want - got, key=repr)[:10]}"
    return "", got, want


def deeper(where, got, want):
    if len(repr(got)) + len(repr(want)) <= WHOLE:
        return where, got, want
    inner, got, want = first_difference(got, want)
    return where + (inner if inner.startswith("[") else f" {inner}"), got, want


def cut(value):
    text = value if isinstance(value, str) and value.startswith("has also ") else repr(value)
    return text if len(text) <= 4 * WHOLE else f"{text[:4 * WHOLE]}... ({len(text)} characters)"


def lines(got, want):
    """What is said of two values that are not equal."""
    where, part, other = ("", got, want) if len(repr(got)) <= WHOLE and len(repr(want)) <= WHOLE else first_difference(got, want)
    return ["got == want" + (f", first different {where}" if where else ""), f"got:  {cut(part)}", f"want: {cut(other)}"]


def pytest_assertrepr_compare(op, left, right):
    return lines(left, right) if op == "==" else None
