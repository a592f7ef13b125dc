"""The JSON scanner against Python's json: what is JSON, and that nothing of it changes but white space."""

import json
import random
import subprocess


def lines_of(tool, command, lines):
    data = b"".join(line + b"\n" for line in lines)
    done = subprocess.run([tool("text_tool"), command], input=data, capture_output=True, timeout=60, check=True)
    return done.stdout.split(b"\n")[:-1]


def unique(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)


def refuse(word):
    raise ValueError(word)


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_in(item)


def python_takes(line):
    """Does RFC 8259 allow it, as far as json can tell; what json allows beyond it is taken out here."""
    try:
        text = line.decode("utf-8")
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    if text.startswith("\ufeff"):
        return False
    return not any(0xD800 <= ord(c) <= 0xDFFF for text in strings_in(value) for c in text)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        kind = self.random.randrange(6)
        letters = ["abc xyz", 'a"\\/\b\f\n\r\t', "äöü漢字😀", "\x00\x01\x1f\x7f", "{}[],:", "0123456789"][kind]
        return "".join(self.random.choice(letters) for _ in range(self.random.randrange(20)))

    def value(self, depth=0):
        kind = self.random.randrange(4 if depth > 4 else 7)
        if kind == 0:
            return self.random.choice([None, True, False])
        if kind == 1:
            return self.random.choice([0, -1, 7, 10**30, -(2**63), 1.5, -0.0, 1e300, 2.5e-7, 12345678])
        if kind < 4:
            return self.text()
        if kind == 4:
            return [self.value(depth + 1) for _ in range(self.random.randrange(5))]
        count = self.random.choice([0, 1, 2, 3, 5, 20])
        return {self.text(): self.value(depth + 2) for _ in range(count)}

    def line(self):
        value = self.value()
        ascii_only = self.random.random() < 0.5
        separators = self.random.choice([None, (",", ":"), (" ,\t", "\r : ")])
        return json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode()

    def broken(self, line):
        data = bytearray(line)
        for _ in range(self.random.randrange(1, 3)):
            at = self.random.randrange(len(data) + 1)
            what = self.random.randrange(4)
            byte = self.random.choice(b'{}[]",:\\u09.eE+- tfn\x00\x1f\x80\xc3\xa4\xed\xff')
            if what == 0:
                data[at:at] = bytes([byte])
            elif what == 1 and at < len(data):
                data[at] = byte
            elif what == 2:
                del data[at : at + 1]
            else:
                other = self.random.randrange(len(data) + 1)
                data[at:at] = data[min(at, other) : max(at, other)][:12]
        return bytes(data).replace(b"\n", b" ")


def test_json_is_taken_and_kept(tool):
    make = Maker(1)
    lines = [make.line() for _ in range(4000)]
    answers = lines_of(tool, "scan", lines)
    assert len(answers) == len(lines)
    for line, answer in zip(lines, answers):
        assert answer.startswith(b"ok "), (line, answer)
        assert json.loads(answer[3:]) == json.loads(line)
        # compact, and in the spelling it had
        compact = json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":")).encode()
        spelled = json.dumps(json.loads(line), separators=(",", ":")).encode()
        assert answer[3:] in (compact, spelled)


def test_what_is_no_json(tool):
    make = Maker(2)
    lines = [make.broken(make.line()) for _ in range(20000)]
    lines = [line for line in lines if b"\n" not in line]
    answers = lines_of(tool, "scan", lines)
    assert len(answers) == len(lines)
    taken = 0
    for line, answer in zip(lines, answers):
        assert answer.startswith(b"ok ") == python_takes(line), (line, answer)
        taken += answer.startswith(b"ok ")
    assert 1000 < taken < 19000


def test_corpus_of_tokens(tool):
    """All sequences of a few tokens, so that no state of the grammar is left out."""
    tokens = [b"{", b"}", b"[", b"]", b",", b":", b'"a"', b"1", b" "]
    lines = [b""]
    for _ in range(5):
        lines = [line + token for line in lines for token in tokens]
    answers = lines_of(tool, "scan", lines)
    wrong = [line for line, answer in zip(lines, answers) if answer.startswith(b"ok ") != python_takes(line)]
    assert wrong == []


def test_quote(tool):
    make = Maker(3)
    texts = [make.text().replace("\n", " ") for _ in range(3000)] + ["".join(map(chr, range(11, 0x800)))]
    answers = lines_of(tool, "quote", [text.encode() for text in texts])
    for text, quoted, back in zip(texts, answers[::2], answers[1::2]):
        assert json.loads(quoted) == text
        assert quoted == json.dumps(text, ensure_ascii=False).encode()
        assert back == text.encode()
