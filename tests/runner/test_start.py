"""lamina-batch start: what it takes, what it refuses and leaves nothing of, and going on with a run that exists."""

import hashlib
import json
import re
import sys

import pytest

ROWS = [{"id": "a", "text": "one", "n": 1}, {"id": "b", "text": "two", "n": 2}, {"id": "c", "text": "three", "n": 3}]
SUMMARY = ["run_id", "status", "total_items", "completed_items", "failed_items", "status_counts", "active_batches",
           "backoff_remaining_sec"]  # batchor's keys, in its order
OURS = ["control_state", "control_reason", "ingest_complete", "batches", "unknown_batches", "failures", "consecutive_failures",
        "last_error_class", "last_error", "last_sequence"]


def refused(result, code=1):
    """What it says when it fails: nothing on stdout."""
    assert (result.code, result.out) == (code, ""), result
    return result.err


def said(result, code=1):
    """The one sentence of a failure."""
    return refused(result, code).rstrip("\n").splitlines()[-1].removeprefix("lamina-batch: ")


def runs(runner):
    result = runner("list")
    return [json.loads(line)["run_id"] for line in result.out.splitlines()]


def test_the_summary_has_the_keys_of_batchor_in_their_order(runner):
    result = runner.start(ROWS).ok()
    assert list(result.json()) == SUMMARY + OURS
    assert result.json() == {"run_id": "r", "status": "running", "total_items": 3, "completed_items": 0, "failed_items": 0,
        "status_counts": {"submitted": 3}, "active_batches": 1, "backoff_remaining_sec": 0.0, "control_state": "running",
        "control_reason": None, "ingest_complete": True, "batches": 1, "unknown_batches": 0, "failures": 0,
        "consecutive_failures": 0, "last_error_class": None, "last_error": None, "last_sequence": 0}
    assert result.err == "lamina-batch: run r\nread items.jsonl: 3 rows\n"
    assert runner("status", run_id="r").ok().out == result.out == runner("list").ok().out


def test_an_id_is_made_and_told_before_anything_is_read(runner):
    result = runner.start([{"id": "a"}], run_id=[])
    first, *rest = refused(result).splitlines()
    assert re.fullmatch(r"lamina-batch: run batch_\d{8}T\d{6}Z_[0-9a-f]{8}", first)
    assert rest == ["items.jsonl:1: error: missing required fields: text", "lamina-batch: 1 row cannot be used"]
    made = runner.start(ROWS, run_id=[]).ok()
    assert made.err.splitlines()[0] == f"lamina-batch: run {made.json()['run_id']}"


@pytest.mark.parametrize("text, faults", [
    ('{"id":"a","text":NaN}\n', [":1:18: error: 'NaN' is not JSON"]),
    ('{"id":"a","text":"x"}\n{"id":"b","text":"y"\n', [":2:21: error: expected ',' or '}', found the end"]),
    ('{"id":"a","text":"x"}\n\n{"id":"a","text":"y"}\n', [":3: error: duplicate item_id: 'a', first in line 1"]),
    ('{"id":"a"}\n{"text":"x"}\n{"id":null,"text":"x"}\n', [":1: error: missing required fields: text",
        ":2: error: missing required fields: id", ":3: error: missing required fields: id"]),
    ('[1]\n', [":1: error: row is not a JSON object but an array"]),
    ('{"id":["a"],"text":"x"}\n', [":1: error: the id, 'id', is an array"]),
    ('{"id":"","text":"x"}\n', [":1: error: the id, 'id', is empty"]),
])
def test_rows_that_cannot_be_used(runner, text, faults):
    (runner.folder / "items.jsonl").write_text(text)
    result = runner.start(input="items.jsonl")
    lines = refused(result).splitlines()
    number = f"{len(faults)} row{'s' if len(faults) > 1 else ''} cannot be used"
    assert lines[1:] == [*(f"items.jsonl{fault}" for fault in faults), f"lamina-batch: {number}"]
    assert runs(runner) == []
    assert list((runner.folder / "runs_artifacts").iterdir()) == []
    checked = runner("validate", input="items.jsonl", id_field="id", prompt_field="text")
    assert refused(checked).splitlines() == lines[1:]
    runner.start(ROWS).ok()  # the id is free


def test_twenty_faults_are_shown_and_no_more(runner):
    result = runner.start([{"id": f"x{n}" * 200} for n in range(5000)])
    lines = refused(result).splitlines()
    assert lines[1:-1] == [f"items.jsonl:{n}: error: missing required fields: text" for n in range(1, 21)]
    assert lines[-1] == "lamina-batch: 20 rows (or more) cannot be used"
    assert runs(runner) == []


def test_faults_behind_rows_that_were_stored(runner, provider):
    """The first slices are in the database when the fault is found."""
    rows = [{"id": str(n), "text": "x"} for n in range(12_000)]
    result = runner.start([*rows, {"id": "7", "text": "x"}])
    assert "items.jsonl:12001: error: duplicate item_id: '7'" in refused(result)
    assert runs(runner) == []
    assert list((runner.folder / "runs_artifacts").iterdir()) == []
    assert provider.log() == []


