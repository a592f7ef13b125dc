"""Templates against Python's str.format: thousands of rows, values and specifications."""

import json
import random
import subprocess

import pytest


@pytest.fixture
def render(tool):
    def call(pairs, command="template"):
        lines = "".join(json.dumps([template, {"id": 0, **row}]) + "\n" for template, row in pairs)
        done = subprocess.run([tool("batch_input_tool"), command], input=lines.encode(), capture_output=True, timeout=60)
        assert done.returncode == 0, done
        answers = []
        for line in done.stdout.decode().split("\n")[:-1]:
            word, rest = line.split(" ", 1)
            answers.append(("ok", json.loads(rest)) if word == "ok" else ("no", rest))
        assert len(answers) == len(pairs)
        return answers

    return call



def python_format(template, row):
    try:
        return ("ok", template.format(**json.loads(json.dumps(row))))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError):
        return ("no", None)


def check(render, pairs):
    wrong = []
    for (template, row), got in zip(pairs, render(pairs)):
        want = python_format(template, row)
        if got[0] != want[0] or (want[0] == "ok" and got[1] != want[1]):
            wrong.append((template, row, want, got))
    assert wrong == [], f"{len(wrong)} of {len(pairs)}"


def make_value(make, depth=0):
    kind = make.randrange(8 if depth < 3 else 6)
    if kind == 0:
        return make.choice([0, 1, -1, 7, 255, -4096, 2**31, 2**63, -(2**64), 10**30, 10**100, 65, 0x1F600, 123456789])
    if kind == 1:
        return make.choice([0.0, -0.0, 1.0, -1.5, 0.1, 1e16, 1e15, 123456789.0, 1e-5, 1e-4, 1.5e300, 2.5, 0.5, 1 / 3, 1e22])
    if kind == 2:
        return make.uniform(-1, 1) * 10 ** make.randrange(-12, 20)
    if kind < 6:
        letters = make.choice(["abc xyz", "a'b", 'a"b', "'\"\\", "\n\r\t\0\x1f\x7f", "äö漢😀\u0301", "\u200b\u2028\ue000\xad\u3000\xa0\u0378"])
        return "".join(make.choice(letters) for _ in range(make.randrange(12)))
    if kind == 6:
        return [make_value(make, depth + 1) for _ in range(make.randrange(4))]
    values = [make_value(make, depth + 1) for _ in range(make.randrange(4))] + [True, False, None][: make.randrange(4)]
    return {make_text(make): value for value in values}


def make_text(make):
    return "".join(make.choice("ab'\"ä1 ") for _ in range(make.randrange(4)))


def make_spec(make):
    parts = [
        make.choice(["", "", "", "<", ">", "^", "=", "*^", "0>", "ä<", "x=", "漢^", "<<"]),
        make.choice(["", "", "", "+", "-", " "]),
        make.choice(["", "", "", "", "z"]),
        make.choice(["", "", "", "#"]),
        make.choice(["", "", "", "0"]),
        make.choice(["", "", "1", "5", "12", "30"]),
        make.choice(["", "", "", ",", "_"]),
        make.choice(["", "", "", ".0", ".1", ".3", ".17", ".30"]),
        make.choice(["", "", "s", "d", "b", "o", "x", "X", "n", "c", "e", "E", "f", "F", "g", "G", "%"]),
    ]
    return "".join(parts)


def test_values(render):
    make = random.Random(1)
    pairs = []
    for _ in range(4000):
        conversion = make.choice(["", "", "!r", "!s", "!a"])
        pairs.append(("<{x" + conversion + "}>", {"x": make_value(make)}))
    check(render, [pair for pair in pairs if pair[1]["x"] is not None])


def test_true_and_false(render):
    specs = ["", "!r", "!s", ":5", ":d", ":>4", ":x", ":f", ":e", ":%", ":+", ":c", ":s", ":010", "!s:>6", "!a:<6"]
    check(render, [("{x" + spec + "}", {"x": value}) for spec in specs for value in [True, False, [True, None], {"a": False}]])


def test_specifications(render):
    make = random.Random(2)
    pairs = []
    for _ in range(25000):
        value = make_value(make, depth=9)
        if make.random() < 0.1:
            value = [value]
        pairs.append(("{x" + make.choice(["", "", "", "!r", "!a"]) + ":" + make_spec(make) + "}", {"x": value}))
    check(render, pairs)


