"""Sources: rows of JSONL, CSV and Parquet files against Python's json, csv and pyarrow; going on at any checkpoint."""

import base64
import csv
import datetime
import decimal
import hashlib
import io
import json
import random
import re
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest


class Reader:
    def __init__(self, program):
        self.program = program

    def call(self, command, path, *args, id="id", kind=None, python=sys.executable):
        kind = kind or path.suffix[1:]
        done = subprocess.run([self.program, command, kind, path, id, python, *map(str, args)], capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode().strip()

    def rows(self, path, checkpoint="", columns=(), **options):
        code, out, err = self.call("rows", path, checkpoint, *columns, **options)
        lines = [json.loads(line) for line in out.split("\n")[:-1]]
        assert (code, err) == (0, ""), (code, err, lines)
        return lines

    def refusal(self, path, **options):
        code, out, err = self.call("rows", path, **options)
        assert code == 1
        return err


@pytest.fixture
def read(tool):
    return Reader(tool("batch_source_tool"))


def spell(checkpoint):
    return json.dumps(checkpoint, ensure_ascii=False, separators=(",", ":"))


def faults(lines):
    return [line[1] for line in lines if len(line) == 2]


# ---- JSON Lines


def make_rows(make, count):
    texts = ["", "x", "a longer text with spaces", 'ä"\\\n漢😀', "\x01\x7f", "{}[],:"]
    rows = []
    for i in range(count):
        row = {"id": make.choice([f"r{i}", i, f"ä-{i}", i + 0.5, True])}
        for name in make.sample(["text", "n", "list", "ö"], make.randrange(5)):
            row[name] = make.choice([make.choice(texts), make.randrange(10**9), 1.5, None, [1, {"a": [True]}], {"k": "v"}])
        rows.append(row)
    return rows


def jsonl(make, rows):
    lines = []
    for row in rows:
        line = json.dumps(row, ensure_ascii=make.random() < 0.5, separators=make.choice([None, (",", ":"), (" , ", " : ")]))
        lines.append(make.choice(["", "", "  ", "\t"]) + line + make.choice(["", "", " ", "\r"]) + "\n")
        if make.random() < 0.1:
            lines.append(make.choice(["\n", "\r\n", "  \t\n"]))
    return "".join(lines).encode()


def test_jsonl(read, tmp_path):
    make = random.Random(1)
    rows = make_rows(make, 3000)
    data = jsonl(make, rows)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    got = read.rows(path)
    assert [line[2] for line in got] == rows
    assert [line[1] for line in got] == [str(row["id"]) if row["id"] is not True else "True" for row in rows]
    lines = data.split(b"\n")
    for number, _, row, checkpoint in got:
        assert json.loads(lines[number - 1]) == row
        assert data[: checkpoint["offset"]].count(b"\n") == number == checkpoint["line"] - 1
    # go on anywhere: the same rows with the same places
    for at in make.sample(range(len(got)), 12) + [len(got) - 1]:
        assert read.rows(path, spell(got[at][3])) == got[at + 1 :]


def test_jsonl_rows_are_one_line_and_spelled_as_before(read, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes('\ufeff{ "id" : 1.50 ,\t"a":\r1E5, "b" : "\\u00e4 \\/ ä", "c": 12345678901234567890123, "d":-0}'.encode())
    code, out, _ = read.call("rows", path)
    assert code == 0
    assert out == '[1,"1.50",{"id":1.50,"a":1E5,"b":"\\u00e4 \\/ ä","c":12345678901234567890123,"d":-0},{"line":2,"offset":%d}]\n' % path.stat().st_size


def test_jsonl_windows(read, tmp_path):
    """Rows across, at and longer than the window of 1 MiB."""
    sizes = [10, 1 << 20, (1 << 20) - 40, 5, 3 << 20, 1, (1 << 20) + 7, 2]
    rows = [{"id": i, "t": "x" * size} for i, size in enumerate(sizes)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    got = read.rows(path)
    assert [line[2] for line in got] == rows
    assert read.rows(path, spell(got[3][3])) == got[4:]


def test_jsonl_faults_are_told_one_by_one(read, tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [
        (b'{"id":1}', None),
        (b"{", "column 2: expected a key in double quotes, found the end"),
        (b"[1]", "row is not a JSON object but an array"),
        (b'"text"', "row is not a JSON object but a string"),
        (b"12", "row is not a JSON object but a number"),
        (b"null", "row is not a JSON object but null"),
        (b"{}", "missing required fields: id"),
        (b'{"id":null}', "missing required fields: id"),
        (b'{"id":""}', "the id, 'id', is empty"),
        (b'{"id":[]}', "the id, 'id', is an array"),
        (b'{"id":{}}', "the id, 'id', is an object"),
        (b'{"id":"a\\u0000b"}', "the id, 'id', holds a NUL"),
        (b'{"id":"' + b"x" * 1025 + b'"}', "the id, 'id', has 1025 bytes, more than 1024"),
        (b'{"id":2,"id":3}', "column 9: duplicate key 'id'"),
        (b'{"id":2,"a":NaN}', "column 13: 'NaN' is not JSON"),
        (b'{"id":2,"a":"\xff"}', "column 14: byte 0xFF is not valid UTF-8"),
        (b'{"id":2,"a":"\\ud800"}', "column 14: lone surrogate '\\ud800'"),
        (b'{"id":2} {"id":3}', "column 10: expected the end, found '{'"),
        (b'{"id":2,"a":"\x00"}', "column 14: control character 0x00 in a string"),
        (b"{'id':2}", "column 2: expected a key in double quotes, found '''"),
        (b'\xef\xbb\xbf{"id":2}', "column 1: expected a value, found byte 0xEF"),
        (b'{"id":2,"a":' + b"[" * 600 + b"]" * 600 + b"}", "column 524: more than 512 levels of arrays and objects"),
        ('{"id":2}\u2028'.encode(), "column 9: expected the end, found byte 0xE2"),
        (b'{"id":2}', None),
    ]
    path.write_bytes(b"\r\n".join(line for line, _ in lines))
    got = read.rows(path)
    want = [[3, f"{path}:{number + 1}: {text}"] if text else [number + 1] for number, (_, text) in enumerate(lines)]
    assert [line if len(line) == 2 else line[:1] for line in got] == want


def test_jsonl_edges(read, tmp_path):
    path = tmp_path / "a.jsonl"
    for data, ids in [(b"", []), (b"\n\n \n", []), (b"\xef\xbb\xbf", []), (b'\xef\xbb\xbf{"id":1}', ["1"]), (b'{"id":1}', ["1"]), (b'\n{"id":1}\n\n', ["1"])]:
        path.write_bytes(data)
        assert [line[1] for line in read.rows(path)] == ids


def test_files_that_cannot_be_read(read, tmp_path):
    for kind in ["jsonl", "csv", "parquet"]:
        missing = tmp_path / f"no.{kind}"
        assert read.refusal(missing) == f"7 cannot open '{missing}': No such file or directory"
        folder = tmp_path / f"folder.{kind}"
        folder.mkdir()
        assert read.refusal(folder).startswith("1 ")
        assert str(folder) in read.refusal(folder)


def test_row_that_is_too_long(read, tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id":1}\n{"id":2,"a":"')
        file.seek(80 << 20)
        file.write(b'"}\n')
    code, out, err = read.call("rows", path)
    assert code == 1
    assert err == f"2 {path}:2: row of more than 67108864 bytes"
    assert json.loads(out.split("\n")[0])[1] == "1"
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b'id,a\n1,x\n2,"')
        file.seek(80 << 20)
        file.write(b'"\n')
    assert read.call("rows", path)[2] == f"2 {path}:3: row of more than 67108864 bytes"


# ---- CSV


def make_table(make, count):
    columns = ["id", "text", "ä ö", 'quo"te', "n,m"]
    make.shuffle(columns)
    rows = []
    for i in range(count):
        row = {name: make.choice(["", "x", "a b", 'say "hi"', "one,two", "line\nbreak", "cr\r\nlf", "ä漢😀", " lead", "1.50"]) for name in columns}
        row["id"] = f"r-{i}"
        rows.append(row)
    return columns, rows


def test_csv(read, tmp_path):
    make = random.Random(2)
    for terminator, quoting, bom in [("\n", csv.QUOTE_MINIMAL, ""), ("\r\n", csv.QUOTE_ALL, "\ufeff"), ("\n", csv.QUOTE_NONNUMERIC, "")]:
        columns, rows = make_table(make, 1500)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator=terminator, quoting=quoting)
        writer.writeheader()
        writer.writerows(rows)
        data = (bom + text.getvalue()).encode()
        path = tmp_path / "rows.csv"
        path.write_bytes(data)
        got = read.rows(path)
        assert [line[2] for line in got] == rows
        assert [list(line[2]) for line in got] == [columns] * len(rows)
        assert [line[1] for line in got] == [row["id"] for row in rows]
        for number, _, _, checkpoint in got:
            assert data[: checkpoint["offset"]].count(b"\n") == checkpoint["line"] - 1
            assert number < checkpoint["line"]
        for at in make.sample(range(len(got)), 5) + [len(got) - 1]:
            assert read.rows(path, spell(got[at][3])) == got[at + 1 :]


def test_csv_against_dictreader(read, tmp_path):
    """Any bytes that Python's csv takes, read alike."""
    make = random.Random(3)
    path = tmp_path / "a.csv"
    for _ in range(150):
        body = "".join(make.choice(['"', '""', ",", "\n", "\r\n", "a", "b c", "ä", ' "', '",', ',"', "x"]) for _ in range(make.randrange(40)))
        text = "id,a,b\n" + body
        path.write_bytes(text.encode())
        want = []
        try:
            for row in csv.DictReader(io.StringIO(text, newline=""), strict=False):
                want.append(("extra" if None in row else "no id" if not row["id"] else row))
        except csv.Error:
            continue
        got = [line[2] if len(line) == 4 else line[1] for line in read.rows(path)]
        if got and isinstance(got[-1], str) and got[-1].endswith("quoted field is not closed"):
            got.pop()  # Python takes what there is
            want.pop()
        assert len(got) == len(want), text
        for mine, pythons in zip(got, want):
            if pythons == "extra":
                assert "the header has 3" in mine
            elif pythons == "no id":
                assert "missing required fields: id" in mine or "is empty" in mine
            else:
                assert mine == pythons, text


def test_csv_faults(read, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'id,a\n1,x\n2,y,z\n,q\n3\n4,"a\nb"c\n\n5,a\rb\n6,\xff\n7,\x00\n8,"\xc3\xa4"\n9,"open\nto the end\n'
    )
    got = read.rows(path)
    assert [line[1] if len(line) == 2 else line[2] for line in got] == [
        {"id": "1", "a": "x"},
        f"{path}:3: row of 3 fields, the header has 2",
        f"{path}:4: the id, 'id', is empty",
        {"id": "3", "a": None},
        {"id": "4", "a": "a\nbc"},
        f"{path}:9: carriage return without line feed outside of quotes",
        f"{path}:10: row is not valid UTF-8",
        f"{path}:11: NUL byte",
        {"id": "8", "a": "ä"},
        f"{path}:13: quoted field is not closed",
    ]
    assert [line[0] for line in got if len(line) == 4] == [2, 5, 6, 12]


def test_csv_headers(read, tmp_path):
    path = tmp_path / "a.csv"
    for data, want in [
        (b"", f"3 '{path}' is empty: a CSV file begins with a header"),
        (b"\n\r\n", f"3 '{path}' is empty: a CSV file begins with a header"),
        (b"a,b\n1,2\n", f"3 {path}:1: the header has no column 'id'"),
        (b"\nid,b,id\n1,2\n", f"3 {path}:2: the header has 'id' twice"),
        (b"id,b\xff\n1,2\n", f"3 {path}:1: row is not valid UTF-8"),
        (b'id,"b\n1,2\n', f"3 {path}:1: quoted field is not closed"),
        (b"id" + b",x" * 20001 + b"\n", f"3 {path}:1: more than 20000 fields"),
    ]:
        path.write_bytes(data)
        assert read.refusal(path) == want
    path.write_bytes(b"id\n\n1\n")
    assert [line[2] for line in read.rows(path)] == [{"id": "1"}]
    path.write_bytes(b"id,b")
    assert read.rows(path) == []


def test_checkpoints_that_are_none(read, tmp_path):
    for kind, data in [("jsonl", b'{"id":1}\n'), ("csv", b"id\n1\n")]:
        path = tmp_path / f"a.{kind}"
        path.write_bytes(data)
        for checkpoint in ["{}", "x", '{"offset":-1,"line":1}', '{"offset":1.5,"line":1}', '{"offset":1,"line":"1"}', "[" * 50, '{"offset":99999999999999999999}']:
            code, _, err = read.call("rows", path, checkpoint)
            assert (code, err.split(" without ")[0]) == (1, "3 checkpoint")
        header = ',"header":["id"]' if kind == "csv" else ""
        code, _, err = read.call("rows", path, '{"offset":1000,"line":1' + header + "}")
        assert err == f"8 '{path}' has changed: it ends before byte 1000, up to which it was read"


# ---- slices


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_slices(read, tmp_path, kind):
    make = random.Random(4)
    path = tmp_path / f"a.{kind}"
    if kind == "jsonl":
        data = b"\xef\xbb\xbf" + jsonl(make, make_rows(make, 20000))
    else:
        data = b"id,a\n" + b"".join(b'%d,"%s"\n' % (i, b"x" * make.randrange(100)) for i in range(20000))
    path.write_bytes(data)
    code, out, err = read.call("slices", path, 1700)
    assert (code, err) == (0, "")
    at = 0
    slices = [line.split() for line in out.split("\n")[:-1]]
    for begin, end, digest, same in slices:
        assert int(begin) == at
        at = int(end)
        assert digest == hashlib.sha256(data[int(begin) : at]).hexdigest()
        assert same == "1"
    assert at == len(data)
    # a byte that changed is noticed in its slice alone
    begin, end, digest, _ = slices[3]
    changed = bytearray(data)
    changed[int(end) - 1] ^= 1
    path.write_bytes(changed)
    assert [read.call("same", path, *slice[:3])[1] for slice in slices[2:5]] == ["1\n", "0\n", "1\n"]
    path.write_bytes(data[: int(end) - 1])
    assert [read.call("same", path, *slice[:3])[1] for slice in slices[2:5]] == ["1\n", "0\n", "0\n"]


def test_nothing_before_the_checkpoint_is_read(read, tmp_path):
    make = random.Random(5)
    for kind in ["jsonl", "csv"]:
        path = tmp_path / f"a.{kind}"
        if kind == "jsonl":
            path.write_bytes(jsonl(make, make_rows(make, 30000)))
        else:
            path.write_bytes(b"id,a\n" + b"".join(b'%d,"%s"\n' % (i, b"x" * 50) for i in range(30000)))
        got = read.rows(path)
        checkpoint = got[20000][3]
        # what lies before is no longer there: whoever read it would fail
        with path.open("r+b") as file:
            file.write(b"\0" * checkpoint["offset"])
        assert read.rows(path, spell(checkpoint)) == got[20001:]


# ---- Parquet


def write_parquet(path, rows, group=1000, schema=None):
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    pyarrow.parquet.write_table(table, path, row_group_size=group)


def test_parquet(read, tmp_path):
    make = random.Random(6)
    rows = [{"id": f"r{i}", "text": make.choice(["", "ä漢😀", "x" * 200, None]), "n": make.randrange(-(2**62), 2**62), "f": make.random(),
             "l": [1, 2][: make.randrange(3)], "s": {"a": i, "b": "q"}, "t": bool(i % 2)} for i in range(5300)]  # fmt: skip
    path = tmp_path / "a.parquet"
    write_parquet(path, rows)
    got = read.rows(path)
    assert [line[2] for line in got] == rows
    assert [line[0] for line in got] == list(range(1, 5301))
    assert [line[1] for line in got] == [row["id"] for row in rows]
    assert got[2499][3] == {"number": 2500, "row": 500, "row_group": 2}
    for at in [0, 999, 1000, 2499, 5299]:
        assert read.rows(path, spell(got[at][3])) == got[at + 1 :]


def test_parquet_reads_the_columns_that_are_named(read, tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(path, [{"id": 1, "a": "x", "b": "y", "c": "z"}])
    assert [line[2] for line in read.rows(path, columns=["id", "c", "not there"])] == [{"id": 1, "c": "z"}]
    # what the other columns have is not looked at: bytes of one that are broken do no harm
    rows = [{"id": i, "good": f"g{i}", "other": "BROKEN" * 50 + str(i)} for i in range(1000)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, compression="none", use_dictionary=False)
    meta = pyarrow.parquet.ParquetFile(path).metadata.row_group(0)
    other = next(meta.column(i) for i in range(meta.num_columns) if meta.column(i).path_in_schema == "other")
    with path.open("r+b") as file:
        file.seek(other.data_page_offset)
        file.write(b"\xff" * other.total_compressed_size)
    assert [line[2] for line in read.rows(path, columns=["id", "good"])] == [{"id": row["id"], "good": row["good"]} for row in rows]
    code, _, err = read.call("rows", path, "", "id", "other")
    assert code == 1
    assert err.startswith(f"10 cannot read '{path}': ")


def test_parquet_types(read, tmp_path):
    path = tmp_path / "a.parquet"
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=datetime.timezone.utc)
    row = {"id": 1, "day": datetime.date(2026, 1, 2), "at": moment, "d": decimal.Decimal("1.50"), "raw": b"\x00\xff", "long": 2**63 - 1}
    write_parquet(path, [row])
    want = {"id": 1, "day": "2026-01-02", "at": "2026-01-02T03:04:05.000600+00:00", "d": "1.50", "raw": base64.b64encode(b"\x00\xff").decode(), "long": 2**63 - 1}
    assert [line[2] for line in read.rows(path)] == [want]


def parquet_values(read, path, values):
    """What becomes of a column, next to one that nothing is wrong with."""
    names = [str(n) for n in range(len(values))]
    pyarrow.parquet.write_table(pyarrow.table({"id": names, "v": values}), path)
    return [line[1] if len(line) == 2 else line[2]["v"] for line in read.rows(path)]


@pytest.mark.parametrize(("kind", "values", "want"), [
    ("timestamp[ns]", [1, -1, 1600000000123456789, 1600000000000000000],
     ["1970-01-01T00:00:00.000000001", "1969-12-31T23:59:59.999999999", "2020-09-13T12:26:40.123456789", "2020-09-13T12:26:40"]),
    ("time64[ns]", [1, 1000], ["00:00:00.000000001", "00:00:00.000001"]),
    ("duration[ns]", [1500000001, -1], [1.500000001, -1e-09]),
])  # fmt: skip
def test_parquet_nanoseconds(read, tmp_path, kind, values, want):
    """What pandas writes; Python's own types end at microseconds."""
    assert parquet_values(read, tmp_path / "a.parquet", pyarrow.array(values).cast(pyarrow.type_for_alias(kind))) == want


def test_parquet_nanoseconds_elsewhere(read, tmp_path):
    values = pyarrow.array([1, 1600000000123456789], pyarrow.timestamp("ns", tz="Europe/Paris"))
    assert parquet_values(read, tmp_path / "a.parquet", values) == ["1970-01-01T01:00:00.000000001+01:00", "2020-09-13T14:26:40.123456789+02:00"]


def test_parquet_values_that_python_has_no_type_for(read, tmp_path):
    path = tmp_path / "a.parquet"
    days = pyarrow.array([0, 2**31 - 1, 1], pyarrow.date32())
    assert parquet_values(read, path, days) == ["1970-01-01", f"{path}:2: column 'v': days=2147483647; must have magnitude <= 999999999", "1970-01-02"]
    got = parquet_values(read, path, pyarrow.array([[1000], [1]], pyarrow.list_(pyarrow.timestamp("ns"))))
    assert got[0] == ["1970-01-01T00:00:00.000001"]
    assert got[1].startswith(f"{path}:2: column 'v': ")


def test_parquet_faults(read, tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(path, [{"id": 1, "f": 1.5}, {"id": 2, "f": float("nan")}, {"id": None, "f": 1.0}, {"id": 4, "f": float("inf")}, {"id": 5, "f": 2.0}])
    got = read.rows(path)
    assert [line[1] if len(line) == 2 else line[2] for line in got] == [
        {"id": 1, "f": 1.5},
        f"{path}:2: column 'f': nan is not JSON",
        f"{path}:3: missing required fields: id",
        f"{path}:4: column 'f': inf is not JSON",
        {"id": 5, "f": 2.0},
    ]
    path.write_bytes(b"PAR1 this is none")
    err = read.refusal(path)
    assert err.startswith(f"10 cannot read '{path}': ")
    assert "\n" not in err
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["id", "id"])
    pyarrow.parquet.write_table(table, path)
    assert read.refusal(path) == f"10 cannot read '{path}': it has the column 'id' twice"


def test_parquet_without_pyarrow(read, tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(path, [{"id": 1}])
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    err = read.refusal(path, python=str(bare))
    assert re.fullmatch(rf"10 cannot read '{path}': .* has no pyarrow \(No module named 'pyarrow'\)", err), err
    assert read.refusal(path, python="no-such-python") == "7 no such program: 'no-such-python'"
    bare.write_text("#!/bin/sh\necho 0 0\nexit 7\n")
    assert read.call("rows", path, python=str(bare))[2] == f"10 cannot read '{path}': '{bare}' ended with exit code 7"
    bare.write_text("#!/bin/sh\necho nonsense\n")
    assert read.call("rows", path, python=str(bare))[2] == f"10 cannot read '{path}': what '{bare}' writes is no row"
    bare.write_text("#!/bin/sh\nkill -9 $$\n")
    assert read.call("rows", path, python=str(bare))[2] == f"10 cannot read '{path}': '{bare}' ended with exit code 137"


def test_parquet_slices(read, tmp_path):
    path = tmp_path / "a.parquet"
    rows = [{"id": i, "a": f"text {i}"} for i in range(2500)]
    write_parquet(path, rows)
    code, out, err = read.call("slices", path, 700)
    assert (code, err) == (0, "")
    slices = [line.split() for line in out.split("\n")[:-1]]
    lines = [json.dumps(row, separators=(",", ":")) + "\n" for row in rows]
    for begin, end, digest, same in slices:
        assert digest == hashlib.sha256("".join(lines[int(begin) : int(end)]).encode()).hexdigest()
        assert same == "1"
    assert [int(slice[1]) for slice in slices] == [700, 1400, 2100, 2500]
    rows[1500]["a"] = "another"
    write_parquet(path, rows, group=333)
    assert [read.call("same", path, *slice[:3])[1] for slice in slices] == ["1\n", "1\n", "0\n", "1\n"]
