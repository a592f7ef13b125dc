"""Environment markers and requirements against the `packaging` library."""

import random
import re

import pytest
from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

VARIABLES = ["os_name", "sys_platform", "platform_machine", "platform_python_implementation", "platform_release",
    "platform_system", "platform_version", "python_version", "python_full_version", "implementation_name",
    "implementation_version", "extra", "os.name", "sys.platform", "platform.version", "platform.machine",
    "platform.python_implementation", "python_implementation"]
OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "~=", "in", "not in", "==="]
VALUES = ["linux", "win32", "darwin", "posix", "nt", "x86_64 aarch64", "x86_64", "arm64", "AMD64", "CPython", "cpython", "3.11",
    "3.12", "3.9", "3", "3.11.*", "3.11.11", "3.12.0rc1", "3.1", "", "6", "6.1.0", "5.4", "3.10 3.11", "Foo.Bar", "foo-bar", "not",
    "linux2", "10.0", "v3.11", " 3.11", "3.11 ", "21.6.0"]
ENVIRONMENTS = [
    {"os_name": "posix", "sys_platform": "linux", "platform_machine": "x86_64", "platform_python_implementation": "CPython",
        "platform_release": "", "platform_system": "Linux", "platform_version": "", "python_version": "3.11",
        "python_full_version": "3.11.11", "implementation_name": "cpython", "implementation_version": "3.11.11"},
    {"os_name": "posix", "sys_platform": "darwin", "platform_machine": "arm64", "platform_python_implementation": "CPython",
        "platform_release": "21.6.0", "platform_system": "Darwin", "platform_version": "Darwin Kernel Version 21.6.0",
        "python_version": "3.12", "python_full_version": "3.12.0rc1", "implementation_name": "cpython",
        "implementation_version": "3.12.0rc1", "extra": "foo-bar"},
    {"os_name": "nt", "sys_platform": "win32", "platform_machine": "AMD64", "platform_python_implementation": "PyPy",
        "platform_release": "10", "platform_system": "Windows", "platform_version": "10.0.22631", "python_version": "3.9",
        "python_full_version": "3.9.19", "implementation_name": "pypy", "implementation_version": "7.3.16", "extra": "Foo_Bar"},
    {"os_name": "posix", "sys_platform": "linux", "platform_machine": "aarch64", "platform_python_implementation": "CPython",
        "platform_release": "6.1.0-13-arm64", "platform_system": "Linux", "platform_version": "#1 SMP", "python_version": "3.10",
        "python_full_version": "3.10.0", "implementation_name": "cpython", "implementation_version": "3.10.0", "extra": "not"},
]


def comparison(rng):
    variable, operator, value = rng.choice(VARIABLES), rng.choice(OPERATORS), rng.choice(VALUES)
    quote = rng.choice("'\"")
    gap = rng.choice(["", " ", "  ", "\t"]) if operator[0] not in "in" else rng.choice([" ", "\t "])
    left, right = variable, f"{quote}{value}{quote}"
    if rng.random() < 0.3:
        left, right = right, left
    return f"{left}{gap}{operator}{gap}{right}"


def expression(rng, depth=0):
    atoms = []
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
        inner = comparison(rng) if depth > 3 or rng.random() < 0.7 else None
        gap = rng.choice(["", " "])
        atoms.append(inner or f"({gap}{expression(rng, depth + 1)}{gap})")
        atoms.append(rng.choice([" and ", " or ", "\tand  "]))
    return "".join(atoms[:-1])


def test_format_and_evaluate(ask):
    rng = random.Random(7)
    texts = [expression(rng) for _ in range(1500)] + [comparison(rng) for _ in range(1500)]
    for text, got in zip(texts, ask(["marker-format", t] for t in texts)):
        assert got == {"text": str(Marker(text))}, text
    compared = true = 0
    rows = [(text, env) for text in texts for env in ENVIRONMENTS]
    for (text, env), got in zip(rows, ask(["marker-eval", t, e] for t, e in rows)):
        try:
            want = Marker(text).evaluate({**env, "extra": env.get("extra", "")})
        except Exception as error:  # of `packaging`, where the standard leaves a comparison open
            assert type(error).__name__ == "UndefinedComparison", (text, error)
            assert isinstance(got, bool)
            continue
        compared += 1
        true += want
        assert got == want, (text, env)
    assert compared > 5000 and true > 1000


def test_open_comparisons(ask):
    """Where `packaging` raises: see lm_marker_eval."""
    rows = [("os_name ~= 'posix'", False), ("os_name === 'POSIX'", True), ("os_name === 'nt'", False),
        ("python_version ~= 'three'", False), ("'x' in extras", False), ("'x' not in extras", True),
        ("'x' in dependency_groups", False), ("'x' not in dependency_groups", True)]
    answers = ask(["marker-eval", text, ENVIRONMENTS[0]] for text, _ in rows)
    assert answers == [want for _, want in rows]


