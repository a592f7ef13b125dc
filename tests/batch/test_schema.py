"""Structured output: JSON Schema against the jsonschema package, closed schemas, fences around answers."""

import json
import random
import re
import subprocess

import jsonschema
import pytest


@pytest.fixture
def call(tool):
    def run(command, cases):
        lines = "".join(json.dumps(case) + "\n" for case in cases)
        done = subprocess.run([tool("batch_input_tool"), command], input=lines.encode(), capture_output=True, timeout=60)
        assert done.returncode == 0, done
        answers = done.stdout.decode().split("\n")[:-1]
        assert len(answers) == len(cases)
        return answers

    return run


NAMES = ["a", "b", "c", "a/b", "ä"]


def make_value(make, depth=0):
    kind = make.randrange(8 if depth < 3 else 6)
    if kind == 0:
        return make.choice([None, True, False])
    if kind == 1:
        return make.choice([0, 1, 2, 3, 6, -4, 10, 2**53 + 1, -(2**63), 2**63 - 1])
    if kind == 2:
        return make.choice([0.0, 1.0, 1.5, -2.5, 0.3, 1e300, 3.0, float(2**53)])
    if kind < 6:
        return make.choice(["", "x", "yes", "äöü", "漢字漢字", "😀", "a longer text"])
    if kind == 6:
        return [make_value(make, depth + 1) for _ in range(make.randrange(4))]
    return {make.choice(NAMES): make_value(make, depth + 1) for _ in range(make.randrange(4))}


def make_schema(make, depth=0):
    if depth > 0 and make.random() < 0.08:
        return make.choice([True, False])
    types = ["object", "array", "string", "number", "integer", "boolean", "null"]
    choices = {
        "type": lambda: make.choice([make.choice(types), make.sample(types, make.randrange(1, 4))]),
        "enum": lambda: [make_value(make, 2) for _ in range(make.randrange(1, 5))],
        "const": lambda: make_value(make, 2),
        "minimum": lambda: make.choice([0, 1, 1.5, -3, 2**53, 2**53 + 2]),
        "maximum": lambda: make.choice([0, 3, 2.5, 10, 2**63 - 1, float(2**53)]),
        "exclusiveMinimum": lambda: make.choice([0, 1, 1.5]),
        "exclusiveMaximum": lambda: make.choice([2, 3.0, 10]),
        "multipleOf": lambda: make.choice([1, 2, 3, 0.5, 1.5, 0.1]),
        "minLength": lambda: make.randrange(5),
        "maxLength": lambda: make.randrange(5),
        "pattern": lambda: make.choice(["^a", "^[^a]+$", "o.*t", "[äöü]{2}", "^(yes|x)$", "漢+", "\\S \\S", "^[A-Za-z]*$|😀"]),
        "minItems": lambda: make.randrange(3),
        "maxItems": lambda: make.randrange(3),
        "uniqueItems": lambda: make.choice([True, False]),
        "minProperties": lambda: make.randrange(3),
        "maxProperties": lambda: make.randrange(3),
        "required": lambda: make.sample(NAMES, make.randrange(3)),
        "title": lambda: "a title",
        "default": lambda: {"if": 1},
        "format": lambda: "date-time",
        "$ref": lambda: make.choice(["#/$defs/one", "#/$defs/t~1w%6F", "#/$defs/tree"]),
    }
    if depth < 3:
        below = lambda: make_schema(make, depth + 1)  # noqa: E731
        some = lambda: [below() for _ in range(make.randrange(1, 4))]  # noqa: E731
        choices.update(
            {
                "properties": lambda: {name: below() for name in make.sample(NAMES, make.randrange(4))},
                "additionalProperties": lambda: make.choice([True, False, below()]),
                "items": below,
                "prefixItems": some,
                "anyOf": some,
                "oneOf": some,
                "allOf": some,
                "not": below,
            }
        )
    return {name: choices[name]() for name in make.sample(sorted(choices), make.choice([0, 1, 1, 2, 2, 3]))}


