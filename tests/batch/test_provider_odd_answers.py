"""Answers that providers give rarely: other states, other places, parts that are missing, and one that is no JSON among good ones."""

import json

import pytest

from peer import answers, serve
from provider import INTENT, opened

MINE, OTHER = INTENT["intent_id"][:8], "f" * 8


def asked(tool, kind, bodies, what, folder, **more):
    """What the tool says of a call whose requests get these bodies in turn, and the first lines of the requests."""
    heard = []

    def note(body):
        status = "200 OK"
        if isinstance(body, tuple):
            status, body = body
        return {"body": body if isinstance(body, bytes) else json.dumps(body).encode(), "status": status, "headers": ["Connection: close"]}

    scripts = [answers(note(body)) for body in bodies]
    with serve(*scripts) as peer, opened(tool, provider=kind, model="m", base_url=peer.url("")) as provider:
        got = provider.do(what, path=str(folder / "to"), **{"ref": "", "batch_id": "batches/b", **more})
        heard = [head.split("\r\n")[0].split()[1] for head, _ in peer.requests]
        lines = (folder / "to").read_text("utf-8", "replace").splitlines() if (folder / "to").exists() else []
        got["read"] = [provider.read(line) for line in lines]
    return got, heard


# ---- looks at a batch

@pytest.mark.parametrize("row, kind, batch, want", [
    ("a later word", "openai", {"status": "resting"}, (False, "in_progress", "", "", "")),
    ("no output", "openai", {"status": "completed", "output_file_id": "", "error_file_id": None}, (True, "completed", "", "", "")),
    ("a later word", "anthropic", {"processing_status": "resting"}, (False, "in_progress", "", "", "")),
    ("canceling", "anthropic", {"processing_status": "canceling"}, (False, "cancelling", "", "", "")),
    ("a later word", "gemini", {"metadata": {"state": "BATCH_STATE_RESTING"}}, (False, "in_progress", "", "", "")),
    ("without operation", "gemini", {"state": "JOB_STATE_RUNNING"}, (False, "in_progress", "", "", "")),
    ("no output", "gemini", {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": {}}}, (True, "completed", "", "", "")),
    ("another place", "gemini", {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "dest": {"fileName": "files/x"}}},
        (True, "completed", "files/x", "", "")),
    ("no list", "gemini", {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": {"inlinedResponses": {"inlinedResponses": 7}}}},
        (True, "completed", "", "", "")),
    ("a plain list", "gemini", {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": {"inlinedResponses": []}}},
        (True, "completed", "batches/b", "", "")),
    ("its words", "gemini", {"metadata": {"state": "BATCH_STATE_FAILED"}, "error": {"message": "no luck", "status": "INTERNAL"}},
        (True, "failed", "", "batch_terminal_failed", "no luck")),
    ("without words", "gemini", {"metadata": {"state": "BATCH_STATE_FAILED"}}, (True, "failed", "", "batch_terminal_failed", "failed")),
    ("a full queue", "gemini", {"metadata": {"state": "BATCH_STATE_FAILED"}, "error": {"message": "enqueued tokens"}},
        (True, "failed", "", "enqueue_token_limit", "enqueued tokens")),
])
def test_states(tool, tmp_path, row, kind, batch, want):
    got, _ = asked(tool, kind, [batch], "poll", tmp_path)
    assert got["rc"] == 0, got
    assert (got["ended"], got["status"], got["output_ref"], got["batch_class"], got["batch_words"]) == want, row


# ---- look-ups

def anthropic(id, status="ended", count=2, created="2027-01-15T08:00:00Z"):
    return {"id": id, "processing_status": status, "created_at": created, "request_counts": {"succeeded": count}}


def result(intent):
    return json.dumps({"custom_id": f"0-a1-{intent}", "result": {}}).encode() + b"\n"


LATER = {"id": "b9", "metadata": {"intent_id": INTENT["intent_id"]}, "status": "completed", "created_at": INTENT["created_at_s"]}


@pytest.mark.parametrize("row, kind, bodies, found, batch_id, requests", [
    ("results that are gone", "anthropic", [{"data": [anthropic("a"), anthropic("b")]}, ("404 Not Found", b"{}"), result(MINE)],
        "one", "b", 3),
    ("long results", "anthropic", [{"data": [anthropic("a")]}, result(MINE) + b"x" * 300_000], "one", "a", 2),
    ("results of another", "anthropic", [{"data": [anthropic("a")]}, result(OTHER)], "none", "", 2),
    ("results without ids", "anthropic", [{"data": [anthropic("a")]}, b"{}"], "none", "", 2),
    ("no results", "anthropic", [{"data": [anthropic("a")]}, b""], "none", "", 2),
    ("older ones", "anthropic", [{"data": [anthropic("a", created="2027-01-15T07:40:00Z"), anthropic("b")], "has_more": True}], "none", "", 1),
    ("an odd id", "anthropic", [{"data": [anthropic("../a"), {"id": "?"}], "has_more": True}], "none", "", 1),
    ("an empty page", "anthropic", [{"data": [], "has_more": True}], "none", "", 1),
    ("an empty page", "openai", [{"data": [], "has_more": True}], "none", "", 1),
    ("an odd id", "openai", [{"data": [{**LATER, "id": "a b"}], "has_more": True}], "none", "", 1),
    ("dead and alive", "openai", [{"data": [{**LATER, "id": "b1", "status": "failed"}, LATER, {**LATER, "id": "b0", "status": "expired"}]}],
        "one", "b9", 1),
    ("dead ones", "openai", [{"data": [{**LATER, "id": "b1", "status": "failed"}, {**LATER, "id": "b0", "status": "expired"}]}], "one", "b0", 1),
    ("another list", "gemini", [{"batches": [{"name": "batches/x", "displayName": f"lamina-{INTENT['intent_id']}"}]}], "one", "batches/x", 1),
    ("no names", "gemini", [{"operations": [{"name": "batches/x"}, {"metadata": {"displayName": f"lamina-{INTENT['intent_id']}"}}]}], "none", "", 1),
])
def test_look_ups(tool, tmp_path, row, kind, bodies, found, batch_id, requests):
    got, heard = asked(tool, kind, bodies, "find", tmp_path)
    assert (got["rc"], got["found"], got["got"]) == (0, found, batch_id), (row, got)
    assert len(heard) == requests, heard


def test_the_token_of_a_page_is_escaped(tool, tmp_path):
    _, heard = asked(tool, "gemini", [{"operations": [], "nextPageToken": "a+/=é_-.9"}, {}], "find", tmp_path)
    assert heard == ["/v1beta/batches?pageSize=20", "/v1beta/batches?pageSize=20&pageToken=a%2B%2F%3D%C3%A9_-.9"]


# ---- inline answers of Gemini

def element(key, text):
    return json.dumps({"response": {"candidates": [{"content": {"parts": [{"text": text}]}}]}, "metadata": {"key": key}}).encode()


def document(*elements, tail=b"", state=b"SUCCEEDED"):
    """As it comes: the list twice."""
    output = b'"inlinedResponses": {\n"inlinedResponses" : [ ' + b",\n ".join(elements) + b" ]}"
    return b'{"name":"batches/b","metadata":{"state":"BATCH_STATE_' + state + b'","output":{' + output + \
        b'}},"done":true,"response":{' + output + b"}}\n" + tail


ONE, TWO, THREE = (element(f"{n}-a1-{MINE}", f"text {n}") for n in range(3))
TORN = {
    "a lone surrogate": (TWO.replace(b"text 1", b"\\ud800"), "invalid_json"),
    "bytes that are no text": (TWO.replace(b"text 1", b"\xff"), "invalid_json"),
    "a key twice": (TWO.replace(b'{"response"', b'{"key":1,"key":2,"response"'), None),
    "no number": (TWO.replace(b'"text 1"', b"NaN"), "invalid_json"),
    "no colon": (TWO.replace(b'"content":', b'"content"'), "invalid_json"),
    "cut at its end": (TWO[:-1], "invalid_json"),
    "cut in the text": (TWO[:50], None),  # before its key: only who reads the others can tell which it was
    "the like of an element in it": (TWO.replace(b'{"text"', b'{"x":[1,{"error":2},{"key":3}],"text"'), ""),
}


@pytest.mark.parametrize("row", TORN)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_torn_answer_among_good_ones(tool, tmp_path, row, at):
    torn, want = TORN[row]
    # a second one makes the whole document one that is torn, when the first is good after all
    elements = [ONE, THREE, TORN["no number"][0].replace(b"1-a1", b"3-a1")]
    elements.insert(at, torn)
    body = document(*elements)
    got, _ = asked(tool, "gemini", [body], "poll", tmp_path)
    assert (got["rc"], got["ended"], got["status"], got["output_ref"]) == (0, True, "completed", "batches/b")
    got, _ = asked(tool, "gemini", [body], "fetch", tmp_path, ref="batches/b")
    assert got["rc"] == 0, got
    read = {line["custom_id"]: (line["ok"], line["text"] if line["ok"] else line["class"]) for line in got["read"] if line["rc"] == 0}
    expected = {f"0-a1-{MINE}": (True, "text 0"), f"2-a1-{MINE}": (True, "text 2"), f"3-a1-{MINE}": (False, "invalid_json")}
    if want is not None:
        expected[f"1-a1-{MINE}"] = (True, "text 1") if want == "" else (False, want)
    assert read == expected
    assert len(got["read"]) == 4


def test_what_is_said_of_a_torn_answer(tool, tmp_path):
    got, _ = asked(tool, "gemini", [document(ONE, TORN["no number"][0])], "fetch", tmp_path, ref="batches/b")
    assert [line.get("words") for line in got["read"]] == ["", "column 62: 'NaN' is not JSON"]


@pytest.mark.parametrize("row, body, text", [
    ("cut", document(ONE, TWO)[:-30], "is no JSON object"),  # it may be whole the next time
    ("no list", b'{"state":"BATCH_STATE_SUCCEEDED",}', "is no JSON object"),
    ("gone", {"metadata": {"state": "BATCH_STATE_SUCCEEDED"}}, "has no answers any more"),
    ("a file", {"response": {"responsesFile": "files/x"}}, "has no answers any more"),
])
def test_answers_that_are_not_there(tool, tmp_path, row, body, text):
    got, _ = asked(tool, "gemini", [body], "fetch", tmp_path, ref="batches/b")
    assert (got["rc"], got["fate"], got["class"], got["error"]) == (-1, "later", "bad_answer", f"the provider's answer {text}"), row


def test_a_torn_batch_that_goes_on(tool, tmp_path):
    got, _ = asked(tool, "gemini", [document(ONE, b"{", state=b"RUNNING")], "poll", tmp_path)
    assert (got["rc"], got["ended"], got["status"], got["output_ref"]) == (0, False, "in_progress", "")


def test_no_answers_at_all(tool, tmp_path):
    got, _ = asked(tool, "gemini", [document().replace(b'"done":true', b'"done":')], "fetch", tmp_path, ref="batches/b")
    assert (got["rc"], got["bytes"], got["read"]) == (0, 0, [])


@pytest.mark.parametrize("kind, ref, body", [("gemini", "batches/b", document(ONE)), ("openai", "f", b"x"), ("anthropic", "f", b"x")])
def test_a_folder_that_is_not_there(tool, tmp_path, kind, ref, body):
    got, _ = asked(tool, kind, [body], "fetch", tmp_path / "no", ref=ref)
    assert (got["rc"], got["fate"], got["class"], got["code"]) == (-1, "refused" if kind != "gemini" else "later", "local_error", "not-found")


# ---- echo

@pytest.mark.parametrize("line, text", [
    ("{", "000001.jsonl: column 2: "), ("{}", "000001.jsonl: a line is no request"), ('{"custom_id":"a"}', "000001.jsonl: a line is no request"),
])
def test_echo_of_what_is_no_request(tool, tmp_path, line, text):
    for name in "requests", "answers":
        (tmp_path / name).mkdir()
    (tmp_path / "requests" / "000001.jsonl").write_text(line + "\n")
    with opened(tool, provider="echo") as provider:
        got = provider.do("fetch", ref=f"echo-000001-1-{INTENT['intent_id']}", path=str(tmp_path / "answers" / "a"))
        assert (got["rc"], got["fate"], got["class"]) == (-1, "later", "local_error") and text in got["error"], got
        for what in "fetch", "poll":
            got = provider.do(what, ref="other", batch_id="other", path=str(tmp_path / "answers" / "a"))
            assert (got["rc"], got["fate"], got["error"]) == (-1, "refused", "there is no batch 'other'")
        assert provider.do("cancel", batch_id="other")["rc"] == 0


def test_echo_of_a_schema_without_instance(tool, tmp_path):
    """The row is an error that says why."""
    for name in "requests", "answers":
        (tmp_path / name).mkdir()
    schema = {"type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 4}},
        "required": ["n"], "additionalProperties": False}
    body = {"model": "m", "input": "p", "text": {"format": {"type": "json_schema", "name": "s", "schema": schema}}}
    lines = [json.dumps({"custom_id": f"{n}-a1-{MINE}", "body": body}) + "\n" for n in range(2)]
    (tmp_path / "requests" / "000001.jsonl").write_text("".join(lines))
    with opened(tool, provider="echo") as provider:
        to = tmp_path / "answers" / "a"
        assert provider.do("fetch", ref=f"echo-000001-2-{INTENT['intent_id']}", path=str(to))["rc"] == 0
        read = [provider.read(line) for line in to.read_text().splitlines()]
    assert [(line["ok"], line["class"], line["words"]) for line in read] == [
        (False, "provider_item_error", "no number is made for these bounds (unsupported_schema)")] * 2
