"""Files and batches as OpenAI has them; the shapes are those seen from the real one."""

import json

import pytest

from fake_provider import KEYS, form, responses, text_of

FILE_KEYS = {"object", "id", "purpose", "filename", "bytes", "created_at", "expires_at", "status", "status_details"}
BATCH_KEYS = {"object", "id", "endpoint", "model", "errors", "input_file_id", "completion_window", "status", "output_file_id",
              "error_file_id", "created_at", "in_progress_at", "expires_at", "finalizing_at", "completed_at", "failed_at",
              "expired_at", "cancelling_at", "cancelled_at", "request_counts", "metadata"}


def chat(*messages, **body):
    return {"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": list(messages), **body}}


def test_from_file_to_answers(provider):
    data = b'{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"gpt","input":"caf\\u00e9 \\"x\\""}}\n'
    file = provider.upload(data).json()
    assert set(file) == FILE_KEYS and file["bytes"] == len(data) and file["filename"] == "items.jsonl" and file["purpose"] == "batch"
    batch = provider.create(file["id"], metadata={"run_id": "r"}).json()
    assert set(batch) == BATCH_KEYS
    assert batch["status"] == "validating" and batch["metadata"] == {"run_id": "r"} and batch["input_file_id"] == file["id"]
    assert batch["request_counts"] == {"total": 1, "completed": 0, "failed": 0}
    batch = provider.poll(batch["id"])
    assert batch["status"] == "completed" and batch["error_file_id"] is None and batch["completed_at"] >= batch["created_at"]
    [row] = provider.content(batch["output_file_id"]).lines()
    assert set(row) == {"id", "custom_id", "response", "error"} and row["custom_id"] == "a" and row["error"] is None
    assert row["response"]["status_code"] == 200
    body = row["response"]["body"]
    assert body["object"] == "response" and body["status"] == "completed" and body["model"] == "gpt"
    assert text_of(row) == 'café "x"'
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"] > 0
    assert provider.content(file["id"]).body == data


def test_chat(provider):
    rows = [chat({"role": "system", "content": "s"}, {"role": "user", "content": "first"}, {"role": "assistant", "content": "a"},
                 {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]})]
    _, [row], _ = provider.run(rows, endpoint="/v1/chat/completions")
    body = row["response"]["body"]
    assert body["object"] == "chat.completion" and body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "one\ntwo", "refusal": None}
    assert set(body["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}


def test_how_answers_of_a_chat_end(provider):
    provider.faults({"on": "row", "nth": 1, "do": "incomplete"}, {"on": "row", "nth": 2, "do": "refusal"})
    asked = [{**chat({"role": "user", "content": "0123456789"}), "custom_id": name} for name in "abc"]
    _, rows, _ = provider.run(asked, endpoint="/v1/chat/completions")
    choices = [row["response"]["body"]["choices"][0] for row in rows]
    assert [(choice["finish_reason"], choice["message"]["content"]) for choice in choices] == [
        ("length", "01234"), ("stop", None), ("stop", "0123456789")]
    assert choices[1]["message"]["refusal"] == "I cannot help with that."


def test_answers_depend_on_the_request_only(provider):
    _, first, _ = provider.run(responses("same", "other"))
    provider.reset()
    rows = responses("other", "same")
    for row, name in zip(rows, ("x", "y")):
        row["custom_id"] = name
    _, again, _ = provider.run(rows)
    assert [row["response"] for row in again] == [first[1]["response"], first[0]["response"]]


SCHEMAS = [
    ("text", {"type": "string"}, "p"),
    ("object", {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}, "required": ["b", "a"],
                "additionalProperties": False}, {"b": "p", "a": 0}),
    ("enum", {"enum": ["x", "y"]}, "x"),
    ("const", {"const": {"k": [1]}}, {"k": [1]}),
    ("bounds", {"type": "integer", "minimum": 3, "multipleOf": 5}, 5),
    ("below zero", {"type": "integer", "maximum": -3}, -3),
    ("open interval", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
    ("lengths", {"type": "string", "minLength": 3, "maxLength": 4}, "xxx"),
    ("list", {"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
    ("tuple", {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}]}, [1, 2]),
    ("choice", {"anyOf": [{"type": "string", "pattern": "x"}, {"type": "null"}]}, None),
    ("all of", {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
    ("date", {"type": "string", "format": "date"}, "2026-01-01"),
    ("reference", {"$ref": "#/$defs/x", "$defs": {"x": {"const": 7}}}, 7),
    ("recursion", {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {
        "sub": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}, "required": []}}}, None),
]


@pytest.mark.parametrize("schema, want", [row[1:] for row in SCHEMAS], ids=[row[0] for row in SCHEMAS])
def test_an_instance_of_the_schema(provider, schema, want):
    rows = responses("p", text={"format": {"type": "json_schema", "name": "s", "strict": True, "schema": schema}})
    rows.append({**rows[0], "custom_id": "again"})
    _, answers, errors = provider.run(rows)
    assert errors == []
    got = [json.loads(text_of(row)) for row in answers]
    if want is None and isinstance(got[0], dict):
        while got[0]:  # the recursion comes to its end, in a null or in nothing
            assert set(got[0]) == {"sub"}
            got[0] = got[0]["sub"]
    else:
        assert got == [want, want]


def test_the_prompt_is_in_the_instance(provider):
    prompt = 'back\\slash "quote" \n é \u2028 end'
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    _, [row], _ = provider.run(responses(prompt, text={"format": {"type": "json_schema", "schema": schema}}))
    assert json.loads(text_of(row)) == {"text": prompt}
    row = chat({"role": "user", "content": prompt}, response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}})
    _, [row], _ = provider.run([row], endpoint="/v1/chat/completions")
    assert json.loads(row["response"]["body"]["choices"][0]["message"]["content"]) == {"text": prompt}