def test_against_jsonschema(call):
    make = random.Random(1)
    cases = []
    for _ in range(2500):
        inner = make_schema(make)
        schema = {"type": "object", "properties": {"v": inner}, "$defs": {}}
        schema["$defs"]["one"] = {"type": ["integer", "string"]}
        schema["$defs"]["t/wo"] = {"minimum": 1, "maxLength": 3}
        schema["$defs"]["tree"] = {"properties": {"a": {"$ref": "#/$defs/tree"}, "b": {"type": "integer"}}, "required": ["b"]}
        validator = jsonschema.Draft202012Validator(schema)
        for _ in range(6):
            cases.append((schema, {"v": make_value(make)}, validator))
    answers = call("schema", [case[:2] for case in cases])
    wrong, good = [], 0
    for (schema, value, validator), answer in zip(cases, answers):
        want = validator.is_valid(value)
        good += want
        if answer.startswith("ok") != want or answer.startswith("bad"):
            wrong.append((schema["properties"]["v"], value["v"], answer))
    assert wrong == []
    assert 3000 < good < 13000


def test_messages(call):
    def under(schema):
        return {"type": "object", "properties": {"v": schema}}

    cases = [
        ({"type": "object"}, [], "no 3 at /: is an array, not an object"),
        (under({"type": "number"}), {"v": "x"}, "no 3 at /v: is a string, not a number"),
        (under({"items": {"type": ["integer", "null"]}}), {"v": [1, 1.5]}, "no 3 at /v/1: is a number, not a whole number or null"),
        (under({"properties": {"a/b~": {"type": "boolean"}}}), {"v": {"a/b~": None}}, "no 3 at /v/a~1b~0: is null, not true or false"),
        (under({"enum": [1]}), {"v": True}, "no 3 at /v: is none of the values that 'enum' allows"),
        (under({"const": 1}), {"v": 2}, "no 3 at /v: is not the value of 'const'"),
        (under({"minimum": 3}), {"v": 2}, "no 3 at /v: is less than 3"),
        (under({"maximum": 0.1}), {"v": 2}, "no 3 at /v: is more than 0.1"),
        (under({"exclusiveMinimum": 3}), {"v": 3.0}, "no 3 at /v: is not more than 3"),
        (under({"exclusiveMaximum": 3}), {"v": 3}, "no 3 at /v: is not less than 3"),
        (under({"multipleOf": 3}), {"v": 4}, "no 3 at /v: is no multiple of what 'multipleOf' says"),
        (under({"minLength": 3}), {"v": "äö"}, "no 3 at /v: has 2 characters, fewer than 3"),
        (under({"maxLength": 1}), {"v": "äö"}, "no 3 at /v: has 2 characters, more than 1"),
        (under({"pattern": "^a+$"}), {"v": "aab"}, "no 3 at /v: does not match its pattern"),
        (under({"pattern": "^(a+)+$"}), {"v": "a" * 60 + "b"}, "no 3 at /v: takes too many steps to be compared with its pattern"),
        (under({"not": {"pattern": "^(a+)+$"}}), {"v": "a" * 60 + "b"}, "no 3 at /v: takes too many steps to be compared with its pattern"),
        (under({"minItems": 1}), {"v": []}, "no 3 at /v: has 0 items, fewer than 1"),
        (under({"maxItems": 1}), {"v": [1, 2]}, "no 3 at /v: has 2 items, more than 1"),
        (under({"uniqueItems": True}), {"v": [1, 2, 1.0]}, "no 3 at /v: has the same item twice"),
        (under({"minProperties": 1}), {"v": {}}, "no 3 at /v: has 0 members, fewer than 1"),
        (under({"required": ["q"]}), {"v": {}}, "no 3 at /v: 'q' is missing"),
        (under({"additionalProperties": False}), {"v": {"q": 1}}, "no 3 at /v: 'q' is not expected"),
        (under({"properties": {"q": False}}), {"v": {"q": 1}}, "no 3 at /v/q: is not expected"),
        (under({"anyOf": [{"type": "string"}]}), {"v": 1}, "no 3 at /v: is a number, not a string"),
        (under({"anyOf": [{"type": "string"}, {"type": "null"}]}), {"v": 1}, "no 3 at /v: fits none of the 2 schemas of 'anyOf'"),
        (under({"oneOf": [True, True]}), {"v": 1}, "no 3 at /v: fits 2 of the 2 schemas of 'oneOf', not one"),
        (under({"not": {"type": "number"}}), {"v": 1}, "no 3 at /v: fits the schema of 'not'"),
    ]
    assert call("schema", [case[:2] for case in cases]) == [case[2] for case in cases]


