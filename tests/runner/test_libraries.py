"""What few runs need is loaded by those: without libpq, libmicrohttpd and PCRE2 all else works."""

import json

import pytest


@pytest.fixture
def broken(tmp_path):
    """A folder in which the loader finds these, and none is a library."""
    folder = tmp_path / "libraries"
    folder.mkdir()
    for name in ("libpq.so.5", "libmicrohttpd.so.12", "libpcre2-8.so.0"):
        (folder / name).write_bytes(b"")
    return folder


def test_a_run_in_sqlite(runner, broken):
    runner.env["LD_LIBRARY_PATH"] = str(broken)
    assert runner.finished([{"id": "a", "text": "hello"}])["status"] == "completed"


def test_sha_256_is_linked_in(alone, tmp_path):
    (tmp_path / "libcrypto.so.3").write_bytes(b"")
    (tmp_path / "items.jsonl").write_text('{"id": "a", "text": "t"}\n')
    told = alone("start", "--input", "items.jsonl", "--id-field", "id", "--prompt-field", "text", "--model", "m", "--provider", "echo",
                 "--run-id", "r", env={"LD_LIBRARY_PATH": str(tmp_path)})
    assert (told.code, json.loads(told.out)["run_id"]) == (0, "r"), told.err


@pytest.mark.parametrize("words, library", [(["status", "--run-id", "r", "--db-path", "postgresql:///nowhere"], "libpq.so.5"),
                                            (["fake-provider", "--port", "0"], "libmicrohttpd.so.12")])
def test_not_usable(alone, broken, words, library):
    told = alone(*words, env={"LD_LIBRARY_PATH": str(broken)})
    assert (told.code, told.out, told.err) == (1, "", f"lamina-batch: cannot load a library: {broken / library}: file too short\n")


def test_a_pattern_without_its_library(alone, broken, tmp_path):
    (tmp_path / "items.jsonl").write_text('{"id": "a", "text": "t"}\n')
    (tmp_path / "schema.json").write_text('{"type": "object", "properties": {"a": {"pattern": "^x"}}}')
    told = alone("start", "--input", "items.jsonl", "--id-field", "id", "--prompt-field", "text", "--model", "m", "--provider", "echo",
                 "--structured-output-schema", "schema.json", env={"LD_LIBRARY_PATH": str(broken)})
    assert (told.code, told.out) == (1, "")
    assert told.err == ("lamina-batch: schema 'output': 'pattern': cannot load a library: "
                        f"{broken / 'libpcre2-8.so.0'}: file too short at /properties/a\n")