def test_a_schema_without_instance_is_an_error_of_the_row(provider):
    rows = responses("p", text={"format": {"type": "json_schema", "schema": {"type": "string", "pattern": "^a$"}}})
    batch, answers, [row] = provider.run(rows + [{**responses("q")[0], "custom_id": "fine"}])
    assert [a["custom_id"] for a in answers] == ["fine"]
    assert row["response"]["status_code"] == 400
    assert row["response"]["body"]["error"]["message"] == "no text is made for the pattern '^a$'"
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}


ROW = '{"custom_id":"%s","method":"POST","url":"/v1/responses","body":{"model":"m","input":"x"}}'
BAD_FILES = [
    ("empty", "", "empty_file", None, "The batch has no requests."),
    ("not json", ROW % "a" + "\n{\n", "invalid_json_line", 2,
     "This line is not parseable as valid JSON: column 2: "),
    ("no id", '{"method":"POST"}', "invalid_json_line", 1, "Missing required parameter: 'custom_id'."),
    ("no body", '{"custom_id":"q","method":"POST","url":"/v1/responses"}', "invalid_json_line", 1,
     "The request of 'q' is missing or no JSON object."),
    ("twice", "\n".join([ROW % "a", "", ROW % "b", ROW % "a"]), "duplicate_custom_id", 4, "The custom_id 'a' is used more than once."),
    ("address", (ROW % "a").replace("responses", "embeddings"), "invalid_url", 1,
     "The URL provided for this request does not match the batch endpoint."),
    ("method", (ROW % "a").replace("POST", "GET"), "invalid_method", 1, "The method of this request is not 'POST'."),
    ("model", (ROW % "a").replace("model", "modal"), "missing_required_parameter", 1, "Missing required parameter: 'body.model'."),
    ("not an object", "[]", "invalid_json_line", 1, "This line is no JSON object."),
]


@pytest.mark.parametrize("text, code, line, message", [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES])
def test_a_bad_file_fails_its_batch(provider, text, code, line, message):
    batch = provider.poll(provider.submit(text.encode()))
    assert batch["status"] == "failed" and batch["output_file_id"] is None and batch["request_counts"]["total"] == 0
    [error] = batch["errors"]["data"]
    assert (error["code"], error["line"], error["param"]) == (code, line, None)
    assert error["message"].startswith(message)