def test_schemas_that_are_refused(call):
    deep = {"type": "object"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"a": deep}}
    cases = [
        ([], "a JSON Schema is an object"),
        ({}, "the root's type is not 'object'"),
        ({"type": "array"}, "the root's type is not 'object'"),
        ({"type": ["object", "null"]}, "the root's type is not 'object'"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, "the root's type is not 'object'"),
        ({"type": "object", "if": {}}, "unknown keyword 'if' at /"),
        ({"type": "object", "properties": {"a": {"patternProperties": {}}}}, "unknown keyword 'patternProperties' at /properties/a"),
        ({"type": "object", "allOf": [{}, {"items": {"x": 1}}]}, "unknown keyword 'x' at /allOf/1/items"),
        ({"type": "objekt"}, "'type' is not a type's name or a list of them at /"),
        ({"type": []}, "'type' is not a type's name or a list of them at /"),
        ({"type": "object", "required": "a"}, "'required' is not a list of names at /"),
        ({"type": "object", "required": [1]}, "'required' is not a list of names at /"),
        ({"type": "object", "properties": []}, "'properties' is not an object of schemas at /"),
        ({"type": "object", "properties": {"a": 1}}, "no schema at /properties/a"),
        ({"type": "object", "items": []}, "'items' is not a schema at /"),
        ({"type": "object", "anyOf": []}, "'anyOf' is not a list of schemas at /"),
        ({"type": "object", "enum": []}, "'enum' is not a list of values at /"),
        ({"type": "object", "minLength": -1}, "'minLength' is not a whole number from 0 at /"),
        ({"type": "object", "minimum": "1"}, "'minimum' is not a number at /"),
        ({"type": "object", "multipleOf": 0}, "'multipleOf' is not a number above 0 at /"),
        ({"type": "object", "uniqueItems": 1}, "'uniqueItems' is not true or false at /"),
        ({"type": "object", "$ref": 1}, "'$ref' is not a reference at /"),
        ({"type": "object", "$ref": "other.json"}, "'$ref' to 'other.json', where no schema is"),
        ({"type": "object", "$ref": "#/$defs/q"}, "'$ref' to '#/$defs/q', where no schema is"),
        ({"type": "object", "default": {}, "$ref": "#/default"}, "'$ref' to '#/default', where no schema is"),
        ({"type": "object", "$ref": "#"}, "a schema that refers to itself for the same value"),
        ({"type": "object", "allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
         "a schema that refers to itself for the same value"),
    ]  # fmt: skip
    assert call("schema", [[schema, {}] for schema, _ in cases]) == [f"bad 5 {want}" for _, want in cases]
    assert call("schema", [[deep, {}]]) == ["bad 2 more than 20000 schemas, or more than 128 within each other"]


# Parts of regular expressions: (as ECMA-262 writes them, as Python does)
SPACES = "\\t-\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
ATOMS = [("a", "a"), ("b", "b"), ("ä", "ä"), ("-", "-"), (" ", " "), ("#", "#"), (".", "[^\\n\\r\\u2028\\u2029]"),
         ("\\s", f"[{SPACES}]"), ("\\S", f"[^{SPACES}]"), ("\\d", "[0-9]"), ("\\D", "[^0-9]"), ("\\w", "[0-9A-Za-z_]"),
         ("\\W", "[^0-9A-Za-z_]"), ("[ab\\s]", f"[ab{SPACES}]"), ("[^\\d\\n]", "[^0-9\\n]"), ("[a-c\\-]", "[a-c\\-]"), ("[]", "(?:(?!))"),
         ("[^]", "(?s:.)"), ("[\\S\\n]", f"(?:\\n|[^{SPACES}])"), ("[^\\Sa]", f"[{SPACES}]"), ("[[:a]", "[\\[:a]"), ("\\u{e4}", "ä"),
         ("\\uD83D\\uDE00", "😀"), ("\\x61", "a"), ("\\v", "\\x0b"), ("\\/", "/"), ("[\\b]", "\\x08"), ("\\cJ", "\\n")]  # fmt: skip
MARKS = [("^", "^"), ("$", "\\Z"), ("\\b", "\\b"), ("\\B", "(?!\\b)")]
REPEATS = ["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"]
GROUPS = [("(", "("), ("(?:", "(?:"), ("(?<n>", "("), ("(?=", "(?="), ("(?!", "(?!")]
TEXTS = ["", "a", "b", "ab", "aab", "ba ab", "ä", "😀", "a\n", "\n", "a\nb", "\u00a0", "\ufeff", "\u2028", "\u0085", "\u180e", "0", "a0_", "٣",
         "é", "-", "[", ":", "a#b", "/", "\x0b", "\x08", "a-c", "  "]  # fmt: skip


def make_pattern(make, depth=0):
    ours = theirs = ""
    for _ in range(make.randrange(1, 4)):
        if make.random() < 0.2:
            parts = make.choice(MARKS)
            ours, theirs = ours + parts[0], theirs + parts[1]
            continue
        repeat = make.choice(REPEATS)
        if depth < 2 and make.random() < 0.3:
            begin, inner = make.choice(GROUPS), make_pattern(make, depth + 1)
            repeat = "" if begin[0] in ("(?=", "(?!") else repeat
            ours, theirs = f"{ours}{begin[0]}{inner[0]}){repeat}", f"{theirs}{begin[1]}{inner[1]}){repeat}"
        else:
            parts = make.choice(ATOMS)
            ours, theirs = ours + parts[0] + repeat, theirs + parts[1] + repeat
    if depth < 2 and make.random() < 0.2:
        other = make_pattern(make, depth + 1)
        return f"{ours}|{other[0]}", f"{theirs}|{other[1]}"
    return ours, theirs


def test_patterns_against_python(call):
    make = random.Random(2)
    patterns = [make_pattern(make) for _ in range(1500)]
    # Python's \\b is Unicode's, but for ASCII
    wanted = [re.search(python, text, re.ASCII) is not None for _, python in patterns for text in TEXTS]
    schemas = [{"type": "object", "properties": {"v": {"pattern": ours}}} for ours, _ in patterns]
    answers = call("schema", [[schema, {"v": text}] for schema in schemas for text in TEXTS])
    told = {True: "ok ", False: "no 3 at /v: does not match its pattern"}
    places = [(ours, text) for ours, _ in patterns for text in TEXTS]
    wrong = [(place, answer) for place, answer, want in zip(places, answers, wanted) if answer != told[want]]
    assert wrong == []
    assert 8000 < sum(wanted) < len(wanted) - 8000


def test_patterns_that_are_refused(call):
    cases = [
        (1, "'pattern' is not a regular expression"),
        ("x\\A", "'pattern': character 2: '\\A' is no escape of ECMA-262"),
        ("ä\\h", "'pattern': character 2: '\\h' is no escape of ECMA-262"),
        ("\\ä", "'pattern': character 1: a '\\' before a character that needs none"),
        ("a\\", "'pattern': character 2: '\\' at the end"),
        ("\\x4", "'pattern': character 1: '\\x' without two hexadecimal digits"),
        ("\\u12", "'pattern': character 1: '\\u' without four hexadecimal digits"),
        ("\\u{110000}", "'pattern': character 1: '\\u{' without the number of a character"),
        ("\\uDE00", "'pattern': character 1: half of a surrogate pair"),
        ("\\pL", "'pattern': character 1: '\\p' without a property in braces"),
        ("\\p{Foo}", "'pattern': PCRE2 says: unknown property after \\P or \\p"),
        ("(a)\\1", "'pattern': character 4: back references are not supported"),
        ("(?<n>a)\\k<n>", "'pattern': character 8: back references are not supported"),
        ("(?i)a", "'pattern': character 1: '(?' begins no group of ECMA-262"),
        ("(?P<n>a)", "'pattern': character 1: '(?' begins no group of ECMA-262"),
        ("(?>a)", "'pattern': character 1: '(?' begins no group of ECMA-262"),
        ("(*UCP)a", "'pattern': character 2: '*' has nothing to repeat"),
        ("a++", "'pattern': character 3: '+' has nothing to repeat"),
        ("^*", "'pattern': character 2: '*' has nothing to repeat"),
        ("(?=a)?", "'pattern': character 6: '?' has nothing to repeat"),
        ("a{2}{3}", "'pattern': character 5: '{' has nothing to repeat"),
        ("a{,3}", "'pattern': character 2: a '{' that is no repetition: write '\\{' for the character"),
        ("a{3,2}", "'pattern': character 2: a repetition whose end is before its beginning"),
        ("a{65536}", "'pattern': character 2: a repetition of more than 65535"),
        ("(a", "'pattern': '(' is not closed"),
        ("a)", "'pattern': character 2: ')' closes nothing"),
        ("[a", "'pattern': character 1: '[' is not closed"),
        ("[z-a]", "'pattern': character 2: a range whose end is before its beginning"),
        ("[\\w-.]", "'pattern': character 2: a range from a set of characters: write '\\-' for the character"),
        ("[a-\\d]", "'pattern': character 2: a range to a set of characters: write '\\-' for the character"),
        ("(?<=a+)b", "'pattern': PCRE2 says: lookbehind assertion is not fixed length"),
    ]  # fmt: skip
    schemas = [{"type": "object", "properties": {"v": {"pattern": pattern}}} for pattern, _ in cases]
    got = call("schema", [[schema, {}] for schema in schemas])
    assert got == [f"bad 5 {want} at /properties/v" for _, want in cases]
    large = [("(" * 101 + ")" * 101, "more than 100 groups within each other"), ("a" * 16385, "more than 16384 bytes"),
             ("((a{1000}){1000}){1000}", None)]  # fmt: skip
    got = call("schema", [[{"type": "object", "pattern": pattern}, {}] for pattern, _ in large])
    assert got == ["bad 2 'pattern': more than 100 groups within each other at /", "bad 2 'pattern': more than 16384 bytes at /",
                   "bad 5 'pattern': PCRE2 says: regular expression is too large at /"]  # fmt: skip
    many = {"type": "object", "properties": {f"p{i}": {"pattern": "a"} for i in range(501)}}
    assert call("schema", [[many, {}]]) == ["bad 2 more than 500 patterns"]


def test_a_schema_of_pydantic(call):
    schema = {
        "$defs": {
            "Leaf": {"properties": {"kind": {"const": "leaf", "type": "string"}, "n": {"exclusiveMinimum": 0, "type": "integer"}},
                     "required": ["kind", "n"], "title": "Leaf", "type": "object"},
            "Node": {"properties": {"kind": {"const": "node", "type": "string"}, "below": {"items": {
                "discriminator": {"mapping": {"leaf": "#/$defs/Leaf", "node": "#/$defs/Node"}, "propertyName": "kind"},
                "oneOf": [{"$ref": "#/$defs/Leaf"}, {"$ref": "#/$defs/Node"}]}, "type": "array"}},
                "required": ["kind", "below"], "title": "Node", "type": "object"},
        },
        "$ref": "#/$defs/Node",
    }  # fmt: skip
    tree = {"kind": "node", "below": [{"kind": "leaf", "n": 1}, {"kind": "node", "below": []}]}
    bad = {"kind": "node", "below": [{"kind": "leaf", "n": 0}]}
    got = call("schema", [[schema, tree], [schema, bad]])
    assert got == ["ok ", "no 3 at /below/0: fits 0 of the 2 schemas of 'oneOf', not one"]


def test_closed(call):
    schema = {
        "type": "object",
        "title": "T ä",
        "properties": {"b": {"type": "object", "properties": {}}, "a": {"additionalProperties": True, "type": "object"},
                       "l": {"items": {"properties": {"x": {"minimum": 0.1}}}}, "s": {"type": ["object", "null"]}},
        "$defs": {"d": {"anyOf": [{"type": "object"}, {"type": "string"}]}},
        "default": {"type": "object"},
    }  # fmt: skip
    closed = json.loads(json.dumps(schema))
    closed["properties"]["b"]["additionalProperties"] = False
    closed["properties"]["l"]["items"]["additionalProperties"] = False
    closed["properties"]["s"]["additionalProperties"] = False
    closed["$defs"]["d"]["anyOf"][0]["additionalProperties"] = False
    closed["additionalProperties"] = False
    (answer,) = call("closed", [[schema]])
    assert answer == "ok " + json.dumps(closed, ensure_ascii=False, separators=(",", ":"))


def test_answers(call):
    cases = [
        ('{"a": 1}', 'ok {"a":1}'),
        (' \n [1] \n', "ok [1]"),
        ('```json\n{"a": 1}\n```', 'ok {"a":1}'),
        ('\n```JSON \n{"a": 1}\n```\n', 'ok {"a":1}'),
        ('```\n{"a": 1}```', 'ok {"a":1}'),
        ('"```"', 'ok "```"'),
        ("```python\n1\n```", "no 3 answer is no JSON: line 1, column 1: invalid token near '`'"),
        ("```json\n1", "no 3 answer is no JSON: line 1, column 1: invalid token near '`'"),
        ("", "no 3 answer is no JSON: line 1, column 0: unexpected token near end of file"),
        ('{"a":1,"a":2}', "no 3 answer is no JSON: line 1, column 10: duplicate object key near '\"a\"'"),
    ]
    assert call("answer", [[text] for text, _ in cases]) == [want for _, want in cases]