@pytest.mark.parametrize("options, code, message", [
    ({"input": "none.jsonl"}, 1, "cannot open 'none.jsonl': No such file or directory"),
    ({"model": []}, 2, "--model is missing"),
    ({"id_field": []}, 2, "--id-field is missing"),
    ({"prompt_field": []}, 2, "neither --prompt-field nor --prompt-template is given"),
    ({"run_id": "a/b"}, 2, "--run-id: name with a character other than letters, digits and '-_.@+': 'a/b'"),
    ({"run_id": "r" * 201}, 2, "--run-id is longer than 200 bytes"),
    ({"endpoint": "/v1/x"}, 2, "--endpoint is '/v1/x', not /v1/responses or /v1/chat/completions"),
    ({"base_url": "http://me:secret@host"}, 2,
        "--base-url holds a user or password, which would be stored: keys come from the environment"),
    ({"input": ["items.jsonl", "items.jsonl"]}, 2, "--input 'items.jsonl' is given twice"),
    ({"provider": "replay"}, 2, "--cassette is missing: --provider replay answers from that folder"),
    ({"structured_output_schema": "none.json"}, 1, "cannot open 'none.json': No such file or directory"),
])
def test_what_cannot_be_started(runner, options, code, message):
    runner.items(ROWS)
    result = runner.start(**{"input": "items.jsonl", **options})
    assert said(result, code) == message
    assert runs(runner) == []


def test_without_a_key_nothing_is_begun(runner):
    runner.items(ROWS)
    result = runner.start(input="items.jsonl", env={"OPENAI_API_KEY": None, "OPENAI_BASE_URL": None})
    assert said(result, 2) == "OPENAI_API_KEY is set neither in the environment nor in a .env file"
    assert not (runner.folder / "runs.sqlite3").exists()
    result = runner.start(input="items.jsonl", provider="gemini", env={"OPENAI_BASE_URL": None})
    assert said(result, 2) == "GEMINI_API_KEY is set neither in the environment nor in a .env file"


def test_a_refusal_of_the_provider_ends_the_command_and_the_next_start_works(runner, provider):
    provider.faults({"on": "openai.batches.create", "nth": 1, "do": "status", "status": 400, "error": "invalid_request",
                     "message": "The model is not for batches."})
    result = runner.start(ROWS)
    assert said(result) == ("cannot create batch 1 of run 'r': the provider answered 400: The model is not for batches. "
                            "(invalid_request_error)")
    status = runner("status", run_id="r").json()
    assert (status["status"], status["failures"], status["last_error_class"]) == ("running", 1, "invalid_request")
    runner.start(ROWS).ok()
    assert runner("wait", run_id="r").json()["completed_items"] == 3
    assert len(provider.items()) == 3


def test_start_goes_on_with_a_run(runner, provider):
    runner.start(ROWS).ok()
    assert runner.start(ROWS).ok().json()["status"] == "completed"
    assert [call["call"] for call in provider.log()].count("openai.batches.create") == 1


SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": False}


@pytest.mark.parametrize("change, message", [
    ({"prompt_template": "{text}!"}, ["prompt_field: 'text' before, none now", "prompt_template: none before, '{text}!' now"]),
    ({"model": "other"}, ["model: 'm' before, 'other' now"]),
    ({"max_attempts": 5}, ["max_attempts: 3 before, 5 now"]),
    ({"system_prompt": "Be brief."}, ["system_prompt: none before, 'Be brief.' now"]),
])
def test_a_run_is_asked_for_the_same(runner, change, message):
    runner.start(ROWS).ok()
    result = runner.start(ROWS, **change)
    assert refused(result) == ("lamina-batch: run 'r' was started with something else; --allow-change overrides:\n"
                               + "".join(f"{line}\n" for line in message))
    runner.start(ROWS, allow_change=True, **change).ok()
    runner.start(ROWS, **change).ok()  # that is what it asks for now


def test_a_schema_and_an_input_more_are_differences(runner):
    (runner.folder / "schema.json").write_text(json.dumps(SCHEMA))
    runner.start(ROWS).ok()
    assert "schema" in refused(runner.start(ROWS, structured_output_schema="schema.json"))
    runner.items([{"id": "z", "text": "z"}], "more.jsonl")
    assert "more.jsonl" in refused(runner.start(input=["items.jsonl", "more.jsonl"]))


def test_a_source_that_changed(runner):
    runner.start(ROWS).ok()
    text = (runner.folder / "items.jsonl").read_text()
    (runner.folder / "items.jsonl").write_text(text.replace("two", "TWO"))
    result = runner.start(input="items.jsonl")
    assert said(result) == ("'items.jsonl' has changed since it was read: bytes 0 to 107 are others; --allow-change overrides")
    runner.start(input="items.jsonl", allow_change=True).ok()
    (runner.folder / "items.jsonl").write_text(text.replace("two", "TWO") + "\n")  # as it was taken now, and more
    assert "has changed since it was read" in said(runner.start(input="items.jsonl"))


