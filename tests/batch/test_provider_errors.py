"""What becomes of a call: done, refused, later, pause or unknown; and what a person is told."""

import json
import socket

import pytest

from peer import answers, serve
from provider import CANARY, opened

RATE = {"error": {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}}
QUOTA = {"error": {"message": "You exceeded your current quota, please check your plan and billing details.",
    "type": "insufficient_quota", "code": "insufficient_quota"}}
ENQUEUED = {"error": {"message": "Enqueued token limit reached for m in organization org-abcdefghijkl12345678. Limit: 9,000 enqueued tokens.",
    "type": "invalid_request_error", "code": "token_limit_exceeded"}}
BAD = {"error": {"message": "Invalid model 'm'.", "type": "invalid_request_error", "param": "model", "code": None}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
CREDIT = {"type": "error", "error": {"type": "invalid_request_error",
    "message": "Your credit balance is too low to access the Anthropic API."}}
GEMINI_RATE = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED",
    "message": "You exceeded your current quota, please check your plan and billing details.",
    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}]}}
GEMINI_CREDIT = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Your prepayment credits are depleted."}}
GEMINI_KEY = [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]

# provider, status, body, headers -> for poll and for create: fate, class, retry after
ROWS = [
    ("openai", 429, RATE, [], ("later", "control_plane_transient"), ("later", "control_plane_transient"), 0),
    ("openai", 429, RATE, ["Retry-After: 7"], ("later", "control_plane_transient"), ("later", "control_plane_transient"), 7000),
    ("openai", 429, QUOTA, [], ("pause", "openai_insufficient_quota"), ("pause", "openai_insufficient_quota"), 0),
    ("openai", 403, QUOTA, [], ("pause", "openai_insufficient_quota"), ("pause", "openai_insufficient_quota"), 0),
    ("openai", 429, {"error": {"message": "Monthly spend limit reached"}}, [],
        ("pause", "openai_insufficient_quota"), ("pause", "openai_insufficient_quota"), 0),
    ("openai", 400, ENQUEUED, [], ("later", "enqueue_token_limit"), ("later", "enqueue_token_limit"), 0),
    ("openai", 429, ENQUEUED, [], ("later", "enqueue_token_limit"), ("later", "enqueue_token_limit"), 0),
    ("openai", 400, BAD, [], ("refused", "invalid_request"), ("refused", "invalid_request"), 0),
    ("openai", 401, {"error": {"message": "No key"}}, [], ("refused", "unauthorized"), ("refused", "unauthorized"), 0),
    ("openai", 403, {"error": {"message": "No"}}, [], ("refused", "forbidden"), ("refused", "forbidden"), 0),
    ("openai", 404, None, [], ("refused", "not_found"), ("refused", "not_found"), 0),
    ("openai", 413, None, [], ("refused", "too_large"), ("refused", "too_large"), 0),
    ("openai", 418, None, [], ("refused", "batch_error"), ("refused", "batch_error"), 0),
    ("openai", 301, None, ["Location: http://elsewhere.invalid/"], ("refused", "batch_error"), ("refused", "batch_error"), 0),
    ("openai", 408, None, [], ("later", "control_plane_transient"), ("unknown", "control_plane_transient"), 0),
    ("openai", 409, None, [], ("refused", "batch_error"), ("unknown", "control_plane_transient"), 0),
    ("openai", 500, None, [], ("later", "control_plane_transient"), ("unknown", "control_plane_transient"), 0),
    ("openai", 502, "<html>bad gateway</html>", [], ("later", "control_plane_transient"), ("unknown", "control_plane_transient"), 0),
    ("openai", 503, QUOTA, ["Retry-After: 3"], ("pause", "openai_insufficient_quota"), ("unknown", "control_plane_transient"), 3000),
    ("anthropic", 529, OVERLOADED, [], ("later", "control_plane_transient"), ("unknown", "control_plane_transient"), 0),
    ("anthropic", 400, CREDIT, [], ("pause", "insufficient_quota"), ("pause", "insufficient_quota"), 0),
    ("anthropic", 429, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}, [],
        ("later", "control_plane_transient"), ("later", "control_plane_transient"), 0),
    ("gemini", 429, GEMINI_RATE, [], ("later", "control_plane_transient"), ("later", "control_plane_transient"), 37000),
    ("gemini", 429, GEMINI_CREDIT, [], ("pause", "insufficient_quota"), ("pause", "insufficient_quota"), 0),
    ("gemini", 400, GEMINI_KEY, [], ("refused", "invalid_request"), ("refused", "invalid_request"), 0),
]


