"""Versions and specifiers against the `packaging` library."""

import itertools
import random

import pytest
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

# every part in several spellings; the products below are sampled with a fixed seed
RELEASES = ["0", "1", "1.0", "1.0.0", "1.2", "1.2.3", "01.02", "2", "1.10", "2024.1.31", "1.0.0.0.1", "v1.1", "V1.1.0"]
EPOCHS = ["", "", "", "1!", "0!", "2!"]
PRES = ["", "", "a", "a1", "alpha1", ".alpha.1", "-beta_2", "b2", "c1", "rc1", "RC.1", "pre", "preview3", "-a-"]
POSTS = ["", "", "-1", ".post1", "post", "_rev2", "-r3", ".post0", ".POST1"]
DEVS = ["", "", ".dev1", "dev", "-dev_2", ".dev0"]
LOCALS = ["", "", "+abc", "+1", "+1.2", "+1-abc_3", "+001", "+ABC.10", "+a.b", "+ubuntu.1", "+99999999999999999999999"]

NO_VERSION = ["", " ", "1.", ".1", "a", "1..0", "1.0+", "1.0+a..b", "1.0+-a", "1.0+a-", "1!", "!1", "1!1!1", "1.0rcx", "x1",
    "1.0 a1", "1,0", "1.0-", "1.0-post-x", "1.0.post1.post2", "1.0dev1.dev2", "1.0a1b2", "vv1", "1.0.*", "1.0+a b",
    "\u0661.0", "1.0\u00e9", "latest", "-1", "+1", "1.0.dev-a", "1.0--1x", "1_0_0", "1.0-1-1x", "v", "1.0+", "1.0rev1rev2"]


def versions(count, seed):
    parts = [EPOCHS, RELEASES, PRES, POSTS, DEVS, LOCALS]
    rng = random.Random(seed)
    texts = dict.fromkeys("".join(rng.choice(p) for p in parts) for _ in range(count))
    # an epoch goes behind the "v"
    return ["v" + t.replace("v", "", 1) if t[1:3] == "!v" else t for t in texts]


def test_parse_and_normalize(ask):
    texts = versions(3000, 1) + NO_VERSION + [f" {v}\n" for v in versions(20, 2)]
    valid = 0
    for text, got in zip(texts, ask(["version-parse", t] for t in texts)):
        try:
            want = Version(text)
        except InvalidVersion:
            assert got is None, text
            continue
        valid += 1
        assert got == {"text": str(want), "prerelease": want.is_prerelease}, text
    assert valid > 1500


def test_compare(ask):
    texts = [v for v in versions(400, 3) if _is_version(v)]
    rng = random.Random(4)
    pairs = [(rng.choice(texts), rng.choice(texts)) for _ in range(4000)]
    # near neighbours too: the same release with other ends
    ends = ["", "a1", "a1.dev1", "rc1", "rc1.post1", ".post1", ".post1.dev2", ".dev1", "+x", "+1", "+1.x", ".post1+x", ".dev1+1"]
    near = ["1.0" + e for e in ends] + ["1.0.0" + e for e in ends]
    pairs += itertools.product(near, near)
    for (a, b), got in zip(pairs, ask(["version-compare", a, b] for a, b in pairs)):
        x, y = Version(a), Version(b)
        assert got == (x > y) - (x < y), (a, b)


def test_limits_are_refusals(ask):
    top = 2**64 - 1
    rows = [(f"{top}", f"{top}"), (f"{top + 1}", None), (f"1.{top + 1}", None), (f"{top + 1}!1", None), (f"1a{top + 1}", None),
        (f"1.post{top + 1}", None), (f"1.dev{top + 1}", None), ("1" * 100000, None), (".".join(["1"] * 16), ".".join(["1"] * 16)),
        (".".join(["1"] * 17), None), ("1+" + "a" * 126, "1+" + "a" * 126), ("1+" + "a" * 128, None),
        (f"1+{top + 1}", f"1+{top + 1}")]
    for (text, want), got in zip(rows, ask(["version-parse", t] for t, _ in rows)):
        assert (got and got["text"]) == want, text[:40]


def _is_version(text):
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


SPECIFIED = ["1", "1.0", "1.0.0", "1.1", "1.2.3", "2", "1!1.0", "1.0a1", "1.0rc1", "1.0.post1", "1.0.dev1", "1.0a1.dev2",
    "1.0.post1.dev2", "1.0rc1.post2", "0", "0.dev0", "1.0+x", "1.0+1.2", "1.0.post1+x", "v1.0", "1.0-1", "1.0ALPHA1"]
