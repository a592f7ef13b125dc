"""What providers are sent, byte for byte: written down from their documentation, not from what this program does."""

import json
import subprocess

import pytest

from peer import answers, serve
from provider import CANARY, INTENT, opened

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
STRUCTURED = {"schema_json": json.dumps(SCHEMA), "schema_name": "answer"}
CREATE = '{"completion_window":"24h","endpoint":"%s","input_file_id":"file-1","metadata":' \
    '{"intent_id":"0123456789abcdef01234567","run_id":"run-1","seq":"1"}}'


def headers_of(request):
    lines = request[0].split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def line_of(request):
    return request[0].split("\r\n")[0]


# ---- request lines

LINES = [
    ("openai", {}, None,
        {"custom_id": "0-a1-01234567", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "p"}}),
    ("openai", {"reasoning_effort": "low", **STRUCTURED}, "be brief",
        {"custom_id": "0-a1-01234567", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "p",
            "instructions": "be brief", "reasoning": {"effort": "low"},
            "text": {"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": CLOSED}}}}),
    ("openai", {"endpoint": "/v1/chat/completions"}, None,
        {"custom_id": "0-a1-01234567", "method": "POST", "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": "p"}]}}),
    ("openai", {"endpoint": "/v1/chat/completions", "reasoning_effort": "high", **STRUCTURED}, "be brief",
        {"custom_id": "0-a1-01234567", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "p"}], "reasoning_effort": "high",
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": CLOSED}}}}),
    ("anthropic", {}, None,
        {"custom_id": "0-a1-01234567",
            "params": {"model": "m", "max_tokens": 1024, "messages": [{"role": "user", "content": "p"}]}}),
    ("anthropic", {"max_tokens": 77, "reasoning_effort": "medium", "params_json": '{"temperature": 0.50, "top_k": 3}', **STRUCTURED},
        "be brief",
        {"custom_id": "0-a1-01234567", "params": {"model": "m", "max_tokens": 77, "messages": [{"role": "user", "content": "p"}],
            "system": "be brief", "output_config": {"effort": "medium", "format": {"type": "json_schema", "schema": CLOSED}},
            "temperature": 0.5, "top_k": 3}}),
    ("anthropic", {"params_json": '{"max_tokens": 5}'}, None,
        {"custom_id": "0-a1-01234567", "params": {"model": "m", "messages": [{"role": "user", "content": "p"}], "max_tokens": 5}}),
    ("gemini", {}, None,
        {"key": "0-a1-01234567", "request": {"contents": [{"role": "user", "parts": [{"text": "p"}]}]}}),
    ("gemini", {"reasoning_effort": "low", "params_json": '{"temperature":1}', **STRUCTURED}, "be brief",
        {"key": "0-a1-01234567", "request": {"contents": [{"role": "user", "parts": [{"text": "p"}]}],
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}, "responseMimeType": "application/json",
                "responseJsonSchema": CLOSED, "temperature": 1}}}),
    ("gemini", {"params_json": '{"temperature":1,"topK":2}'}, None,
        {"key": "0-a1-01234567", "request": {"contents": [{"role": "user", "parts": [{"text": "p"}]}],
            "generationConfig": {"temperature": 1, "topK": 2}}}),
    ("echo", {}, None,
        {"custom_id": "0-a1-01234567", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "p"}}),
]


@pytest.mark.parametrize("kind, config, system, want", LINES)
def test_request_line(tool, kind, config, system, want):
    with opened(tool, provider=kind, model="m", **config) as provider:
        line = provider.render("p", system)
    assert line.endswith("}\n") and line.count("\n") == 1
    assert json.loads(line) == want


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("text", ['"', "\\", "\n\r\t\b\f\x00\x01\x1f", "\x7fé€😀\u2028", "</script>", "", "%s%n\x02", "a" * 100_000])
def test_any_text_arrives(tool, kind, text):
    find = {"openai": lambda o: (o["body"]["input"], o["body"]["instructions"]),
        "anthropic": lambda o: (o["params"]["messages"][0]["content"], o["params"]["system"]),
        "gemini": lambda o: (o["request"]["contents"][0]["parts"][0]["text"],
            o["request"]["systemInstruction"]["parts"][0]["text"])}[kind]
    with opened(tool, provider=kind, model='quote " and \\') as provider:
        line = provider.render(text, text + "!")
    assert line.count("\n") == 1
    assert find(json.loads(line)) == (text, text + "!")