def body_of(body):
    return body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()


@pytest.mark.parametrize("kind, status, body, headers, poll, create, after", ROWS)
def test_fate(tool, tmp_path, kind, status, body, headers, poll, create, after):
    (tmp_path / "f").write_text('{"key":"0-a1-01234567","request":{}}\n')
    answer = {"status": f"{status} Words", "body": body_of(body), "headers": [*headers, "Connection: close"]}
    with serve(answers(answer)) as peer, opened(tool, provider=kind, model="m", base_url=peer.url("")) as provider:
        polled = provider.do("poll", batch_id="batches/b1")
        created = provider.do("create", path=str(tmp_path / "f"), ref="")
        assert peer.count == 2  # nothing was tried again
    assert polled["rc"] == created["rc"] == -1
    assert (polled["fate"], polled["class"], polled["retry_after_ms"]) == (*poll, after)
    assert (created["fate"], created["class"], created["retry_after_ms"]) == (*create, after)


@pytest.mark.parametrize("kind, status, body, text", [
    ("openai", 400, BAD, "the provider answered 400: Invalid model 'm'. (invalid_request_error)"),
    ("openai", 429, RATE, "the provider answered 429: Rate limit reached for requests (rate_limit_exceeded)"),
    ("openai", 404, None, "the provider answered 404"),
    ("openai", 500, "<html>", "the provider answered 500"),
    ("openai", 400, {"error": "just words"}, "the provider answered 400: just words"),
    ("openai", 400, {"error": {"message": "a\x1b[31mb\nc"}}, "the provider answered 400: a\\x1b[31mb c"),
    ("openai", 400, {"message": "flat"}, "the provider answered 400: flat"),
    ("openai", 401, {"error": {"message": f"Incorrect API key provided: {CANARY}. Look it up.", "code": "invalid_api_key"}},
        "the provider answered 401: Incorrect API key provided: REDACTED. Look it up. (invalid_api_key)"),
    ("openai", 401, {"error": {"message": "Incorrect API key provided: sk-proj-********9zZ4. Look it up."}},
        "the provider answered 401: Incorrect API key provided: REDACTED. Look it up."),
    ("openai", 400, ENQUEUED, "the provider answered 400: Enqueued token limit reached for m in organization REDACTED. "
        "Limit: 9,000 enqueued tokens. (token_limit_exceeded)"),
    ("anthropic", 529, OVERLOADED, "the provider answered 529: Overloaded (overloaded_error)"),
    ("gemini", 400, GEMINI_KEY, "the provider answered 400: API key not valid. (INVALID_ARGUMENT)"),
])
def test_words(tool, kind, status, body, text):
    with serve(answers({"status": f"{status} X", "body": body_of(body)})) as peer, \
            opened(tool, provider=kind, model="m", base_url=peer.url("")) as provider:
        got = provider.do("poll", batch_id="batches/b1")
    assert got["error"] == text


def test_long_words_are_cut_at_a_character(tool):
    message = "x" + "é" * 1000
    with serve(answers({"status": "400 X", "body": json.dumps({"error": {"message": message}}, ensure_ascii=False).encode()})) as peer, \
            opened(tool, provider="openai", model="m", base_url=peer.url("")) as provider:
        got = provider.do("poll", batch_id="b")
    assert got["error"] == "the provider answered 400: x" + "é" * 255


# ---- no answer

def dead(connection, peer):
    peer.requests.append(connection.read_request())
    connection.reset()


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
def test_cut_connections(tool, tmp_path, kind):
    """Only a creation can be unknown."""
    (tmp_path / "f").write_text('{"key":"0-a1-01234567","request":{}}\n')
    path = str(tmp_path / "f")
    with serve(dead) as peer, opened(tool, provider=kind, model="m", base_url=peer.url(""), gemini_input_mode="file") as provider:
        fates = {what: provider.do(what, path=path, ref="files/f", batch_id="batches/b")["fate"]
            for what in ("upload", "find", "poll", "cancel", "create")}
        fetched = provider.do("fetch", path=str(tmp_path / "answer"), ref="batches/b")["fate"]
        sent = len(peer.requests)
    assert fates == {"upload": "done" if kind == "anthropic" else "later", "find": "later", "poll": "later", "cancel": "later",
        "create": "unknown"}
    assert fetched == "later"
    assert sent == (5 if kind == "anthropic" else 6)


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
def test_refused_connection_is_later_even_for_a_creation(tool, tmp_path, kind):
    (tmp_path / "f").write_text('{"key":"0-a1-01234567","request":{}}\n')
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with opened(tool, provider=kind, model="m", base_url=f"http://127.0.0.1:{unused.getsockname()[1]}") as provider:
            got = provider.do("create", path=str(tmp_path / "f"), ref="")
    assert (got["fate"], got["class"]) == ("later", "control_plane_transient")