CANDIDATES = ["0", "0.dev0", "0.9", "1", "1.0", "1.0.0", "1.0.0.0", "1.0.1", "1.1", "1.1.dev0", "1.2", "1.2.3", "1.2.3.4",
    "1.2.4", "2", "2.dev0", "2a1", "1!1.0", "1!1.1", "1.0a1", "1.0a1+x", "1.0a2", "1.0a1.post1", "1.0a1.dev2", "1.0a1.dev3",
    "1.0rc1", "1.0rc1.post2", "1.0rc1.post3", "1.0.post1", "1.0.post1+x", "1.0.post2", "1.0.post2.dev0", "1.0.post1.dev2",
    "1.0.post1.dev3", "1.0.dev1", "1.0.dev2", "1.0.dev1+x", "1.0+x", "1.0+y", "1.0+1.2", "1.0+1.2.3"]


def test_specifiers_match(ask):
    operators = ["==", "!=", "<", "<=", ">", ">=", "~=", "==="]
    specs = [op + v for op in operators for v in SPECIFIED] + [op + v + ".*" for op in ("==", "!=") for v in SPECIFIED]
    specs = [s for s in specs if _is_specifier(s)]
    assert len(specs) > 130
    rows = list(itertools.product(specs, CANDIDATES))
    for (spec, version), got in zip(rows, ask(["specifier-match", s, v] for s, v in rows)):
        assert got == Specifier(spec, prereleases=True).contains(Version(version)), (spec, version)


def test_sets_match(ask):
    rng = random.Random(5)
    operators = ["==", "!=", "<", "<=", ">", ">=", "~="]
    rows = []
    while len(rows) < 3000:
        clauses = [rng.choice(operators) + rng.choice(["", " "]) + rng.choice(SPECIFIED) + rng.choice(["", "", ".*"])
            for _ in range(rng.randint(0, 3))]
        spec = rng.choice([",", ", ", " , "]).join(clauses)
        if all(_is_specifier(c) for c in clauses):
            rows.append((spec, rng.choice(CANDIDATES)))
    for (spec, version), got in zip(rows, ask(["specifier-match", s, v] for s, v in rows)):
        assert got == SpecifierSet(spec).contains(Version(version), prereleases=True), (spec, version)


def _is_specifier(text):
    try:
        Specifier(text)
    except InvalidSpecifier:
        return False
    return True


def test_specifiers_are_checked(ask):
    operators = ["==", "!=", "<", "<=", ">", ">=", "~=", "===", "=", "", "=>", "<>", "^"]
    ends = ["", ".*", ".x", "*", "+x", "+x.*", " 1", ";", ")", ".*.1", ".dev1.*", "a", "+", "-1", "-"]
    texts = [op + gap + v + end for op in operators for gap in ("", " ") for v in ("1", "1.0", "v2!1.0", "x") for end in ends]
    valid = 0
    for text, got in zip(texts, ask(["specifiers-check", t] for t in texts)):
        want = _is_specifier(text)
        valid += want
        assert (got is True) == want, (text, got)
    assert valid > 100


@pytest.mark.parametrize("text, message", [
    (">=1,<", "no version after '<'"),
    (">=1,,<2", "a comma without a specifier before it"),
    (",", "a comma without a specifier before it"),
    ("1.0", "'1.0' does not begin with a comparison such as '>='"),
    ("=1.0", "'=1.0' does not begin with a comparison such as '>='"),
    ("=>1.0", "'=>1.0' does not begin with a comparison such as '>='"),
    (">=1.*", "'.*' can only be used with '==' and '!=', not with '>='"),
    ("==1a1.*", "'.*' must follow a release number, not '1a1.*'"),
    ("==1+x.*", "'.*' must follow a release number, not '1+x.*'"),
    (">=1+x", "a local version ('+x') can only be used with '==' and '!=', not with '>='"),
    ("~=1", "'~=' needs a release of two numbers or more, not '1'"),
    (">=1 2", "'1 2' is not a version"),
    (">=banana", "'banana' is not a version"),
    ("===", "no version after '==='"),
    (">=1\u001b[2J", "a specifier with a control character, or not valid UTF-8"),
    (">=18446744073709551616", "'18446744073709551616' is not a version"),
])
def test_specifier_messages(ask, text, message):
    assert ask([["specifiers-check", text]]) == [{"error": message, "code": 3}]