BAD_MARKERS = [
    ("", "column 1: expected a marker variable or a quoted string, found the end"),
    ("os_name", "column 8: expected a comparison (<, <=, ==, !=, >=, >, ~=, ===, in, not in), found the end"),
    ("os_name = 'a'", "column 9: expected a comparison (<, <=, ==, !=, >=, >, ~=, ===, in, not in), found '='"),
    ("os_name ==", "column 11: expected a marker variable or a quoted string, found the end"),
    ("os_name == 'a", "column 12: the string is never closed"),
    ("os_name == 'a' or", "column 18: expected a marker variable or a quoted string, found the end"),
    ("os_name == 'a' xor os_name == 'b'", "column 16: expected 'and', 'or' or the end of the marker, found 'x'"),
    ("os_name == 'a')", "column 15: expected 'and', 'or' or the end of the marker, found ')'"),
    ("(os_name == 'a'", "column 1: '(' is never closed"),
    ("(os_name == 'a' b)", "column 17: expected 'and', 'or' or ')', found 'b'"),
    ("()", "column 2: expected a marker variable or a quoted string, found ')'"),
    ("os_nam == 'a'", "column 1: 'os_nam' is not a marker variable"),
    ("os_name not 'a'", "column 13: expected 'in' after 'not', found '''"),
    ("os_name notin 'a'", "column 9: expected a comparison (<, <=, ==, !=, >=, >, ~=, ===, in, not in), found 'n'"),
    ("python_version >= 3.8", "column 19: '3.8' is not a marker variable"),
    ("\u00e9 == 'a' ", "column 1: expected a marker variable or a quoted string, found '\u00e9'"),
    ("'\u00e9\u00e9' == x", "column 9: 'x' is not a marker variable"),
    ("(" * 65 + "os_name == 'a'" + ")" * 65, "column 65: parentheses nested deeper than 64"),
]


def test_bad_markers(ask):
    for (text, message), got in zip(BAD_MARKERS, ask(["marker-format", t] for t, _ in BAD_MARKERS)):
        assert got == {"error": message, "code": 3}, text
        if not text.startswith("((("):
            with pytest.raises(InvalidMarker):
                Marker(text)


def test_markers_refused_here_only(ask):
    """Allowed by the grammar, without a meaning."""
    rows = [("os_name == sys_platform", "column 1: a marker cannot compare two variables"),
        ("'a' == 'a'", "column 1: a marker cannot compare two strings"),
        ("os_name == 'a\\n'", "column 14: a marker string cannot hold a backslash"),
        ("os_name == 'a\nb'", "column 14: a control character"),
        ("extras == 'a'", "column 1: 'extras' and 'dependency_groups' can only follow 'in' or 'not in'"),
        ("os_name == 'a' and 'a' == extras", "column 20: 'extras' and 'dependency_groups' can only follow 'in' or 'not in'")]
    for (text, message), got in zip(rows, ask(["marker-format", t] for t, _ in rows)):
        assert got == {"error": message, "code": 3}
    assert ask([["marker-format", "os_name == '" + "a" * 70000 + "'"]]) == [{"error": "longer than 65536 bytes", "code": 2}]
    deep = "(" * 64 + "os_name == 'a'" + ")" * 64
    assert ask([["marker-format", deep]]) == [{"text": 'os_name == "a"'}]
    wide = " or ".join(["os_name == 'a'"] * 3000)
    assert ask([["marker-eval", wide, {"os_name": "a"}]]) == [True]


NAMES = ["foo", "Foo.Bar", "foo__bar-_.baz", "a", "A1", "numpy", "zope.interface"]
EXTRAS = ["", "", "[]", "[a]", "[ b , A ]", " [x.y,x-y]", "[c,b,a,b]", "[ ]"]
SPECS = ["", "", ">=1", " >= 1.0", "==1.*", "~=1.2,<2 , !=1.3.*", "(>=1)", " ( >=1 , <2 ) ", "()", "===anything-at_all", ">=1,",
    "==1.0+local.1", "<2.dev0", ">1!0", "(==1.0)"]
URLS = ["@ https://example.invalid/foo-1.0-py3-none-any.whl", "@https://u.invalid/x#sha256=00", " @ file:///tmp/x "]
MARKERS = ["", "", "; os_name == 'nt'", " ;python_version<'3'and extra=='X_y' ", "; (os_name == 'a' or os_name == 'b') and 'x' in os_name"]


