"""The defaults of lamina-batch are those of batchor 0.0.7, whose values stand here as literals: what is given to neither comes out the same.
Read from a run as it is stored, from what the provider gets, and from --help."""

import json
import re
import sqlite3

import pytest

# options of batchor's command line that have a default, and its policies, which it has in its library only
BATCHOR = [
    # option, value, where a run has it, value there
    ("--provider", "openai", "provider", "openai"),
    ("--endpoint", "/v1/responses", "endpoint", "/v1/responses"),
    ("--completion-window", "24h", "completion_window", "24h"),
    ("--request-timeout-sec", "30", "request_timeout_ms", 30_000),
    ("--poll-interval-sec", "1.0", "poll_interval_ms", 1_000),
    ("--gemini-input-mode", "auto", "gemini_input_mode", "auto"),
    ("--anthropic-max-tokens", "1024", "max_tokens", 1024),
    ("--bytes-per-token", "4", "bytes_per_token", 4),
    ("--max-attempts", "3", "max_attempts", 3),
    ("--base-backoff-sec", "1.0", "base_backoff_ms", 1_000),
    ("--max-backoff-sec", "300", "max_backoff_ms", 300_000),
    ("--enqueued-token-limit", "0", "enqueued_token_limit", 0),
    ("--enqueued-target-percent", "70", "enqueued_target_percent", 70),
    ("--enqueued-headroom", "0", "enqueued_headroom", 0),
    ("--max-batch-enqueued-tokens", "0", "max_batch_enqueued_tokens", 0),
    ("--raw-artifacts", None, "keep_raw", True),
    (None, None, "reasoning_effort", None),
    (None, None, "schema_name", None),
    (None, None, "system_prompt", None),
    (None, None, "params_json", None),
    (None, None, "quota_scope", None),
]
# ours, which batchor has not
OURS = {"adopt_grace_ms": 60_000, "max_batch_attempts": 5, "max_requests": 0, "max_file_bytes": 0, "cassette": None, "version": 1,
        "schema_json": None, "prompt_template": None, "keep_remote_files": False}
GIVEN = {"id_field": "id", "prompt_field": "text", "model": "m", "inputs": [{"kind": "jsonl", "path": "items.jsonl"}]}
TOLD = {  # command, option: what --help says at its end
    ("start", "provider"): "openai",
    ("start", "endpoint"): "OpenAI: /v1/responses (default) or /v1/chat/completions",
    ("start", "completion-window"): "24h",
    ("start", "anthropic-max-tokens"): "1024",
    ("start", "gemini-backend"): "auto",
    ("start", "gemini-input-mode"): "auto",
    ("start", "request-timeout-sec"): "30",
    ("start", "poll-interval-sec"): "1",
    ("start", "max-requests"): "as many as the provider takes",
    ("start", "max-file-bytes"): "157286400, or what the provider takes",
    ("start", "bytes-per-token"): "4",
    ("start", "enqueued-token-limit"): "no limit",
    ("start", "enqueued-target-percent"): "70",
    ("start", "enqueued-headroom"): "0",
    ("start", "max-batch-enqueued-tokens"): "no limit",
    ("start", "max-attempts"): "3",
    ("start", "base-backoff-sec"): "1",
    ("start", "max-backoff-sec"): "300",
    ("wait", "timeout"): "never",
    ("wait", "poll-interval"): "as the run was started",
    ("results", "output"): "standard output",
}


def start(runner, run_id, *args, **env):
    (runner.folder / "items.jsonl").write_text('{"id":"a","text":"x"}\n')
    runner("start", *args, run_id=run_id, input="items.jsonl", id_field="id", prompt_field="text", model="m", env=env).ok()
    return config(runner, run_id)


def config(runner, run_id):
    connection = sqlite3.connect(runner.folder / "runs.sqlite3")
    text = connection.execute("SELECT config FROM runs WHERE run_id = ?", [run_id]).fetchone()[0]
    connection.close()
    return json.loads(text)


def test_what_a_run_gets(runner):
    got = start(runner, "r")
    assert got.pop("base_url") == runner.env["OPENAI_BASE_URL"]
    assert got == {**{field: value for _, _, field, value in BATCHOR}, **OURS, **GIVEN}


def test_saying_them_changes_nothing(runner):
    said = [word for option, value, _, _ in BATCHOR if option for word in (option, value) if word]
    got = start(runner, "silent")
    assert start(runner, "said", *said, "--gemini-backend", "auto") == got
    start(runner, "silent", *said)  # the run goes on: it was asked for the same
    assert config(runner, "silent") == got


@pytest.mark.parametrize("text, ms", [("2", 2_000), ("2.", 2_000), (".5", 500), ("0.07", 70), ("1.001", 1_001), ("1e-3", 1), ("0.0001", 1),
                                      ("0.33333", 334), ("1.5E1", 15_000), ("0", 0), ("0e5", 0), ("007.50", 7_500), ("86400", 86_400_000)])
def test_seconds_are_written_as_for_batchor(runner, text, ms):
    """Its options take what Python's float takes."""
    assert start(runner, "r", "--poll-interval-sec", text)["poll_interval_ms"] == ms
    assert 0 <= ms - float(text) * 1000 < 1


def test_what_the_provider_gets(runner, provider):
    start(runner, "r")
    batches = provider.call("GET", "/v1/batches").json()["data"]
    assert [(batch["endpoint"], batch["completion_window"]) for batch in batches] == [("/v1/responses", "24h")]
    request = (runner.folder / "runs_artifacts" / "r" / "requests" / "000001.jsonl").read_text()
    assert json.loads(request)["body"] == {"model": "m", "input": "x"}
    start(runner, "claude", "--provider", "anthropic", ANTHROPIC_BASE_URL=provider.url, ANTHROPIC_API_KEY="k")
    request = (runner.folder / "runs_artifacts" / "claude" / "requests" / "000001.jsonl").read_text()
    assert '"max_tokens":1024' in request


@pytest.mark.parametrize("items, batches", [(50_000, 1), (50_001, 2)])
def test_how_many_requests_a_batch_has(runner, items, batches):
    (runner.folder / "items.jsonl").write_text("".join(f'{{"id":"{n}","text":"x"}}\n' for n in range(items)))
    told = runner("estimate", input="items.jsonl", id_field="id", prompt_field="text", model="m").json()
    assert (told["rows"], told["batches"]) == (items, batches)


def test_what_help_says(lamina_batch):
    got = {}
    for command, option in TOLD:
        text = lamina_batch(command, "--help").ok().out
        found = re.search(rf"^  (?:-., |    )--(?:\[no-\])?{option}(?: [A-Z|:]+)?\b(.*(?:\n {{20,}}.*)*)", text, re.MULTILINE)
        words = " ".join(found[1].split())
        default = re.search(r"\(default: ([^)]*)\)$", words)
        got[command, option] = default[1] if default else words
    assert got == TOLD


def test_commands_of_batchor_need_no_more_than_it_does(runner):
    start(runner, "r")
    runner("wait", run_id="r", poll_interval=0.01).ok()
    for command in ("status", "results"):
        runner(command, run_id="r").ok()
    runner("export-artifacts", run_id="r", destination_dir="out").ok()
    runner("prune-artifacts", run_id="r").ok()