def test_specifications_of_numbers(render):
    """Fewer refusals: only what goes with numbers."""
    make = random.Random(3)
    pairs = []
    for _ in range(15000):
        is_float = make.random() < 0.6
        value = make.uniform(-1, 1) * 10 ** make.randrange(-9, 20) if is_float else make.randrange(-(10 ** make.randrange(1, 40)), 10**12)
        spec = make.choice(["", "", "=", "*^", "0<", ">"]) + make.choice(["", "+", " "]) + make.choice(["", "", "#"])
        spec += make.choice(["", "0"]) + make.choice(["", str(make.randrange(1, 40))]) + make.choice(["", "", ",", "_"])
        if is_float:
            spec += make.choice(["", "." + str(make.randrange(0, 25))]) + make.choice(["", "e", "f", "g", "G", "%"])
        else:
            spec += make.choice(["", "d", "x", "X", "b", "o", "e", "f"])
        pairs.append(("{x:" + spec + "}", {"x": value}))
    check(render, pairs)


def test_spelling_of_numbers(tool):
    spellings = ["0", "-0", "-0.0", "0e0", "1e400", "-1e400", "1E5", "1.0", "1.10", "100000000000000000000000000", "0.1e1", "5e-324", "1e16",
                 "123456789012345678", "9007199254740993.0", "1" * 4300]  # fmt: skip
    specs = ["", ":f", ":010", ":,", ":e", ":g", ":G", "!r", ":z.1f", ":%", ":.3"]
    lines = "".join(f'["{{x{spec}}}", {{"id": 1, "x": {number}}}]\n' for number in spellings for spec in specs)
    done = subprocess.run([tool("batch_input_tool"), "template"], input=lines.encode(), capture_output=True, timeout=60, check=True)
    answers = iter(done.stdout.decode().split("\n"))
    for number in spellings:
        for spec in specs:
            got = next(answers)
            try:
                want = "ok " + json.dumps(("{x" + spec + "}").format(x=json.loads(number)), ensure_ascii=False)
            except (ValueError, OverflowError):
                want = "no"
            assert got == want or (want == "no" and got.startswith("no ")), (number, spec)


def test_templates(render):
    row = {"a": {"b": [1, "two", {"c": None, "0": "zero"}], "": 5, "x y": 1, "-1": 2}, "s": "häl😀lo", "w": 12, "f": ">", "long name": "q",
           "n": 3.5, "p": 2}  # fmt: skip
    templates = [
        "", "plain", "{{}}", "{{{s}}}", "}}{{", "{s}{s}", "{s!r:>20}", "{s:{w}}", "{s:{f}{w}}", "{n:{w}.{p}f}", "{n:.{p}}", "{long name}",
        "{a[b]}", "{a[b][0]}", "{a[b][1]!r}", "{a[b][2][c]}", "{a[b][2][c]!r:>8}", "{a[x y]}", "{a[-1]}", "{a[b][02]}", "{a[]}", "{a[b}",
        "{a[b]x}", "{s[0]}", "{s[1]}", "{s[4]!r}", "{s[3]:>4}", "{s[99]}", "{s[x]}", "{w[0]}", "{a[b][9]}", "{a[q]}", "{a[0]}", "{a[b][2][0]}",
        "{", "}", "{s", "{s!", "{s!r", "{s!rr}", "{s!x}", "{s!}", "{s:", "{s:}", "{s!r:}", "{}", "{0}", "{:}", "{ s}", "{s }", "{s:{", "{s:{w}",
        "{s:{w:{p}}}", "{s:{w!r}}", "{s:{{}}}", "a}b", "a{b", "{{s}", "{s}}", "{{{{{s}}}}}", "{s.x}", "{s:zzz}", "{a:5}", "{a[b]:5}", "{a[b][2][c]:5}",
        "{s!r!s}", "{a[b][0]:05d}{w:x}", "{a[{]}", "{a[}]}", "{a[:]}", "{s:ä>10}", "{s:{{>10}", "{s:}>10}", "{a[b][99999999999999999999]}", "{s:.2}",
        "{s:99}", "{unknown}", "{s[0][0]}", "{w:c}", "{a[b][1][2]:^5}",
    ]  # fmt: skip
    check(render, [(template, row) for template in templates])


def test_random_templates(render):
    make = random.Random(4)
    row = {"a": {"b": [1, "x"]}, "s": "text", "n": 7}
    tokens = ["{", "}", "{{", "}}", "[", "]", ":", "!", "r", "s", "a", "b", "n", "0", ".", "x", " ", "{s}", "{n:", "{a[", ">", "5"]
    pairs = [("".join(make.choice(tokens) for _ in range(make.randrange(1, 9))), row) for _ in range(20000)]
    check(render, pairs)


