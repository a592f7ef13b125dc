"""Answer lines: every shape of text, and what is a failure."""

import json

import pytest

from provider import opened

ID = "7-a2-01234567"


def openai(body, status=200, **more):
    return {"id": "batch_req_1", "custom_id": ID, "response": {"status_code": status, "request_id": "r", "body": body}, "error": None, **more}


def output(*content, **more):
    return {"output": [{"type": "message", "role": "assistant", "content": list(content)}], **more}


def chat(message, finish="stop"):
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def text(value):
    return {"type": "output_text", "text": value, "annotations": []}


def anthropic(content, stop="end_turn"):
    return {"custom_id": ID, "result": {"type": "succeeded", "message": {"content": content, "stop_reason": stop}}}


def gemini(parts, finish="STOP", **more):
    return {"key": ID, "response": {"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": finish, **more}]}}


GOOD = [
    ("openai", openai(output(text("hi"))), "hi"),
    ("openai", openai(output(text("a"), text("b"))), "a\nb"),
    ("openai", openai(output({"type": "output_text", "text": {"value": "v", "annotations": []}})), "v"),
    ("openai", openai({"output": [{"type": "message", "content": "plain"}]}), "plain"),
    ("openai", openai({"output": [{"type": "text", "text": "direct"}]}), "direct"),
    ("openai", openai({"output": [{"type": "text", "text": {"value": "direct"}}]}), "direct"),
    ("openai", openai({"output": [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "message", "content": [text("said")]}]}), "said"),
    ("openai", openai({"output": [], "output_text": "short"}), "short"),
    ("openai", openai({"output_text": "short"}), "short"),
    ("openai", openai(chat({"role": "assistant", "content": "c", "refusal": None})), "c"),
    ("openai", openai(chat({"content": [{"type": "text", "text": "p"}, {"type": "text", "text": "q"}]})), "p\nq"),
    ("openai", openai(chat({"content": ["p", {"type": "image"}, "q"]})), "p\nq"),
    ("openai", {"custom_id": ID, "body": chat({"content": "no envelope"})}, "no envelope"),
    ("openai", {"custom_id": ID, "response": chat({"content": "no body"})}, "no body"),
    ("openai", openai(output(text("\n")), status=201), "\n"),
    ("openai", openai(output(text('esc "\\ \u0000 \u2028 é 😀'))), 'esc "\\ \u0000 \u2028 é 😀'),
    ("openai", openai(output(text(""), text("b"))), "\nb"),
    ("anthropic", anthropic([{"type": "text", "text": "hi"}]), "hi"),
    ("anthropic", anthropic([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "a\nb"),
    ("anthropic", anthropic([{"type": "text", "text": "hi"}], stop=None), "hi"),
    ("gemini", gemini([{"text": "hi"}]), "hi"),
    ("gemini", gemini([{"text": "hm", "thought": True}, {"text": "a"}, {"text": "b", "thought": False}]), "a\nb"),
    ("gemini", {"metadata": {"key": ID}, "response": gemini([{"text": "inline"}])["response"]}, "inline"),
    ("gemini", {"key": ID, "response": {"candidates": [{"content": {"parts": [{"text": "no reason"}]}}]}}, "no reason"),
]


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("kind, line, want", GOOD)
def test_text(tool, kind, line, want, compact):
    with opened(tool, provider=kind, model="m") as provider:
        got = provider.read(json.dumps(line, separators=(",", ":") if compact else None, ensure_ascii=compact))
    assert (got["rc"], got["ok"], got["text"], got["class"]) == (0, True, want, ""), got
    assert got["custom_id"] == ID
    raw = line.get("response") or line.get("body") or line.get("result")
    assert json.loads(got["raw"]) == raw


QUOTA = {"code": "insufficient_quota", "message": "You exceeded your current quota", "type": "insufficient_quota"}
NEITHER = "the provider gave neither an answer nor an error"
BAD = [  # line, class, words, free, pause, raw
    ("openai", openai({"error": {"message": "bad", "type": "invalid_request_error", "code": None}}, status=400),
        "provider_item_error", "bad (invalid_request_error)", False, False, "response"),
    ("openai", openai({"error": {"message": "no", "code": "x"}}, status=0), "provider_item_error", "no (x)", False, False, "response"),
    ("openai", openai({"message": "odd"}, status=500), "provider_item_error", "odd", False, False, "response"),
    ("openai", openai({}, status=500), "provider_item_error", "the provider gave an error without words (status 500)", False, False,
        "response"),
    ("openai", openai(output(text("x")), status=None), "provider_item_error", "the provider gave an error without words (status 0)",
        False, False, "response"),
    ("openai", openai({"error": QUOTA}, status=429), "openai_insufficient_quota", "You exceeded your current quota (insufficient_quota)",
        True, True, "response"),
    ("openai", {"custom_id": ID, "response": None, "error": QUOTA}, "openai_insufficient_quota",
        "You exceeded your current quota (insufficient_quota)", True, True, "error"),
    ("openai", {"custom_id": ID, "response": None, "error": {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}},
        "enqueue_token_limit", "Enqueued token limit reached (token_limit_exceeded)", True, False, "error"),
    ("openai", {"custom_id": ID, "response": None, "error": {"code": "batch_expired", "message": "not before the window"}},
        "batch_ended_early", "not before the window (batch_expired)", True, False, "error"),
    ("openai", {"custom_id": ID, "response": None, "error": {"code": "batch_cancelled", "message": "stopped"}},
        "batch_ended_early", "stopped (batch_cancelled)", True, False, "error"),
    ("openai", {"custom_id": ID, "response": None, "error": {"code": "server_error", "message": "oops"}},
        "provider_item_error", "oops (server_error)", False, False, "error"),
    ("openai", {"custom_id": ID, "response": None, "error": "words"}, "provider_item_error", "words", False, False, "error"),
    ("openai", {"custom_id": ID, "response": None, "error": None}, "provider_item_error", NEITHER, False, False, None),
    ("openai", {"custom_id": ID}, "provider_item_error", NEITHER, False, False, None),
    ("openai", openai(output(text(""))), "empty_response_text", "the answer has no text", False, False, "response"),
    ("openai", openai({"output": []}), "empty_response_text", "the answer has no text", False, False, "response"),
    ("openai", openai(chat({"content": None})), "empty_response_text", "the answer has no text", False, False, "response"),
    ("openai", openai(output({"type": "refusal", "refusal": "I won't"})), "provider_refusal", "the model refused: I won't", False, False,
        "response"),
    ("openai", openai(chat({"content": None, "refusal": "I won't"})), "provider_refusal", "the model refused: I won't", False, False,
        "response"),
    ("openai", openai(chat({"content": "ha"}, finish="content_filter")), "provider_refusal", "the model refused: content_filter", False,
        False, "response"),
    ("openai", openai(chat({"content": "half"}, finish="length")), "output_truncated", "the answer was cut: length", False, False,
        "response"),
    ("openai", openai(output(text("half"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})), "output_truncated",
        "the answer was cut: max_output_tokens", False, False, "response"),
    ("openai", openai(output(text("half"), status="incomplete", incomplete_details={"reason": "content_filter"})), "provider_refusal",
        "the model refused: content_filter", False, False, "response"),
    ("openai", openai({"status": "failed", "error": {"code": "server_error", "message": "oops"}, "output": []}), "provider_item_error",
        "oops (server_error)", False, False, "response"),
    ("anthropic", {"custom_id": ID, "result": {"type": "errored", "error": {"type": "error",
        "error": {"type": "invalid_request_error", "message": "max_tokens: too large"}, "request_id": "r"}}},
        "provider_item_error", "max_tokens: too large (invalid_request_error)", False, False, "result.error"),
    ("anthropic", {"custom_id": ID, "result": {"type": "errored", "error": {"type": "api_error", "message": "flat"}}},
        "provider_item_error", "flat (api_error)", False, False, "result.error"),
    ("anthropic", {"custom_id": ID, "result": {"type": "expired"}}, "batch_ended_early", "the batch ended before this request: expired",
        True, False, "result"),
    ("anthropic", {"custom_id": ID, "result": {"type": "canceled"}}, "batch_ended_early",
        "the batch ended before this request: canceled", True, False, "result"),
    ("anthropic", {"custom_id": ID, "result": None}, "provider_item_error", NEITHER, False, False, None),
    ("anthropic", {"custom_id": ID, "result": {"type": "succeeded"}}, "provider_item_error", NEITHER, False, False, "result"),
    ("anthropic", anthropic([{"type": "text", "text": "half"}], stop="max_tokens"), "output_truncated",
        "the answer was cut: max_tokens", False, False, "result"),
    ("anthropic", anthropic([], stop="refusal"), "provider_refusal", "the model refused", False, False, "result"),
    ("anthropic", anthropic([]), "empty_response_text", "the answer has no text", False, False, "result"),
    ("gemini", {"key": ID, "error": {"code": 13, "message": "internal", "status": "INTERNAL"}}, "provider_item_error",
        "internal (INTERNAL)", False, False, "error"),
    ("gemini", {"key": ID, "error": {"code": 499, "message": "stopped", "status": "CANCELLED"}}, "batch_ended_early",
        "stopped (CANCELLED)", True, False, "error"),
    ("gemini", {"key": ID, "response": None}, "provider_item_error", NEITHER, False, False, None),
    ("gemini", gemini([{"text": "half"}], finish="MAX_TOKENS"), "output_truncated", "the answer was cut: MAX_TOKENS", False, False,
        "response"),
    ("gemini", gemini([], finish="SAFETY"), "provider_refusal", "the model refused: SAFETY", False, False, "response"),
    ("gemini", {"key": ID, "response": {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}}, "provider_refusal",
        "the prompt was blocked: PROHIBITED_CONTENT", False, False, "response"),
    ("gemini", gemini([]), "empty_response_text", "the answer has no text", False, False, "response"),
    ("gemini", {"key": ID, "response": {}}, "empty_response_text", "the answer has no text", False, False, "response"),
]


@pytest.mark.parametrize("kind, line, error_class, words, free, pause, raw", BAD)
def test_failure(tool, kind, line, error_class, words, free, pause, raw):
    with opened(tool, provider=kind, model="m") as provider:
        got = provider.read(line)
    assert (got["rc"], got["ok"], got["text"]) == (0, False, ""), got
    assert (got["class"], got["words"], got["free"], got["pause"]) == (error_class, words, free, pause)
    part = line
    for name in (raw or "").split(".") if raw else []:
        part = part[name]
    assert not got["raw"] if raw is None else json.loads(got["raw"]) == part
    assert got["custom_id"] == ID


def test_every_line_of_an_error_file_is_an_error(tool):
    with opened(tool, provider="openai", model="m") as provider:
        got = provider.read(openai(output(text("fine"))), error_file=True)
    assert (got["ok"], got["class"]) == (False, "provider_item_error")


@pytest.mark.parametrize("kind, line, text", [
    ("openai", "", "column 1: expected a value, found the end"),
    ("openai", "{", "column 2: expected a key in double quotes, found the end"),
    ("openai", "[]", "the line is no JSON object"),
    ("openai", "{}", "the line has no 'custom_id'"),
    ("openai", '{"custom_id":7}', "the line has no 'custom_id'"),
    ("openai", '{"custom_id":""}', "'custom_id' of the line is none of ours"),
    ("openai", json.dumps({"custom_id": "x" * 65}), "'custom_id' of the line is none of ours"),
    ("openai", '{"custom_id":"a","custom_id":"b"}', "column 18: duplicate key 'custom_id'"),
    ("openai", '{"custom_id":"a","response":NaN}', "column 29: 'NaN' is not JSON"),
    ("anthropic", "{}", "the line has no 'custom_id'"),
    ("gemini", "{}", "the line has no 'key'"),
    ("gemini", '{"metadata":{}}', "the line has no 'key'"),
])
def test_lines_that_are_none(tool, kind, line, text):
    with opened(tool, provider=kind, model="m") as provider:
        got = provider.read(line)
    assert (got["rc"], got["code"], got["error"]) == (-1, "syntax", text)


def test_one_answer_after_the_other(tool):
    """What a line leaves behind does not reach the next one."""
    with opened(tool, provider="openai", model="m") as provider:
        for _ in range(2):
            assert provider.read(openai({"error": QUOTA}, status=429))["pause"]
            got = provider.read(openai(output(text("fine"))))
            assert (got["ok"], got["text"], got["class"], got["words"], got["pause"], got["free"]) == (True, "fine", "", "", False, False)
            assert provider.read("{")["rc"] == -1