def test_a_source_that_was_copied_or_touched_is_the_same(runner):
    runner.start(ROWS).ok()
    runner.items(ROWS)  # new times
    assert runner.start(input="items.jsonl").ok().json()["status"] == "completed"


def test_several_inputs_with_the_same_ids(runner):
    runner.items([{"id": "1", "text": "x"}, {"id": "2", "text": "y"}], "a.jsonl")
    (runner.folder / "b.csv").write_text("id,text\n1,z\n3,w\n")
    runner.start(input=["a.jsonl", "b.csv"]).ok()
    runner("wait", run_id="r").ok()
    got = [(row["item_id"], row["output_text"]) for row in runner.results()]
    assert [text for _, text in got] == ["x", "y", "z", "w"]
    assert [item for item, _ in got[:2]] + [got[3][0]] == ["1", "2", "3"]
    assert re.fullmatch(r"src_[0-9a-f]{12}__1", got[2][0])


def test_an_id_that_is_like_a_prefixed_one(runner):
    """What 'validate' says of ids is what 'start' does with them."""
    prefix = "src_" + hashlib.sha256(b"2\0jsonl\0b.jsonl").hexdigest()[:12] + "__"
    inputs = [runner.items([{"id": id, "text": "t"} for id in ("1", prefix + "1")], "a.jsonl"), runner.items([{"id": "1", "text": "u"}], "b.jsonl")]
    assert runner("validate", input=inputs, id_field="id", prompt_field="text").ok().json()["rows"] == 3
    runner.start(input=inputs, provider="echo").ok()
    runner("wait", run_id="r").ok()
    assert [row["item_id"] for row in runner.results()] == ["1", prefix + "1", prefix + prefix + "1"]


def test_estimate_counts_what_would_be_sent(runner, provider):
    runner.items(ROWS)
    options = {"input": "items.jsonl", "id_field": "id", "prompt_field": "text", "model": "m", "max_requests": 2}
    told = runner("estimate", **options).ok().json()
    assert list(told) == ["rows", "input_bytes", "request_bytes", "largest_request_bytes", "estimated_tokens", "batches"]
    assert (told["rows"], told["input_bytes"], told["batches"]) == (3, (runner.folder / "items.jsonl").stat().st_size, 2)
    assert provider.log() == []
    runner.finished(ROWS, max_requests=2)
    sent = sorted((runner.folder / "runs_artifacts" / "r" / "requests").iterdir())
    assert len(sent) == 2
    assert told["request_bytes"] == sum(path.stat().st_size for path in sent)
    assert told["largest_request_bytes"] == max(len(line) for path in sent for line in path.read_bytes().splitlines(True))
    assert told["estimated_tokens"] == sum(-(-len(line) // 4) for path in sent for line in path.read_bytes().splitlines(True))


def test_a_schema_file(runner, provider):
    (runner.folder / "schema.json").write_text(json.dumps({**SCHEMA, "title": "Thing"}, indent=2))
    runner.finished(ROWS, structured_output_schema="schema.json")
    assert [row["output"] for row in runner.results()] == [{"x": "one"}, {"x": "two"}, {"x": "three"}]
    sent = json.loads(next((runner.folder / "runs_artifacts" / "r" / "requests").iterdir()).read_text().splitlines()[0])
    assert sent["body"]["text"]["format"] == {"type": "json_schema", "name": "Thing", "strict": True,
                                              "schema": {**SCHEMA, "title": "Thing"}}


CLASS = """
class Outer:
    class Answer:
        @classmethod
        def model_json_schema(cls):
            return {"title": "Answer", "type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"],
                    "additionalProperties": False}
"""


def test_a_class_with_a_schema(runner):
    (runner.folder / "answers.py").write_text(CLASS)
    runner.finished(ROWS, structured_output_class="answers:Outer.Answer", python=sys.executable)
    assert [row["output"]["x"] for row in runner.results()] == ["one", "two", "three"]


@pytest.mark.parametrize("name, message", [
    ("none:X", "--structured-output-class 'none:X': ModuleNotFoundError: No module named 'none'"),
    ("json:X", "--structured-output-class 'json:X': AttributeError: module 'json' has no attribute 'X'"),
    ("json:JSONDecoder", "--structured-output-class 'json:JSONDecoder': AttributeError: type object 'JSONDecoder' has no attribute "
                         "'model_json_schema'"),
])
def test_a_class_without_one(runner, name, message):
    runner.items(ROWS)
    assert said(runner.start(input="items.jsonl", structured_output_class=name, python=sys.executable), 2) == message


@pytest.mark.parametrize("schema, message", [
    ("{", "schema 'schema.json': "),
    ('{"type":"array"}', "schema 'output': "),
    ("[]", "schema 'output': "),
])
def test_a_schema_that_cannot_be_used(runner, schema, message):
    (runner.folder / "schema.json").write_text(schema)
    runner.items(ROWS)
    result = runner.start(input="items.jsonl", structured_output_schema="schema.json")
    assert said(result, 2).startswith(message), result
    assert runs(runner) == []
