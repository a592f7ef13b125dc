"""Our TOML reader and writer against Python's tomllib: equal values, and equal opinions about what is valid."""

import datetime
import json
import math
import random
import subprocess
import tomllib

import pytest

SPECIAL = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def decode(program, document):
    """(values, None) from toml_decoder, or (None, message)."""
    done = subprocess.run([program], input=document, capture_output=True, timeout=60)
    assert done.returncode in (0, 1), done
    if done.returncode == 1:
        assert done.stderr.count(b"\n") == 1 and not done.stdout, done
        return None, done.stderr.decode()
    return untag(json.loads(done.stdout)), None


def untag(value):
    if isinstance(value, list):
        return [untag(item) for item in value]
    if set(value) != {"type", "value"} or not isinstance(value["type"], str):
        return {key: untag(item) for key, item in value.items()}
    text = value["value"]
    return {
        "string": lambda: text,
        "integer": lambda: int(text),
        "float": lambda: float(text),
        "bool": lambda: {"true": True, "false": False}[text],
        "datetime": lambda: datetime.datetime.fromisoformat(text),
        "datetime-local": lambda: datetime.datetime.fromisoformat(text),
        "date-local": lambda: datetime.date.fromisoformat(text),
        "time-local": lambda: datetime.time.fromisoformat(text),
    }[value["type"]]()


def comparable(value):
    """nan equals nan, -0.0 is not 0.0, True is not 1, and the order of keys counts not."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return type(value).__name__, repr(value)


class Maker:
    """Random documents, the same for the same seed. Not all of them are valid."""

    WORDS = ["a", "b", "c", "name", "1", "-", "key_2", '"a b"', "''", '"\\u00e4"', "'it.s'"]
    STRINGS = ['""', '"x"', '"\\t\\"\\\\"', '"\\U0001F600ä"', "'C:\\x'", '"""\nx\n\\\n  y"""', "'''\n'x''''", '"""a\r\nb"""']
    NUMBERS = ["0", "-17", "+1_000", "0xDEAD_beef", "0o755", "0b101", "1.5", "-0.0", "6.6e-3", "1e6", "1_0.0_1", "inf",
        "-inf", "nan", "9223372036854775807", "-9223372036854775808", "5e-324", "0.1", "123456789012345680.0"]
    TIMES = ["1979-05-27T07:32:00Z", "1979-05-27 00:32:00.999999-07:00", "1979-05-27t07:32:00", "1979-05-27", "07:32:00.25"]
    BLANKS = ["", "", "", " ", "\t "]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, choices):
        return self.random.choice(choices)

    def key(self):
        dot = f"{self.pick(self.BLANKS)}.{self.pick(self.BLANKS)}"
        return dot.join(self.pick(self.WORDS) for _ in range(self.pick([1, 1, 1, 2, 3])))

    def value(self, depth=0):
        kind = self.random.randrange(10 if depth < 3 else 8)
        if kind < 3:
            return self.pick(self.STRINGS)
        if kind < 6:
            return self.pick(self.NUMBERS)
        if kind == 6:
            return self.pick(["true", "false"])
        if kind == 7:
            return self.pick(self.TIMES)
        items = [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        if kind == 8:
            comma = f"{self.pick(self.BLANKS)},{self.pick(['', ' ', chr(10), ' # x' + chr(10)])}"
            return f"[{comma.join(items)}{self.pick(['', ',']) if items else ''}]"
        return "{" + ", ".join(f"{self.key()} = {item}" for item in items) + "}"

    def document(self):
        lines = []
        for _ in range(self.random.randrange(1, 8)):
            kind = self.random.randrange(8)
            if kind == 0:
                lines.append(f"[{self.key()}]")
            elif kind == 1:
                lines.append(f"[[{self.key()}]]{self.pick(self.BLANKS)}# tables")
            elif kind == 2:
                lines.append(self.pick(["", "# ä comment", "\t"]))
            else:
                lines.append(f"{self.key()}{self.pick(self.BLANKS)}={self.pick(self.BLANKS)}{self.value()}")
        return self.pick(["\n", "\n", "\r\n"]).join(lines) + self.pick(["", "\n"])

    def damaged(self):
        """A document with a few characters replaced, removed or added."""
        text = list(self.document())
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(text) + 1)
            text[at : at + self.random.randrange(2)] = self.pick(["", "", *"\"'\\=.,[]{}#_-+:\n\r\t ax019eTZ\x00\x7fä"])
        return "".join(text)


def judge(document):
    """(values, None), or (None, message) from tomllib."""
    try:
        return tomllib.loads(document), None
    except tomllib.TOMLDecodeError as refusal:
        return None, str(refusal)


def out_of_range(value):
    """What tomllib takes and TOML does not promise: integers beyond 64 bits."""
    if isinstance(value, dict):
        return any(map(out_of_range, value.values()))
    if isinstance(value, list):
        return any(map(out_of_range, value))
    return isinstance(value, int) and not -(2**63) <= value < 2**63


@pytest.mark.parametrize("kind", ["document", "damaged"])
def test_same_as_tomllib(tool, kind):
    program = tool("toml_decoder")
    valid = 0
    for seed in range(400):
        document = getattr(Maker(seed), kind)()
        want, refusal = judge(document)
        if want is not None and out_of_range(want):
            continue
        got, message = decode(program, document.encode())
        assert (got is None) == (want is None), (seed, document, refusal, message)
        assert comparable(got) == comparable(want), (seed, document)
        valid += want is not None
    assert 40 < valid < 380  # both kinds occur


def test_written_again(tool):
    """What the writer writes, tomllib reads as the same values."""
    for seed in range(200):
        document = Maker(seed).document()
        want, _ = judge(document)
        if want is None:
            continue
        done = subprocess.run([tool("text_tool"), "toml"], input=document.encode(), capture_output=True, check=True, timeout=60)
        assert comparable(tomllib.loads(done.stdout.decode())) == comparable(want), (seed, document)


def test_large_document(tool):
    lines = [f'[[packages]]\nname = "p{i}"\n[[packages.wheels]]\nsize = {i}\nhashes = {{sha256 = "{i:064x}"}}\n' for i in range(5000)]
    document = "".join(lines)
    got, message = decode(tool("toml_decoder"), document.encode())
    assert message is None and got == tomllib.loads(document)
