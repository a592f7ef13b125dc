"""Whole runs from cassettes, and that a key is seen nowhere."""

import os
import subprocess
import sys

import pytest

import paths
from fake_provider import fake_provider
from provider import CANARY
from replayed_batch import CASSETTES, FAULTS, ITEMS, KEYS, MODELS, environment, likeness, run_batch, texts

PROVIDERS = sorted(MODELS)


def replay(run, folder, cassette, provider):
    return run_batch(run, folder, "--provider", "replay", "--cassette", cassette, "--model", MODELS[provider],
        "--poll-interval-sec", "0.01", env={name: None for name in KEYS.values()})


def record(run, folder, provider, *more, env=None):
    with fake_provider() as fake:
        fake.faults(*FAULTS["faults"])
        return run_batch(run, folder, "--provider", provider, "--base-url", fake.url, "--model", MODELS[provider],
            "--cassette", folder / "tape", "--poll-interval-sec", "0.01", *more,
            env={**environment(provider, CANARY), "RECORD_NEW_FIXTURES": "1", **(env or {})})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_committed_cassettes(run, tmp_path, provider):
    out, _ = replay(run, tmp_path, CASSETTES / provider, provider)
    assert texts(out) == {id: answer for id, _, answer, _ in ITEMS}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_recorded_run_is_replayed(run, tmp_path, provider):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    recorded, _ = record(run, tmp_path / "one", provider)
    replayed, _ = replay(run, tmp_path / "two", tmp_path / "one" / "tape", provider)
    assert recorded == replayed
    assert texts(replayed) == {id: answer for id, _, answer, _ in ITEMS}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_key_is_nowhere(run, tmp_path, provider):
    """In no output, file, database or recording; and recorded is what misc/check_cassette_redaction lets through."""
    _, printed = record(run, tmp_path, provider, env={"RECORD_NEW_FIXTURES": "1"})
    for result in printed:
        assert CANARY not in result.out + result.err + " ".join(result.argv)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"runs.sqlite3", "cassette.json", "000001.jsonl", "events.jsonl"} <= {path.name for path in files}
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path
    check = subprocess.run([sys.executable, paths.ROOT / "misc" / "check_cassette_redaction", tmp_path / "tape"], capture_output=True,
        text=True)
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_key_is_in_no_message(run, tmp_path, provider):
    """A provider that repeats it."""
    with fake_provider() as fake:
        fake.faults({"on": "*", "do": "status", "status": 401, "message": f"Incorrect API key provided: {CANARY}"})
        result = run(paths.BUILD / "bin" / "lamina-batch", "start", "--run-id", "r", "--db-path", "runs.sqlite3", "--input", "i.jsonl",
            "--id-field", "id", "--prompt-field", "id", "--provider", provider, "--base-url", fake.url, "--model", "m",
            cwd=with_items(tmp_path), env={"no_proxy": "127.0.0.1", **environment(provider, CANARY)})
    assert result.code == 1
    assert CANARY not in result.out + result.err
    assert "REDACTED" in result.err
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def with_items(folder):
    (folder / "i.jsonl").write_text('{"id":"a"}\n')
    return folder


@pytest.mark.parametrize("a, b, least, most", [
    ("The fox.", "the  fox", 1, 1), ("4", "4", 1, 1), ("4", "5", 0, 0), ("blue", "light blue", 0.5, 0.6), ("a", "", 0, 0),
])
def test_likeness(a, b, least, most):
    assert least <= likeness(a, b) <= most
