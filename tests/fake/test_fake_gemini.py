"""Batches and files as Gemini's developer API has them."""

import json

import pytest

MODEL = "/v1beta/models/gemini-flash:batchGenerateContent"


def request(text="x", key=None, **config):
    row = {"request": {"contents": [{"role": "user", "parts": [{"text": text}]}]}}
    if config:
        row["request"]["generationConfig"] = config
    if key:
        row["metadata"] = {"key": key}
    return row


def create(provider, source, name="d", path=MODEL):
    config = {"fileName": source} if isinstance(source, str) else {"requests": {"requests": source}}
    return provider.gemini("POST", path, {"batch": {"inputConfig": config, "displayName": name}})


def get(provider, name):
    return provider.gemini("GET", f"/v1beta/{name}").json()


def upload(provider, data, pieces=1):
    start = provider.gemini("POST", "/upload/v1beta/files", {"file": {"displayName": "in"}}, {
        "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(len(data)), "X-Goog-Upload-Header-Content-Type": "application/jsonl"})
    assert start.status == 200 and start.headers["x-goog-upload-status"] == "active"
    url = start.headers["x-goog-upload-url"]
    path, size = url.removeprefix(provider.url), -(-len(data) // pieces)
    for n in range(pieces):
        last = n == pieces - 1
        answer = provider.call("POST", path, data[n * size:(n + 1) * size], {
            "X-Goog-Upload-Offset": str(n * size), "X-Goog-Upload-Command": "upload, finalize" if last else "upload"})
        assert answer.headers["x-goog-upload-status"] == ("final" if last else "active"), answer
    return answer.json()["file"]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def refused(answer, status, name, message):
    assert answer.status == status, answer
    assert json.loads(answer.body) == {"error": {"code": status, "message": message, "status": name}}


def test_inline(provider):
    operation = create(provider, [request("eins", "k1"), request("zwei")]).json()
    assert set(operation) == {"name", "metadata"} and operation["name"].startswith("batches/")
    metadata = operation["metadata"]
    assert metadata["state"] == "BATCH_STATE_PENDING" and metadata["displayName"] == "d" and metadata["model"] == "models/gemini-flash"
    assert metadata["batchStats"] == {"requestCount": "2", "pendingRequestCount": "2"}
    operation = get(provider, operation["name"])
    assert operation["done"] is True and operation["metadata"]["state"] == "BATCH_STATE_SUCCEEDED"
    assert operation["metadata"]["batchStats"]["successfulRequestCount"] == "2"
    first, second = operation["response"]["inlinedResponses"]["inlinedResponses"]
    assert operation["metadata"]["output"]["inlinedResponses"]["inlinedResponses"] == [first, second]
    assert set(first) == {"response", "metadata"} and first["metadata"] == {"key": "k1"} and set(second) == {"response"}
    assert first["response"]["candidates"] == [{"content": {"parts": [{"text": "eins"}], "role": "model"}, "finishReason": "STOP", "index": 0}]
    assert set(first["response"]["usageMetadata"]) == {"promptTokenCount", "candidatesTokenCount", "totalTokenCount"}
    assert first["response"]["modelVersion"] == "gemini-flash"


def test_metadata_in_many_lines(provider):
    body = '{"batch":{"inputConfig":{"requests":{"requests":[{"request":{"contents":[]},\n"metadata":{\n "key": "k",\r\n "more": [1,\n2]}}]}}}}'
    operation = provider.gemini("POST", MODEL, body).json()
    [row] = get(provider, operation["name"])["response"]["inlinedResponses"]["inlinedResponses"]
    assert row["metadata"] == {"key": "k", "more": [1, 2]}


@pytest.mark.parametrize("pieces", [1, 3])
def test_files(provider, pieces):
    data = lines([{"key": f"k{n}", **request(f"text {n}")} for n in range(50)])
    file = upload(provider, data, pieces)
    assert file["sizeBytes"] == str(len(data)) and file["displayName"] == "in" and file["mimeType"] == "application/jsonl"
    assert file["state"] == "ACTIVE" and file["uri"] == f"{provider.url}/v1beta/{file['name']}"
    assert provider.gemini("GET", f"/v1beta/{file['name']}").json() == file
    operation = get(provider, create(provider, file["name"]).json()["name"])
    out = operation["response"]["responsesFile"]
    for path in (f"/v1beta/{out}:download?alt=media", f"/download/v1beta/{out}:download?alt=media"):
        rows = provider.gemini("GET", path).lines()
        assert [(row["key"], row["response"]["candidates"][0]["content"]["parts"][0]["text"]) for row in rows] == [
            (f"k{n}", f"text {n}") for n in range(50)]
    assert [f["name"] for f in provider.gemini("GET", "/v1beta/files").json()["files"]] == [out, file["name"]]
    assert provider.gemini("DELETE", f"/v1beta/{file['name']}").json() == {}
    assert provider.gemini("GET", f"/v1beta/{file['name']}").status == 403


def test_the_other_version_of_the_api(provider):
    operation = create(provider, [request("x")], path=MODEL.replace("v1beta", "v1")).json()
    assert provider.gemini("GET", f"/v1/{operation['name']}").json()["done"] is True
    assert provider.call("GET", "/v1/batches").json()["object"] == "list"  # OpenAI's, without Gemini's key


def test_an_upload_goes_on_after_a_reset(provider):
    data = lines([{"key": "k", **request("x" * 300_000)}])
    provider.faults({"on": "gemini.upload.data", "nth": 1, "do": "reset_upload", "bytes": 100_000})
    start = provider.gemini("POST", "/upload/v1beta/files", "", {
        "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start", "X-Goog-Upload-Header-Content-Length": str(len(data))})
    path = start.headers["x-goog-upload-url"].removeprefix(provider.url)
    with pytest.raises(ConnectionError):
        provider.call("POST", path, data, {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"})
    provider.faults()
    query = {"X-Goog-Upload-Command": "query"}
    received = int(provider.call("POST", path, "", query).headers["x-goog-upload-size-received"])
    while received == 0:  # the server may still be at it
        received = int(provider.call("POST", path, "", query).headers["x-goog-upload-size-received"])
    assert received == 100_000
    wrong = provider.call("POST", path, data, {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"})
    assert wrong.status == 400 and wrong.headers["x-goog-upload-size-received"] == "100000"
    rest = provider.call("POST", path, data[received:], {"X-Goog-Upload-Offset": str(received), "X-Goog-Upload-Command": "upload, finalize"})
    assert rest.json()["file"]["sizeBytes"] == str(len(data))
    assert provider.gemini("GET", f"/v1beta/{rest.json()['file']['name']}:download?alt=media").body == data


def test_refused(provider):
    refused(create(provider, []), 400, "INVALID_ARGUMENT", "The batch has no requests.")
    refused(create(provider, "files/none"), 404, "NOT_FOUND", "There is no file 'files/none'.")
    refused(create(provider, [{"metadata": {"key": "k"}}]), 400, "INVALID_ARGUMENT", "The request of 'k' is missing or no JSON object.")
    refused(provider.gemini("GET", "/v1beta/batches/none"), 404, "NOT_FOUND", "There is no batch 'none'.")
    refused(provider.call("GET", "/v1beta/batches"), 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
    refused(provider.gemini("POST", "/upload/v1beta/files", ""), 400, "INVALID_ARGUMENT",
            "Only resumable uploads are known, which begin with the command 'start'.")
    refused(provider.gemini("POST", "/upload/v1beta/files/7", "x", {"X-Goog-Upload-Command": "upload"}), 404, "NOT_FOUND",
            "There is no upload '7'.")


def test_refused_uploads(provider):
    start = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    refused(provider.gemini("POST", "/upload/v1beta/files", "", {**start, "X-Goog-Upload-Header-Content-Length": "2000000001"}), 400,
            "INVALID_ARGUMENT", "The file is larger than 2000000000 bytes.")
    refused(provider.gemini("POST", "/upload/v1beta/files", "{", start), 400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
    begun = provider.gemini("POST", "/upload/v1beta/files", "", {**start, "X-Goog-Upload-Header-Content-Length": "5"})
    path = begun.headers["x-goog-upload-url"].removeprefix(provider.url)
    refused(provider.call("POST", path, b"four", {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}), 400,
            "INVALID_ARGUMENT", "5 bytes were announced, and 4 came.")
    known = "The upload is final, or the command is none that is known."
    refused(provider.call("POST", path, b"", {"X-Goog-Upload-Command": "rewind"}), 400, "INVALID_ARGUMENT", known)
    last = {"X-Goog-Upload-Offset": "4", "X-Goog-Upload-Command": "upload, finalize"}
    assert provider.call("POST", path, b"5", last).status == 200
    refused(provider.call("POST", path, b"", last), 400, "INVALID_ARGUMENT", known)


def test_a_bad_line_fails_the_batch(provider):
    file = upload(provider, b'{"key":"a","request":{}}\n{\n')
    operation = get(provider, create(provider, file["name"]).json()["name"])
    assert operation["metadata"]["state"] == "BATCH_STATE_FAILED" and "response" not in operation
    assert operation["error"]["code"] == 400 and operation["error"]["message"].startswith("This line is not parseable")


@pytest.mark.parametrize("do, state", [("expire", "EXPIRED"), ("cancel", "CANCELLED"), ("fail", "FAILED")])
def test_batches_that_do_not_go_well(provider, do, state):
    provider.faults({"on": "batch", "do": do, "finished": 0.5, "message": "why"})
    operation = get(provider, create(provider, [request("a", "k1"), request("b", "k2")]).json()["name"])
    assert operation["metadata"]["state"] == f"BATCH_STATE_{state}" and operation["done"] is True
    if do == "fail":
        assert operation["error"]["message"] == "why" and "response" not in operation
        return
    rows = operation["response"]["inlinedResponses"]["inlinedResponses"]
    assert [("error" in row, row["metadata"]["key"]) for row in rows] == [(True, "k1"), (False, "k2")]


def test_rows(provider):
    provider.faults({"on": "row", "nth": 1, "do": "error", "status": 503}, {"on": "row", "nth": 2, "do": "wrong_id"},
                    {"on": "row", "nth": 3, "do": "missing"})
    operation = get(provider, create(provider, [request("a", f"k{n}") for n in range(4)]).json()["name"])
    rows = operation["response"]["inlinedResponses"]["inlinedResponses"]
    assert rows[0]["error"]["code"] == 503 and rows[0]["metadata"] == {"key": "k0"}
    assert [row["metadata"]["key"] for row in rows] == ["k0", "not-k1", "k3"]


def test_how_answers_end(provider):
    provider.faults({"on": "row", "nth": 1, "do": "incomplete"}, {"on": "row", "nth": 2, "do": "refusal"})
    operation = create(provider, [request("0123456789", name) for name in "abc"]).json()
    rows = get(provider, operation["name"])["response"]["inlinedResponses"]["inlinedResponses"]
    ends = [row["response"]["candidates"][0] for row in rows]
    assert [end["finishReason"] for end in ends] == ["MAX_TOKENS", "SAFETY", "STOP"]
    assert [end["content"]["parts"][0]["text"] for end in ends[::2]] == ["01234", "0123456789"]


def test_cancel_delete_and_lists(provider):
    names = [create(provider, [request("a")], name=f"d{n}").json()["name"] for n in range(3)]
    page = provider.gemini("GET", "/v1beta/batches?pageSize=2").json()
    assert [o["name"] for o in page["operations"]] == [names[2], names[1]] and page["operations"][0]["metadata"]["displayName"] == "d2"
    page = provider.gemini("GET", f"/v1beta/batches?pageSize=2&pageToken={page['nextPageToken']}").json()
    assert [o["name"] for o in page["operations"]] == [names[0]] and "nextPageToken" not in page
    assert provider.gemini("POST", f"/v1beta/{names[0]}:cancel").json() == {}
    assert get(provider, names[0])["metadata"]["state"] == "BATCH_STATE_CANCELLED"
    assert provider.gemini("DELETE", f"/v1beta/{names[0]}").json() == {}
    assert provider.gemini("GET", f"/v1beta/{names[0]}").status == 404