def requirement(rng):
    if rng.random() < 0.2:
        url = rng.choice(URLS)
        marker = rng.choice(MARKERS)
        gap = " " if marker else ""
        return rng.choice(["", " "]) + rng.choice(NAMES) + rng.choice(EXTRAS) + url + gap + marker
    return rng.choice(["", " ", "\t"]) + rng.choice(NAMES) + rng.choice(EXTRAS) + rng.choice(SPECS) + rng.choice(MARKERS)


def test_requirements(ask):
    rng = random.Random(8)
    texts = list(dict.fromkeys(requirement(rng) for _ in range(3000)))
    texts += [broken(rng, text) for text in texts[:1000]]
    valid = 0
    for text, got in zip(texts, ask(["requirement", t] for t in texts)):
        try:
            want = Requirement(text)
        except InvalidRequirement:
            assert "error" in got, (text, got)
            continue
        if "error" in got and refused_here_only(text):
            continue
        valid += 1
        assert "error" not in got, (text, got)
        assert got["name"] == canonicalize_name(want.name), text
        assert (got["extras"] or "") == ",".join(sorted({canonicalize_name(e) for e in want.extras})), text
        assert sorted(filter(None, got["specifiers"].split(","))) == sorted(str(s) for s in want.specifier), text
        assert got["url"] == want.url, text
        assert got["marker"] == (str(want.marker) if want.marker else None), text
        assert Requirement(got["text"]) == want, text
    assert valid > 1500


def broken(rng, text):
    """One byte more, less or other."""
    place = rng.randrange(len(text))
    byte = rng.choice("[]();,=<>!~@ \t'\"*.+-_1ax")
    return rng.choice([text[:place] + byte + text[place:], text[:place] + text[place + 1:], text[:place] + byte + text[place + 1:]])


def refused_here_only(text):
    """A name that ends in "_" (against the grammar), and "===" without a version."""
    name = r"[A-Za-z0-9][A-Za-z0-9._-]*_"
    return re.match(rf"\s*{name}(?![\w.-])", text) or re.search(rf"[\[,]\s*{name}\s*[\],]", text) or \
        re.search(r"===\s*([;,)]|$)", text)


@pytest.mark.parametrize("text, message", [
    ("", "column 1: expected a package name, found the end"),
    (" ", "column 2: expected a package name, found the end"),
    ("-foo", "column 1: expected a package name, found '-'"),
    ("foo-", "column 1: a package name ends with a letter or digit, 'foo-' does not"),
    ("foo bar", "column 5: expected a version specifier, '@', ';' or the end, found 'b'"),
    ("foo 1.0", "column 5: expected a version specifier, '@', ';' or the end, found '1'"),
    ("foo=1.0", "column 4: expected a version specifier, '@', ';' or the end, found '='"),
    ("foo>=", "column 4: no version after '>='"),
    ("foo>=1.x", "column 4: '1.x' is not a version"),
    ("foo>=1.*", "column 4: '.*' can only be used with '==' and '!=', not with '>='"),
    ("foo>=1 <2", "column 8: expected ',' or ';' after a version specifier or the end, found '<'"),
    ("foo>=1,,<2", "column 8: expected ',' or ';' after a version specifier or the end, found ','"),
    ("foo(>=1", "column 4: '(' is never closed"),
    ("foo(>=1;", "column 8: expected a version specifier or ')', found ';'"),
    ("foo[", "column 5: expected a name of an extra, found the end"),
    ("foo[a", "column 4: '[' is never closed"),
    ("foo[a b]", "column 7: expected ',' or ']' after an extra, found 'b'"),
    ("foo[a,]", "column 7: expected the name of an extra after ',', found ']'"),
    ("foo[,a]", "column 5: expected a name of an extra, found ','"),
    ("foo @", "column 6: expected a URL after '@', found the end"),
    ("foo @ https://x.invalid/y z", "column 27: expected ';' after the URL and a blank or the end, found 'z'"),
    ("foo; os == 'nt'", "column 6: 'os' is not a marker variable"),
    ("foo>=1; os_name == 'nt' nor", "column 25: expected 'and', 'or' or the end of the marker, found 'n'"),
    ("foo\n", "column 4: a control character"),
    ("foo\u001b[0m", "column 4: a control character"),
    ("foo\u009b2J", "column 4: a control character"),
    ("\u00f6\u00f6 foo", "column 1: expected a package name, found '\u00f6'"),
])
def test_requirement_messages(ask, text, message):
    assert ask([["requirement", text]]) == [{"error": message, "code": 3}]
    with pytest.raises(InvalidRequirement):
        Requirement(text)
