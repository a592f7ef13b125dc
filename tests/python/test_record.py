"""RECORD files: read as Python's csv module reads them."""

import base64
import csv
import hashlib
import io
import random

import pytest


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def test_as_csv(ask):
    rng = random.Random(10)
    alphabet = list("abc/._- ,\"'\n\r\u00e9\u65e5")
    # with "\n" alone the writer does not quote a lone "\r" by itself
    for ending, quoting in (("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)):
        rows = []
        for i in range(300):
            path = "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 20))) + str(i)
            has_digest, has_size = rng.random() < 0.8, rng.random() < 0.8
            rows.append([path, "sha256=" + digest(path) if has_digest else "", str(rng.randrange(10**12)) if has_size else ""])
        out = io.StringIO()
        csv.writer(out, lineterminator=ending, quoting=quoting).writerows(rows)
        want = [[path, hashed.partition("=")[2] or None, int(size) if size else None] for path, hashed, size in rows]
        assert ask([["record", out.getvalue()]]) == [want]


GOOD = "sha256=" + digest("")


@pytest.mark.parametrize("text, message, code", [
    ("a,,\nb,", "RECORD: line 2: 2 fields, expected path, digest and size", 3),
    ("a,,,\n", "RECORD: line 1: 4 fields, expected path, digest and size", 3),
    (",,\n", "RECORD: line 1: the path is empty", 3),
    ("\n\na,x,\n", "RECORD: line 3: the digest is 'x', not sha256", 11),
    ("a,\u001b[2J=x,\n", "RECORD: line 1: the digest does not begin with 'sha256='", 3),
    ("a,=x,\n", "RECORD: line 1: the digest does not begin with 'sha256='", 3),
    ("a,md5=abc,1\n", "RECORD: line 1: the digest is 'md5', not sha256", 11),
    (f"a,{GOOD}=,1\n", "RECORD: line 1: the sha256 digest is not 43 characters of base64", 3),
    ("a,sha256=,1\n", "RECORD: line 1: the sha256 digest is not 43 characters of base64", 3),
    (f"a,{GOOD},-1\n", "RECORD: line 1: the size is not a number", 3),
    (f"a,{GOOD},9223372036854775808\n", "RECORD: line 1: the size is not a number", 3),
    (f"a,{GOOD}, 1\n", "RECORD: line 1: the size is not a number", 3),
    ('a,,\n"b,,\n', "RECORD: line 2: quoted field is not closed", 3),
    ("a\0,,\n", "RECORD: line 1: NUL byte", 3),
    ("a" * 4097 + ",,\n", "RECORD: line 1: the path is longer than 4096 bytes", 2),
])
def test_refused(ask, text, message, code):
    assert ask([["record", text]]) == [{"error": message, "code": code}]


def test_accepted(ask):
    rows = [("", []), ("\n", []), ("a,,", [["a", None, None]]), ("a,,0\n", [["a", None, 0]]),
        ("a" * 4096 + ",,\n", [["a" * 4096, None, None]])]
    assert ask(["record", text] for text, _ in rows) == [want for _, want in rows]
