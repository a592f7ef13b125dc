"""Checks the fake provider against the providers' own client libraries, which are too large to be among the test tools.

    python3 -m venv VENV && VENV/bin/pip install openai anthropic google-genai jsonschema
    VENV/bin/python tests/fake/with_sdks.py zig-out/bin/lamina-batch
"""
import io
import json
import subprocess
import sys
import urllib.request

import anthropic
import jsonschema
import openai
from google import genai
from google.genai import types

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["b", "a"]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "minItems": 2},
        "when": {"type": "string", "format": "date-time"},
        "maybe": {"anyOf": [{"type": "integer", "minimum": 5, "multipleOf": 4}, {"type": "null"}]},
        "score": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "tree": {"$ref": "#/$defs/tree"},
    },
    "required": ["name", "kind", "parts", "when", "maybe", "score", "tree"],
    "additionalProperties": False,
    "$defs": {
        "part": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False},
        "tree": {"type": "object", "properties": {"sub": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
                 "required": ["sub"], "additionalProperties": False},
    },
}


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def check_openai(base):
    client = openai.OpenAI(api_key="k", base_url=base + "/v1", max_retries=0)
    bodies = [
        {"model": "m", "input": "hello \u00e9 \"quoted\""},
        {"model": "m", "input": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "input_text", "text": "a"},
                                                                                         {"type": "input_text", "text": "b"}]}]},
        {"model": "m", "input": "say \"x\"", "text": {"format": {"type": "json_schema", "name": "s", "strict": True, "schema": SCHEMA}}},
    ]
    rows = [{"custom_id": f"i{n}", "method": "POST", "url": "/v1/responses", "body": body} for n, body in enumerate(bodies)]
    file = client.files.create(file=("in.jsonl", lines(rows)), purpose="batch")
    assert file.filename == "in.jsonl" and file.bytes == len(lines(rows)) and file.status == "processed"
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h", metadata={"run_id": "r"})
    assert batch.status == "validating" and batch.metadata == {"run_id": "r"} and batch.request_counts.total == 3
    batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed" and batch.request_counts.completed == 3 and batch.error_file_id is None
    texts = []
    for line in client.files.content(batch.output_file_id).iter_lines():
        row = json.loads(line)
        response = openai.types.responses.Response.model_validate(row["response"]["body"])
        texts.append(response.output_text)
    assert texts[:2] == ["hello \u00e9 \"quoted\"", "a\nb"], texts
    jsonschema.validate(json.loads(texts[2]), SCHEMA)
    assert json.loads(texts[2])["name"] == "say \"x\""

    chat = [{"custom_id": f"c{n}", "method": "POST", "url": "/v1/chat/completions",
             "body": {"model": "m", "messages": [{"role": "user", "content": f"p{n}"}]}} for n in range(3)]
    file = client.files.create(file=io.BytesIO(lines(chat)), purpose="batch")
    second = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert [b.id for b in client.batches.list(limit=1)] == [second.id, batch.id]  # by pages
    assert client.batches.cancel(second.id).status == "cancelling"
    assert client.batches.retrieve(second.id).status == "cancelled"
    third = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    third = client.batches.retrieve(third.id)
    first = json.loads(next(client.files.content(third.output_file_id).iter_lines()))
    answer = openai.types.chat.ChatCompletion.model_validate(first["response"]["body"])
    assert answer.choices[0].message.content == "p0" and answer.choices[0].finish_reason == "stop"
    assert client.files.delete(file.id).deleted
    for call in (lambda: client.files.retrieve(file.id), lambda: client.batches.retrieve("batch_none")):
        try:
            call()
        except openai.NotFoundError:
            continue
        raise AssertionError("found")
    try:
        client.batches.create(input_file_id="file-none", endpoint="/v1/responses", completion_window="24h")
    except openai.BadRequestError as error:
        assert "file-none" in error.message


