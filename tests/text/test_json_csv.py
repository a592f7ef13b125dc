"""JSON, CSV and case folding against Python's json, csv and str.casefold."""

import csv
import io
import json
import random
import struct
import subprocess
import unicodedata

import pytest


@pytest.fixture
def text_tool(tool):
    def call(command, text):
        return subprocess.run([tool("text_tool"), command], input=text.encode(), capture_output=True, timeout=60)

    return call


def python_json(value):
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


JSON_VALUES = {
    "empty object": {},
    "empty array": [],
    "empty inside": {"a": {}, "b": [], "c": [[], {}, [{}]]},
    "nested": {"z": {"y": [1, {"x": [True, False, None]}]}, "a": "b"},
    "sorted": {key: 1 for key in ["b", "a", "B", "aa", "", "ä", "z", "é", "漢", "😀", "_", "-", "\uffff"]},
    "every character": "".join(map(chr, range(0x250))),
    "beyond the first plane": "😀\U0010ffff\u2028\u2029",
    "integers": [0, -1, 2**63 - 1, -(2**63)],
    "scalar": "x",
    "manifest": {"archive_hashes": {"sha256": "0" * 64}, "archive_size": 123, "required_layers": [], "app_launch_module": None},
}


@pytest.mark.parametrize("value", JSON_VALUES.values(), ids=JSON_VALUES)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_bytes(text_tool, value, ascii_only):
    done = text_tool("json", json.dumps(value, ensure_ascii=ascii_only))
    assert done.stdout == python_json(value), done


def test_json_floats(text_tool):
    make = random.Random(1)
    values = [struct.unpack("<d", make.randbytes(8))[0] for _ in range(3000)]
    values += [make.uniform(-1, 1) * 10 ** make.randrange(-8, 20) for _ in range(3000)]
    values += [float(10**power) for power in range(0, 25)] + [10.0**-power for power in range(0, 10)]
    values = [value for value in values if value - value == 0]  # no nan and inf in JSON
    done = text_tool("json", json.dumps(values))
    assert done.stdout == python_json(values)


CSV_TEXTS = [
    "",
    "a,b,c\n",
    "a,b\r\nc,d",
    "\n\na\n\n",
    ",,\n,",
    '"a,b","c""d",""\n',
    '"a\nb\r\nc",d\ne',
    'a"b,c "d"\n',
    '"a"b"c",d\n',
    " a , b \n",
    "a\rb\rc",
    '"a" ,b',
    'x,"',
    'pkg/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"pkg/a,b.py",,\npkg/RECORD,,\n',
]


def python_csv(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv(text_tool):
    for text in CSV_TEXTS:
        if text.count('"') % 2 == 1:
            continue
        assert json.loads(text_tool("csv", text).stdout) == python_csv(text), text


def test_csv_random(text_tool):
    make = random.Random(2)
    for _ in range(300):
        text = "".join(make.choices(['"', ",", "a", "ä", " ", "\n", "\r\n", "\r"], k=make.randrange(12)))
        try:
            want = list(csv.reader(io.StringIO(text, newline=""), strict=False))
            closed = closes(text)
        except csv.Error as refusal:
            raise AssertionError(text) from refusal
        done = text_tool("csv", text)
        if closed:
            assert json.loads(done.stdout) == want, text
        else:
            assert done.returncode == 1 and b"quoted field is not closed" in done.stderr, text


def closes(text):
    """False when Python only ends a quoted field because the input ends: then one more quote ends it too, and a comma
    before that quote is still inside of the field."""
    rows = python_csv(text + ',"')
    return not (rows and rows[-1] and rows[-1][-1].endswith(","))


def test_csv_refusal(text_tool):
    done = text_tool("csv", 'a\n"b')
    assert (done.returncode, done.stderr) == (1, b"line 2: quoted field is not closed\n")


def test_fold(text_tool):
    """Letters old enough to be in both Unicode tables; Python folds what is decomposed."""
    letters = [chr(code) for code in range(0x20, 0x2E00) if unicodedata.ucd_3_2_0.category(chr(code))[0] in "LM"]
    done = text_tool("fold", "".join(f"x{letter}\n" for letter in letters))
    want = [unicodedata.normalize("NFC", unicodedata.normalize("NFD", f"x{letter}").casefold()) for letter in letters]
    assert done.stdout.decode().split("\n")[:-1] == want