def test_timeout(tool):
    def silent(connection, peer):
        connection.read_request()
        peer.over.wait()

    with serve(silent) as peer, \
            opened(tool, provider="openai", model="m", base_url=peer.url(""), request_timeout_ms=50) as provider:
        created = provider.do("create", path="-", ref="file-1")
        polled = provider.do("poll", batch_id="b")
    assert (created["fate"], polled["fate"]) == ("unknown", "later")
    assert created["error"] == f"POST '{peer.url('/v1/batches')}': nothing moved for 50 ms"


def test_missing_request_file(tool, tmp_path):
    for kind, what in ("openai", "upload"), ("anthropic", "create"), ("gemini", "create"), ("echo", "create"):
        with opened(tool, provider=kind, model="m", base_url="http://127.0.0.1:9") as provider:
            got = provider.do(what, path=str(tmp_path / "no"), ref="")
        assert (got["rc"], got["fate"], got["code"]) == (-1, "refused", "not-found"), kind


# ---- answers that make no sense

@pytest.mark.parametrize("kind, what, body, text", [
    ("openai", "create", b"", "is not JSON"), ("openai", "create", b"<html>", "is not JSON"), ("openai", "create", b"[]", "is no JSON object"),
    ("openai", "create", b"{}", "has no usable 'id'"), ("openai", "create", b'{"id":"../x"}', "has no usable 'id'"),
    ("openai", "create", b'{"id":"a b"}', "has no usable 'id'"), ("openai", "create", b'{"id":7}', "has no usable 'id'"),
    ("openai", "create", json.dumps({"id": "x" * 256}).encode(), "has no usable 'id'"),
    ("anthropic", "create", b'{"id":""}', "has no usable 'id'"),
    ("gemini", "create", b'{"name":"files/x"}', "has no usable 'name'"),
    ("gemini", "create", b'{"name":"batches/x?key=1"}', "has no usable 'name'"),
])
def test_nonsense_of_a_creation_is_unknown(tool, tmp_path, kind, what, body, text):
    (tmp_path / "f").write_text('{"key":"0-a1-01234567","request":{}}\n')
    with serve(answers({"body": body})) as peer, opened(tool, provider=kind, model="m", base_url=peer.url("")) as provider:
        got = provider.do(what, path=str(tmp_path / "f"), ref="")
    assert (got["rc"], got["fate"], got["class"], got["error"]) == (-1, "unknown", "bad_answer", f"the provider's answer {text}")


@pytest.mark.parametrize("kind, what, body, text", [
    ("openai", "poll", b"{}", "has no 'status'"), ("openai", "poll", b"x", "is not JSON"),
    ("openai", "poll", b'{"status":"completed","output_file_id":"a/../b"}', "names a file that cannot be asked for"),
    ("openai", "upload", b'{"id":"/x"}', "has no usable 'id'"), ("openai", "find", b"{}", "has no list 'data'"),
    ("anthropic", "poll", b"{}", "has no 'processing_status'"), ("anthropic", "find", b"{}", "has no list 'data'"),
    ("gemini", "poll", b'{"done":false}', "has no 'state'"), ("gemini", "poll", b"[1", "is no JSON object"),
    ("gemini", "poll", b'{"metadata":{"state":"BATCH_STATE_SUCCEEDED"},"response":{"responsesFile":"http://evil/x"}}',
        "names a file that cannot be asked for"),
])
def test_nonsense_of_other_calls_is_later(tool, tmp_path, kind, what, body, text):
    (tmp_path / "f").write_text("{}\n")
    with serve(answers({"body": body})) as peer, opened(tool, provider=kind, model="m", base_url=peer.url("")) as provider:
        got = provider.do(what, path=str(tmp_path / "f"), ref="", batch_id="batches/b")
    assert (got["rc"], got["fate"], got["class"], got["error"]) == (-1, "later", "bad_answer", f"the provider's answer {text}")