@pytest.mark.parametrize("kind, params, config, name", [
    ("anthropic", '{"model":"x"}', {}, "model"), ("anthropic", '{"messages":[]}', {}, "messages"),
    ("anthropic", '{"stream":true}', {}, "stream"), ("anthropic", '{"system":"x"}', {"system_prompt": "s"}, "system"),
    ("anthropic", '{"output_config":{}}', {"reasoning_effort": "low"}, "output_config"),
    ("gemini", '{"responseSchema":{}}', STRUCTURED, "responseSchema"),
    ("gemini", '{"thinkingConfig":{}}', {"reasoning_effort": "low"}, "thinkingConfig"),
])
def test_parameters_that_are_set_elsewhere(tool, kind, params, config, name):
    with opened(tool, provider=kind, model="m", params_json=params, **config) as provider:
        assert (provider.opened["rc"], provider.opened["code"]) == (-1, "usage")
        assert provider.opened["error"] == (
            f"further parameters of requests name '{name}', which is set from other options")


def test_key_with_a_line_break(tool):
    with opened(tool, key=f"{CANARY}\nX-Evil: 1", provider="openai", model="m") as provider:
        assert provider.opened["error"] == "the API key has a line break in it"


# ---- OpenAI's calls

REQUESTS = '{"a":1}\n{"b":2}\n'


@pytest.fixture
def requests(tmp_path):
    path = tmp_path / "000001.jsonl"
    path.write_text(REQUESTS)
    return str(path)


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
def test_openai_upload(tool, requests, base):
    with serve(answers({"body": b'{"id":"file-1","object":"file"}'})) as peer, \
            opened(tool, provider="openai", model="m", base_url=peer.url("") + base) as provider:
        got = provider.do("upload", path=requests)
    assert (got["rc"], got["fate"], got["got"]) == (0, "done", "file-1")
    assert line_of(peer.requests[0]) == "POST /v1/files HTTP/1.1"
    headers = headers_of(peer.requests[0])
    assert headers["authorization"] == f"Bearer {CANARY}"
    kind, boundary = headers["content-type"].split("; boundary=")
    assert kind == "multipart/form-data"
    body = peer.requests[0][1].decode()
    assert body == (f"--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
        f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"000001.jsonl\"\r\n"
        f"Content-Type: application/octet-stream\r\n\r\n{REQUESTS}\r\n--{boundary}--\r\n")


@pytest.mark.parametrize("endpoint", ["/v1/responses", "/v1/chat/completions"])
def test_openai_create(tool, requests, endpoint):
    with serve(answers({"body": b'{"id":"batch_1","status":"validating"}'})) as peer, \
            opened(tool, provider="openai", model="m", base_url=peer.url(""), endpoint=endpoint) as provider:
        got = provider.do("create", path=requests, ref="file-1")
    assert (got["rc"], got["got"]) == (0, "batch_1")
    assert line_of(peer.requests[0]) == "POST /v1/batches HTTP/1.1"
    assert headers_of(peer.requests[0])["idempotency-key"] == INTENT["intent_id"]
    assert headers_of(peer.requests[0])["content-type"] == "application/json"
    assert peer.requests[0][1].decode() == CREATE % endpoint


@pytest.mark.parametrize("what, arguments, line", [
    ("poll", {"batch_id": "batch_1"}, "GET /v1/batches/batch_1 HTTP/1.1"),
    ("cancel", {"batch_id": "batch_1"}, "POST /v1/batches/batch_1/cancel HTTP/1.1"),
    ("forget", {"ref": "file-1"}, "DELETE /v1/files/file-1 HTTP/1.1"),
    ("fetch", {"ref": "file-2"}, "GET /v1/files/file-2/content HTTP/1.1"),
    ("find", {"ref": "file-1"}, "GET /v1/batches?limit=100 HTTP/1.1"),
])
def test_openai_other_calls(tool, tmp_path, what, arguments, line):
    with serve(answers({"body": b'{"status":"in_progress","data":[]}'})) as peer, \
            opened(tool, provider="openai", model="m", base_url=peer.url("")) as provider:
        got = provider.do(what, path=str(tmp_path / "answers"), **arguments)
    assert got["rc"] == 0, got
    assert line_of(peer.requests[0]) == line
    assert headers_of(peer.requests[0])["authorization"] == f"Bearer {CANARY}"


def test_no_key_no_header(tool):
    """Servers on one's own machine want none."""
    with serve(answers({"body": b'{"status":"in_progress"}'})) as peer, \
            opened(tool, key="", provider="openai", model="m", base_url=peer.url("")) as provider:
        assert provider.do("poll", batch_id="b")["rc"] == 0
    assert "authorization" not in headers_of(peer.requests[0])