def check_anthropic(base):
    client = anthropic.Anthropic(api_key="k", base_url=base, max_retries=0)

    def request(name, text, **more):
        return {"custom_id": name, "params": {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": text}], **more}}

    batch = client.messages.batches.create(requests=[
        request("a", "eins"), request("b", [{"type": "text", "text": "zwei"}]),
        request("c", "drei", output_config={"format": {"type": "json_schema", "schema": SCHEMA}})])
    assert batch.processing_status == "in_progress" and batch.request_counts.processing == 3
    batch = client.messages.batches.retrieve(batch.id)
    assert batch.processing_status == "ended" and batch.request_counts.succeeded == 3 and batch.ended_at
    results = {r.custom_id: r.result.message.content[0].text for r in client.messages.batches.results(batch.id)}
    assert results["a"] == "eins" and results["b"] == "zwei"
    jsonschema.validate(json.loads(results["c"]), SCHEMA)
    second = client.messages.batches.create(requests=[request("a", "x")])
    third = client.messages.batches.create(requests=[request("a", "y")])
    assert [b.id for b in client.messages.batches.list(limit=1)] == [third.id, second.id, batch.id]
    assert client.messages.batches.cancel(second.id).processing_status == "canceling"
    second = client.messages.batches.retrieve(second.id)
    assert second.request_counts.canceled == 1
    assert [r.result.type for r in client.messages.batches.results(second.id)] == ["canceled"]
    assert client.messages.batches.delete(second.id).type == "message_batch_deleted"
    for bad in ([], [request("a", "x"), request("a", "y")], [request("not allowed", "x")]):
        try:
            client.messages.batches.create(requests=bad)
        except anthropic.BadRequestError:
            continue
        raise AssertionError("taken")


def check_gemini(base):
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=base))
    batch = client.batches.create(model="gemini-flash", config={"display_name": "d"}, src=[
        {"contents": [{"role": "user", "parts": [{"text": "one"}]}], "metadata": {"key": "k1"}},
        {"contents": [{"role": "user", "parts": [{"text": "two"}]}],
         "config": {"response_mime_type": "application/json", "response_json_schema": SCHEMA}}])
    assert batch.state.name == "JOB_STATE_PENDING" and batch.display_name == "d", batch
    batch = client.batches.get(name=batch.name)
    assert batch.state.name == "JOB_STATE_SUCCEEDED", batch
    texts = [r.response.text for r in batch.dest.inlined_responses]
    assert texts[0] == "one"
    jsonschema.validate(json.loads(texts[1]), SCHEMA)
    rows = [{"key": f"k{n}", "request": {"contents": [{"role": "user", "parts": [{"text": f"text {n}"}]}]}} for n in range(100)]
    file = client.files.upload(file=io.BytesIO(lines(rows)), config={"display_name": "in", "mime_type": "application/jsonl"})
    assert file.size_bytes == len(lines(rows)) and file.state.name == "ACTIVE"
    second = client.batches.create(model="gemini-flash", src=file.name)
    second = client.batches.get(name=second.name)
    out = client.files.download(file=second.dest.file_name).decode().splitlines()
    got = {json.loads(line)["key"]: json.loads(line)["response"]["candidates"][0]["content"]["parts"][0]["text"] for line in out}
    assert got == {f"k{n}": f"text {n}" for n in range(100)}
    assert [b.name for b in client.batches.list(config={"page_size": 1})] == [second.name, batch.name]
    third = client.batches.create(model="gemini-flash", src=file.name)
    client.batches.cancel(name=third.name)
    assert client.batches.get(name=third.name).state.name == "JOB_STATE_CANCELLED"
    client.batches.delete(name=third.name)
    urllib.request.urlopen(base + "/_control/faults", json.dumps({"faults": [
        {"on": "row", "nth": 1, "do": "error", "status": 503}, {"on": "batch", "nth": 2, "do": "fail"}]}).encode()).close()
    inline = [{"contents": [{"role": "user", "parts": [{"text": "one"}]}]}] * 2
    batch = client.batches.get(name=client.batches.create(model="gemini-flash", src=inline).name)
    assert [r.error and r.error.code for r in batch.dest.inlined_responses] == [503, None]
    assert client.batches.get(name=client.batches.create(model="gemini-flash", src=inline).name).state.name == "JOB_STATE_FAILED"
    client.files.delete(name=file.name)
    try:
        client.files.get(name=file.name)
    except genai.errors.ClientError:
        return
    raise AssertionError("found")


def main():
    server = subprocess.Popen([sys.argv[1], "fake-provider"], stdout=subprocess.PIPE, text=True)
    try:
        base = server.stdout.readline().split()[-1]
        for check in (check_openai, check_anthropic, check_gemini):
            check(base)
            print(f"{check.__name__}: passed")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