def test_too_many_requests(provider):
    rows = "\n".join(ROW % n for n in range(50_001))
    batch = provider.poll(provider.submit(rows.encode()))
    assert batch["status"] == "failed"
    assert batch["errors"]["data"][0]["message"] == "The batch has more than 50000 requests."


def refused(answer, status, message, code=None, kind="invalid_request_error"):
    assert answer.status == status, answer
    assert json.loads(answer.body) == {"error": {"message": message, "type": kind, "param": None, "code": code}}


def test_refused_calls(provider):
    file_id = provider.upload(responses("x")).json()["id"]
    good = {"input_file_id": file_id, "endpoint": "/v1/responses", "completion_window": "24h"}
    refused(provider.call("POST", "/v1/batches", "{"), 400, "We could not parse the JSON body of your request.")
    refused(provider.call("POST", "/v1/batches", {}), 400, "Missing required parameter: 'input_file_id'.")
    refused(provider.call("POST", "/v1/batches", {**good, "input_file_id": "file-x"}), 400, "Invalid input_file_id: no batch file 'file-x'.")
    refused(provider.call("POST", "/v1/batches", {**good, "endpoint": "/v1/x"}), 400,
            "Invalid value: '/v1/x'. Supported values are: '/v1/responses' and '/v1/chat/completions'.")
    refused(provider.call("POST", "/v1/batches", {**good, "completion_window": "1h"}), 400,
            "Invalid value for 'completion_window': expected '24h'.")
    limits = "Invalid 'metadata': at most 16 pairs of text, keys of at most 64 and values of at most 512 characters."
    for metadata in ({"k": 1}, {"k" * 65: "v"}, {"k": "v" * 513}, {str(n): "v" for n in range(17)}, []):
        refused(provider.call("POST", "/v1/batches", {**good, "metadata": metadata}), 400, limits)
    refused(provider.call("GET", "/v1/batches/batch_x"), 404, "No batch found with id 'batch_x'.")
    refused(provider.call("GET", "/v1/files/file-x"), 404, "No such File object: file-x")
    refused(provider.call("GET", "/v1/nothing"), 404, "The fake provider has nothing at this path.")
    assert provider.call("PUT", "/v1/batches").status == 405
    refused(provider.call("GET", "/v1/batches", headers={}), 401, "Incorrect API key provided.", "invalid_api_key")
    assert provider.summary()["batches"] == 0


def test_refused_uploads(provider):
    kind = {"Content-Type": "multipart/form-data; boundary=0123456789abcdef"}

    def upload(body, **headers):
        return provider.call("POST", "/v1/files", body, {**KEYS, **kind, **headers})

    refused(upload(form(b"{}", purpose="fine-tune")), 400, "'fine-tune' is not one of ['batch'] - 'purpose'")
    refused(upload(form(b"{}").replace(b'name="purpose"', b'name="p"')), 400, "'purpose' is a required property")
    refused(upload(form(b"{}").replace(b'name="file"', b'name="f"')), 400, "'file' is a required property")
    refused(upload(form(b"{}")[:-6]), 400, "The form has no end.")
    refused(upload(form(b"{}"), **{"Content-Type": "text/plain"}), 400, "The Content-Type is not 'multipart/form-data' with a boundary.")
    refused(upload(b"--0123456789abcdef\r\nContent-Disposition: " + b"x" * 9000), 413, "The headers of a part of the form are too long.")
    refused(upload(form(b"{}", purpose="x" * 5000)), 413, "A field of the form is too long.")
    refused(upload(form(b"{}") .replace(b"--0123456789abcdef--", form(b"")), **kind), 400, "The form has more than one file.")
    refused(upload(b"", **{"Content-Length": "900000000"}), 413, "The request is too large.")
    assert provider.summary()["files"] == 0


def test_a_file_that_looks_like_the_form(provider):
    data = b"\r\n--0123456789abcde\r\n\r\n--0123456789abcdeX\r\n-"
    assert provider.content(provider.upload(data).json()["id"]).body == data