# ---- Anthropic's

def test_anthropic_create(tool, requests):
    with serve(answers({"body": b'{"id":"msgbatch_1","processing_status":"in_progress"}'})) as peer, \
            opened(tool, provider="anthropic", model="m", base_url=peer.url("")) as provider:
        assert provider.do("upload", path=requests)["got"] == ""
        got = provider.do("create", path=requests, ref="")
    assert (got["rc"], got["got"]) == (0, "msgbatch_1")
    assert len(peer.requests) == 1
    assert line_of(peer.requests[0]) == "POST /v1/messages/batches HTTP/1.1"
    headers = headers_of(peer.requests[0])
    assert headers["x-api-key"] == CANARY
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["idempotency-key"] == INTENT["intent_id"]
    assert peer.requests[0][1] == b'{"requests":[{"a":1},{"b":2}]}'


@pytest.mark.parametrize("what, arguments, line", [
    ("poll", {"batch_id": "msgbatch_1"}, "GET /v1/messages/batches/msgbatch_1 HTTP/1.1"),
    ("cancel", {"batch_id": "msgbatch_1"}, "POST /v1/messages/batches/msgbatch_1/cancel HTTP/1.1"),
    ("fetch", {"ref": "msgbatch_1"}, "GET /v1/messages/batches/msgbatch_1/results HTTP/1.1"),
    ("find", {"ref": ""}, "GET /v1/messages/batches?limit=100 HTTP/1.1"),
])
def test_anthropic_other_calls(tool, tmp_path, what, arguments, line):
    with serve(answers({"body": b'{"processing_status":"in_progress","data":[]}'})) as peer, \
            opened(tool, provider="anthropic", model="m", base_url=peer.url("/v1")) as provider:
        assert provider.do(what, path=str(tmp_path / "answers"), **arguments)["rc"] == 0
    assert line_of(peer.requests[0]) == line
    assert headers_of(peer.requests[0])["anthropic-version"] == "2023-06-01"


# ---- Gemini's

def gemini_requests(tmp_path):
    path = tmp_path / "000001.jsonl"
    path.write_text('{"key":"0-a1-01234567","request":{"contents":[1]}}\n{"key":"1-a1-01234567","request":{"contents":[2]}}\n')
    return str(path)


@pytest.mark.parametrize("model", ["gem", "models/gem"])
def test_gemini_create_inline(tool, tmp_path, model):
    with serve(answers({"body": b'{"name":"batches/b1","metadata":{}}'})) as peer, \
            opened(tool, provider="gemini", model=model, base_url=peer.url("/v1beta")) as provider:
        path = gemini_requests(tmp_path)
        assert provider.do("upload", path=path)["got"] == ""
        got = provider.do("create", path=path, ref="")
    assert (got["rc"], got["got"]) == (0, "batches/b1")
    assert line_of(peer.requests[0]) == "POST /v1beta/models/gem:batchGenerateContent HTTP/1.1"
    assert headers_of(peer.requests[0])["x-goog-api-key"] == CANARY
    assert json.loads(peer.requests[0][1]) == {"batch": {"displayName": "lamina-0123456789abcdef01234567", "inputConfig": {
        "requests": {"requests": [{"request": {"contents": [1]}, "metadata": {"key": "0-a1-01234567"}},
            {"request": {"contents": [2]}, "metadata": {"key": "1-a1-01234567"}}]}}}}


def test_gemini_create_from_a_file(tool, tmp_path):
    def upload(connection, peer):
        peer.requests.append(connection.read_request())
        connection.answer(headers=[f"X-Goog-Upload-URL: {peer.url('/upload/v1beta/files?upload_id=abcdefgh1&upload_protocol=resumable')}",
            "Connection: close"])

    named = answers({"body": b'{"file":{"name":"files/f1","state":"ACTIVE"}}', "headers": ["Connection: close"]})
    created = answers({"body": b'{"name":"batches/b1"}'})
    with serve(upload, named, created) as peer, \
            opened(tool, provider="gemini", model="gem", base_url=peer.url(""), gemini_input_mode="file") as provider:
        path = gemini_requests(tmp_path)
        assert provider.do("upload", path=path)["got"] == "files/f1"
        got = provider.do("create", path=path, ref="files/f1")
    size = (tmp_path / "000001.jsonl").stat().st_size
    assert (got["rc"], got["got"]) == (0, "batches/b1")
    start, data, create = peer.requests
    assert line_of(start) == "POST /upload/v1beta/files HTTP/1.1"
    headers = headers_of(start)
    assert headers["x-goog-upload-protocol"] == "resumable"
    assert headers["x-goog-upload-command"] == "start"
    assert headers["x-goog-upload-header-content-length"] == str(size)
    assert headers["x-goog-upload-header-content-type"] == "application/jsonl"
    assert headers["x-goog-api-key"] == CANARY
    assert json.loads(start[1]) == {"file": {"display_name": "lamina-0123456789abcdef01234567"}}
    assert line_of(data) == "POST /upload/v1beta/files?upload_id=abcdefgh1&upload_protocol=resumable HTTP/1.1"
    headers = headers_of(data)
    assert headers["x-goog-upload-command"] == "upload, finalize"
    assert headers["x-goog-upload-offset"] == "0"
    assert "x-goog-api-key" not in headers  # an address that the provider gave gets no key
    assert data[1] == (tmp_path / "000001.jsonl").read_bytes()
    assert json.loads(create[1]) == {"batch": {"displayName": "lamina-0123456789abcdef01234567",
        "inputConfig": {"fileName": "files/f1"}}}