def test_prompt_field(render):
    make = random.Random(5)
    values = [True, False, 0, -0.0, 1.0, 1e22, "text", "ä\n", [1, "a"], {"k": [None]}] + [make_value(make) for _ in range(500)]
    pairs = [("p", {"p": value}) for value in values if value is not None]
    for (_, row), got in zip(pairs, render(pairs, "field")):
        assert got == ("ok", str(row["p"]))


def test_missing_fields(render):
    """Not an exception of Python's, but what a user is told."""
    cases = [
        ("{a} {b} {a}", {}, "no 3 missing required fields: a, b"),
        ("{a} {b}", {"a": None, "b": 1}, "no 3 missing required fields: a"),
        ("{a[x]} {b[0][y]}", {"a": {}, "b": [{}]}, "no 3 missing required fields: a[x], b[0][y]"),
        ("{a[3]}", {"a": [1]}, "no 3 missing required fields: a[3]"),
        ("{a:{w}}", {"a": 1}, "no 3 missing required fields: w"),
    ]
    for (template, row, want), got in zip(cases, render([case[:2] for case in cases])):
        assert " ".join(got) == want


def test_messages(render):
    row = {"s": "t", "n": 1, "f": 1.5, "l": [1], "o": {}, "m": -5}
    cases = [
        ("{s:+}", "3 field 's': format '+': sign, 'z', '#' and '=' are for numbers"),
        ("{s:d}", "3 field 's': format 'd': no format of text"),
        ("{s:,s}", None),
        ("{n:s}", "3 field 'n': format 's': no format of a whole number"),
        ("{f:d}", "3 field 'f': format 'd': no format of a number with a point"),
        ("{n:.3d}", None),
        ("{n:.3}", "3 field 'n': format '.3': precision and 'z' are not for whole numbers"),
        ("{m:c}", "3 field 'm': no character has this number"),
        ("{l:5}", "3 field 'l': format '5': an array has none"),
        ("{o:5}", "3 field 'o': format '5': an object has none"),
        ("{s[x]}", "3 field 's[x]': '[x]' of a value of kind string"),
        ("{l[x]}", "3 field 'l[x]': '[x]' of a value of kind array"),
        ("{n[0]}", "3 field 'n[0]': '[0]' of a value of kind number"),
        # told of the template, before any row
        ("ä{s:,s}", "5 --prompt-template: column 5: format ',s': text has no groups of digits"),
        ("{n:.3c}", "5 --prompt-template: column 4: format '.3c': no format of a number with a point"),
        ("{s:5_,}", "5 --prompt-template: column 4: format '5_,': both ',' and '_'"),
        ("{s:.}", "5 --prompt-template: column 4: format '.': no digits after '.'"),
        ("{s:5 5}", "5 --prompt-template: column 4: format '5 5': not understood"),
        ("{s:1000001}", "5 --prompt-template: column 4: format '1000001': a number above 1000000"),
        ("{f:.100001}", "5 --prompt-template: column 4: format '.100001': a number above 100000"),
        ("ab{", "5 --prompt-template: column 3: single '{' (a brace as such is '{{')"),
        ("ab}", "5 --prompt-template: column 3: single '}' (a brace as such is '}}')"),
        ("{s", "5 --prompt-template: column 1: '{' is not closed (a brace as such is '{{')"),
        ("{s!r", "5 --prompt-template: column 1: '{' is not closed"),
        ("{s:5", "5 --prompt-template: column 1: '{' is not closed"),
        ("{s!q}", "5 --prompt-template: column 4: conversion is none of !r, !s and !a"),
        ("{s!rs}", "5 --prompt-template: column 5: expected ':' or '}' after a conversion"),
        ("{}", "5 --prompt-template: column 2: a field without a name"),
        ("{7}", "5 --prompt-template: column 2: a field by number: rows have names only"),
        ("{s.x}", "5 --prompt-template: column 3: values have no attributes (the part of an object is '{a[b]}')"),
        ("{s[}", "5 --prompt-template: column 1: '{' is not closed (a brace as such is '{{')"),
        ("{s[]}", "5 --prompt-template: column 3: nothing between '[' and ']'"),
        ("{s[a]b}", "5 --prompt-template: column 6: expected '[' after ']'"),
        ("{s[99999999999999999999]}", "5 --prompt-template: column 3: index is too large"),
        ("{a{b}}", "5 --prompt-template: column 3: '{' in the name of a field"),
        ("{s:{n:{n}}}", "5 --prompt-template: column 7: fields within each other, more than twice"),
        ("".join("{a%d}" % i for i in range(300)), "2 --prompt-template: more than 256 different fields"),
    ]
    cases = [case for case in cases if case[1] is not None]
    for (template, want), got in zip(cases, render([(template, row) for template, _ in cases])):
        assert got == ("no", want), template