def test_delete(provider):
    file_id = provider.upload(responses("x")).json()["id"]
    batch_id = provider.create(file_id).json()["id"]
    assert provider.call("DELETE", f"/v1/files/{file_id}").json() == {"object": "file", "deleted": True, "id": file_id}
    assert provider.call("DELETE", f"/v1/files/{file_id}").status == 404
    batch = provider.poll(batch_id)  # what was created goes on
    assert batch["status"] == "completed"
    provider.call("DELETE", f"/v1/files/{batch['output_file_id']}").json()
    assert provider.content(batch["output_file_id"]).status == 404


def test_lists(provider):
    ids = [provider.submit(responses(f"p{n}"), metadata={"n": str(n)}) for n in range(5)]
    page = provider.call("GET", "/v1/batches?limit=2").json()
    assert [b["id"] for b in page["data"]] == [ids[4], ids[3]] and page["has_more"] is True
    assert (page["first_id"], page["last_id"], page["object"]) == (ids[4], ids[3], "list")
    page = provider.call("GET", f"/v1/batches?limit=2&after={ids[3]}").json()
    assert [b["metadata"]["n"] for b in page["data"]] == ["2", "1"]
    page = provider.call("GET", f"/v1/batches?limit=100&after={ids[1]}").json()
    assert [b["id"] for b in page["data"]] == [ids[0]] and page["has_more"] is False
    assert page["data"][0]["status"] == "validating"  # a look at the list is no poll
    files = provider.call("GET", "/v1/files?limit=3").json()
    assert len(files["data"]) == 3 and files["has_more"] is True
    rest = provider.call("GET", f"/v1/files?after={files['last_id']}").json()
    assert len(rest["data"]) == 2 and rest["has_more"] is False
    assert provider.call("GET", "/v1/files?purpose=batch_output").json()["data"] == []


def test_cancel(provider):
    provider.faults(finished_on_cancel=0.5)
    batch_id = provider.submit(responses("a", "b", "c", "d"))
    cancelled = provider.call("POST", f"/v1/batches/{batch_id}/cancel").json()
    assert cancelled["status"] == "cancelling" and cancelled["cancelling_at"]
    batch = provider.poll(batch_id)
    assert batch["status"] == "cancelled" and batch["request_counts"] == {"total": 4, "completed": 2, "failed": 0}
    assert [row["custom_id"] for row in provider.content(batch["output_file_id"]).lines()] == ["row-2", "row-4"]
    assert batch["error_file_id"] is None
    assert provider.call("POST", f"/v1/batches/{batch_id}/cancel").status == 409


def test_settings_of_time(provider):
    provider.faults(polls=2)
    batch_id = provider.submit(responses("a"))
    assert [provider.poll(batch_id)["status"] for _ in range(4)] == ["in_progress", "in_progress", "completed", "completed"]
    provider.faults(complete_ms=3600_000)
    batch_id = provider.submit(responses("a"))
    assert {provider.poll(batch_id)["status"] for _ in range(5)} == {"in_progress"}


def test_enqueued_tokens(provider):
    provider.faults(enqueued_token_limit=40)
    first, second = provider.submit(responses("a" * 80)), provider.submit(responses("b" * 80))
    batch = provider.poll(second)
    assert batch["status"] == "failed" and batch["errors"]["data"][0]["code"] == "token_limit_exceeded"
    assert batch["errors"]["data"][0]["message"].startswith("Enqueued token limit reached for m in organization")
    assert provider.poll(first)["status"] == "completed"
    assert provider.poll(provider.submit(responses("b" * 80)))["status"] == "completed"


def test_idempotency_key(provider):
    file_id = provider.upload(responses("a")).json()["id"]
    body = {"input_file_id": file_id, "endpoint": "/v1/responses", "completion_window": "24h"}
    headers = {**KEYS, "Idempotency-Key": "k"}
    ids = [provider.call("POST", "/v1/batches", body, headers).json()["id"] for _ in range(2)]
    assert ids[0] != ids[1]  # OpenAI takes no notice of it
    provider.reset()
    provider.faults(idempotent=True)
    body["input_file_id"] = provider.upload(responses("a")).json()["id"]
    ids = [provider.call("POST", "/v1/batches", body, headers).json()["id"] for _ in range(2)]
    assert ids[0] == ids[1] and provider.summary()["batches"] == 1
