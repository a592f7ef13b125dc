"""Wheels from outside: what is refused, and what is made of good ones."""

import hashlib
import json
import tomllib

import pytest

import wheels
from paths import CASES
from rawzip import FOLDER, Member
from wheels import CODE, add_row, change, record_digest, wheel

REFUSED = tomllib.loads((CASES / "wheels" / "refused.toml").read_text(encoding="utf-8"))


@pytest.fixture
def store(tool, run, tmp_path):
    """store(command, *args) -> Result."""
    return lambda *args: run(tool("store_tool"), tmp_path / "store", *args)


@pytest.fixture
def entries(store, tmp_path):
    """entries((file name, bytes), *more) -> Result of taking a wheel in and asking for its entries."""

    def entries(made, *more):
        name, data = made
        (tmp_path / name).write_bytes(data)
        digest = store("add", tmp_path / name).json()
        assert digest == hashlib.sha256(data).hexdigest()
        return store("wheel", digest, name, *more)

    return entries


def test_every_bad_wheel_has_its_sentence():
    assert sorted(wheels.BAD) == sorted(REFUSED)


@pytest.mark.parametrize("case", wheels.BAD)
def test_refused(entries, store, tmp_path, case):
    made = wheels.BAD[case]()
    for _ in range(2):  # the second time it is the same: nothing was kept of it
        result = entries(made)
        assert (result.code, result.out) == (1, ""), result
        assert result.err == f"{REFUSED[case]['code']}: {REFUSED[case]['text']}\n"
    assert not list((tmp_path / "store" / "index").rglob("*.wheel"))
    # it is a good source all the same: what its digest says
    assert store("find", hashlib.sha256(made[1]).hexdigest()).json() is not None


def files(result):
    return {e["path"]: e for e in result.json()}


def test_entries_of_a_wheel(entries, store, tmp_path):
    data = {"demo/__init__.py": CODE, "demo/größe.txt": b"x", "demo/a b.txt": b"", "demo-1.0.data/scripts/run": b"#!python\n"}
    made = wheel(data, members=[Member("demo/empty/", mode=FOLDER), Member("demo/tool", b"#!/bin/sh\n", mode=0o100755)],
        record=add_row("demo/tool", record_digest(b"#!/bin/sh\n"), "10"))
    result = entries(made, "read")
    found = files(result)
    assert list(found) == sorted([*data, "demo/tool", "demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/RECORD",
        "demo-1.0.dist-info/WHEEL"], key=str.encode)
    source = tmp_path / "store" / "sources" / hashlib.sha256(made[1]).hexdigest()[:2] / hashlib.sha256(made[1]).hexdigest()[2:]
    for path, content in data.items():
        e = found[path]
        assert (e["type"], e["size"], e["sha256"]) == ("file", len(content), hashlib.sha256(content).hexdigest())
        assert (e["origin"], e["executable"], e["file"]) == ("demo 1.0", False, str(source))
        assert e["kind"] == ("deflate" if len(content) > 100 else "file")
        if e["kind"] == "file":
            assert made[1][e["offset"]:e["offset"] + e["size"]] == content
    assert found["demo/tool"]["executable"]
    assert entries(made, "read").out == result.out  # now from the index


GOOD = {
    "plain": lambda: wheel(),
    "signatures": lambda: wheel(members=[Member("demo-1.0.dist-info/RECORD.jws", b"{}"), Member("demo-1.0.dist-info/RECORD.p7s")]),
    "signature in RECORD": lambda: wheel(members=[Member("demo-1.0.dist-info/RECORD.jws", b"{}")],
        record=add_row("demo-1.0.dist-info/RECORD.jws", "", "")),
    "no sizes": lambda: wheel(record=change(0, 2, "")),
    "same row twice": lambda: wheel(record=add_row("demo/__init__.py", record_digest(CODE), str(len(CODE)))),
    "quoted": lambda: wheel({"demo/a,b.txt": b"x"}, record=change(0, 0, '"demo/a,b.txt"')),
    "CRLF": lambda: wheel(record=lambda rows: "".join(",".join(row) + "\r\n" for row in rows).encode()),
    "folder in RECORD": lambda: wheel(members=[Member("demo/", mode=FOLDER)], record=add_row("demo/", "", "")),
    "other spelling of the name": lambda: wheel(info="Demo-1.0.dist-info"),
    "other spelling of the version": lambda: wheel(info="demo-1.0.0.dist-info"),
    "name with parts": lambda: wheel(info="De_Mo.x-1.0.dist-info", file_name="de_mo_x-1.0-py3-none-any.whl"),
    "local version": lambda: wheel(version="1.0+cu118"),
    "later minor format": lambda: wheel(wheel=b"wheel-version:1.9\r\nTag: py3-none-any\r\n"),
    "data descriptors": lambda: wheel(members=[Member("demo/a.py", CODE, compress=True, descriptor=True)],
        record=add_row("demo/a.py", record_digest(CODE), str(len(CODE)))),
    "build tag": lambda: wheel(file_name="demo-1.0-1-py3-none-any.whl"),
    "a file .dist-info": lambda: wheel({"x.dist-info": b"a file, not a folder"}),
    "below": lambda: wheel({"demo/_vendor/other-2.0.dist-info/METADATA": b"x"}),
}


@pytest.mark.parametrize("case", GOOD)
def test_accepted(entries, case):
    assert len(entries(GOOD[case](), "read").json()) >= 3


def test_a_source_under_another_name_is_looked_at_again(entries, store):
    made = wheel()
    entries(made).ok()
    digest = hashlib.sha256(made[1]).hexdigest()
    result = store("wheel", digest, "demo-2.0-py3-none-any.whl")
    assert (result.code, result.err) == (1, "syntax: wheel 'demo-2.0-py3-none-any.whl' is refused: its folder "
        "'demo-1.0.dist-info' is of another project or version than its file name\n")
    store("wheel", digest, made[0]).ok()


def test_a_wheel_that_is_not_here(store):
    result = store("wheel", "0" * 64, "demo-1.0-py3-none-any.whl")
    assert (result.code, result.err) == (1, "not-found: 'demo-1.0-py3-none-any.whl' is not in the store\n")


def test_many_members(entries):
    """More than a zip without zip64 records can count."""
    count = 70_000
    data = {f"demo/{i:05}.txt": b"%d" % i for i in range(count)}
    zip64 = {"here": count + 3, "total": count + 3}
    end = {"here": 0xffff, "total": 0xffff}
    result = entries(wheel(data, zip64=zip64, end=end))
    assert len(json.loads(result.ok().out)) == count + 3