def test_gemini_upload_without_an_address(tool, tmp_path):
    with serve(answers({"body": b"{}"})) as peer, \
            opened(tool, provider="gemini", model="gem", base_url=peer.url(""), gemini_input_mode="file") as provider:
        got = provider.do("upload", path=gemini_requests(tmp_path))
    assert (got["rc"], got["fate"], got["class"]) == (-1, "later", "bad_answer")
    assert got["error"] == "the provider's answer has no header 'X-Goog-Upload-URL'"


def test_gemini_upload_does_not_leave_https(tool, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", tmp_path / "key", "-out", tmp_path / "crt", "-days", "2", "-subj", "/CN=127.0.0.1",
        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    (tmp_path / "both").write_bytes((tmp_path / "crt").read_bytes() + (tmp_path / "key").read_bytes())
    with serve(answers({})) as plain:
        address = answers({"headers": [f"X-Goog-Upload-URL: {plain.url('/up')}"]})
        with serve(address, certificate=tmp_path / "both") as peer, opened(tool, trust=tmp_path / "crt", provider="gemini",
                model="gem", base_url=peer.url(""), gemini_input_mode="file") as provider:
            got = provider.do("upload", path=gemini_requests(tmp_path))
        assert plain.count == 0
    assert (got["rc"], got["fate"]) == (-1, "later")
    assert got["error"] == "the provider's answer names a place for the upload that is not https"


@pytest.mark.parametrize("what, arguments, line", [
    ("poll", {"batch_id": "batches/b1"}, "GET /v1beta/batches/b1 HTTP/1.1"),
    ("cancel", {"batch_id": "batches/b1"}, "POST /v1beta/batches/b1:cancel HTTP/1.1"),
    ("forget", {"ref": "files/f1"}, "DELETE /v1beta/files/f1 HTTP/1.1"),
    ("fetch", {"ref": "files/f2"}, "GET /v1beta/files/f2:download?alt=media HTTP/1.1"),
    ("find", {"ref": ""}, "GET /v1beta/batches?pageSize=20 HTTP/1.1"),
])
def test_gemini_other_calls(tool, tmp_path, what, arguments, line):
    with serve(answers({"body": b'{"metadata":{"state":"BATCH_STATE_RUNNING"}}'})) as peer, \
            opened(tool, provider="gemini", model="gem", base_url=peer.url("")) as provider:
        assert provider.do(what, path=str(tmp_path / "answers"), **arguments)["rc"] == 0
    assert line_of(peer.requests[0]) == line


def test_gemini_too_large_for_inline(tool, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 20_000_001)
    with opened(tool, provider="gemini", model="gem", gemini_input_mode="inline") as provider:
        got = provider.do("upload", path=str(tmp_path / "big"))
    assert (got["rc"], got["fate"], got["code"], got["class"]) == (-1, "refused", "limit", "too_large")
    assert got["error"] == f"'{tmp_path}/big' is too large for inline requests (20000000 bytes)"


def test_gemini_damaged_request_file(tool, tmp_path):
    (tmp_path / "f").write_text('{"key":"0-a1-01234567","request":{}}\n{"no":1}\n')
    with opened(tool, provider="gemini", model="gem", base_url="http://127.0.0.1:9") as provider:
        got = provider.do("create", path=str(tmp_path / "f"), ref="")
    assert (got["rc"], got["fate"], got["error"]) == (-1, "refused", f"line 2 of '{tmp_path}/f' is no request")
