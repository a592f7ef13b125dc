"""Message batches as Anthropic has them."""

import json

import pytest

from fake_provider import KEYS

PATH = "/v1/messages/batches"
BATCH_KEYS = {"type", "id", "processing_status", "request_counts", "created_at", "expires_at", "ended_at", "archived_at",
              "cancel_initiated_at", "results_url"}


def request(custom_id, content="x", **params):
    return {"custom_id": custom_id, "params": {"model": "claude", "max_tokens": 8, "messages": [{"role": "user", "content": content}],
                                               **params}}


def create(provider, *requests):
    return provider.call("POST", PATH, {"requests": list(requests)})


def refused(answer, status, kind, message):
    assert answer.status == status, answer
    assert json.loads(answer.body) == {"type": "error", "error": {"type": kind, "message": message}}


def test_from_requests_to_results(provider):
    batch = create(provider, request("a", "caf\u00e9"), request("b", [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}])).json()
    assert set(batch) == BATCH_KEYS and batch["type"] == "message_batch" and batch["processing_status"] == "in_progress"
    assert batch["request_counts"] == {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    assert batch["ended_at"] is None and batch["results_url"] is None
    refused(provider.call("GET", f"{PATH}/{batch['id']}/results"), 404, "not_found_error", f"Batch '{batch['id']}' has no results yet.")
    batch = provider.call("GET", f"{PATH}/{batch['id']}").json()
    assert batch["processing_status"] == "ended" and batch["request_counts"]["succeeded"] == 2 and batch["ended_at"].endswith("Z")
    assert batch["results_url"] == f"{provider.url}{PATH}/{batch['id']}/results"
    rows = provider.call("GET", f"{PATH}/{batch['id']}/results").lines()
    assert [row["custom_id"] for row in rows] == ["a", "b"]
    message = rows[0]["result"]["message"]
    assert rows[0]["result"]["type"] == "succeeded" and message["type"] == "message" and message["role"] == "assistant"
    assert message["content"] == [{"type": "text", "text": "café"}] and message["stop_reason"] == "end_turn"
    assert message["model"] == "claude" and message["usage"]["output_tokens"] == 3  # of 9 bytes: caf\\u00e9
    assert rows[1]["result"]["message"]["content"][0]["text"] == "one\ntwo"


def test_structured(provider):
    schema = {"type": "object", "properties": {"t": {"type": "string"}}, "required": ["t"]}
    batch = create(provider, request("a", "p", output_config={"format": {"type": "json_schema", "schema": schema}})).json()
    provider.call("GET", f"{PATH}/{batch['id']}").json()
    [row] = provider.call("GET", f"{PATH}/{batch['id']}/results").lines()
    assert json.loads(row["result"]["message"]["content"][0]["text"]) == {"t": "p"}


BAD = [
    ("no list", {"x": 1}, "The request has no list of requests."),
    ("empty", {"requests": []}, "The batch has no requests."),
    ("twice", {"requests": [request("a"), request("a")]}, "The custom_id 'a' is used more than once."),
    ("id", {"requests": [request("a"), request("a b")]}, "requests.1.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"),
    ("long id", {"requests": [request("a" * 65)]}, "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"),
    ("no id", {"requests": [{"params": {}}]}, "requests.0.custom_id: Field required"),
    ("no params", {"requests": [{"custom_id": "a"}]}, "The request of 'a' is missing or no JSON object."),
    ("no tokens", {"requests": [{"custom_id": "a", "params": {"model": "m"}}]}, "requests.0.params.max_tokens: Field required"),
    ("no json", "{", "The body of the request is no JSON: column 2: "),
]


@pytest.mark.parametrize("body, message", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_refused(provider, body, message):
    answer = provider.call("POST", PATH, body)
    assert answer.status == 400
    error = json.loads(answer.body)["error"]
    assert error["type"] == "invalid_request_error" and error["message"].startswith(message)
    assert provider.summary()["batches"] == 0


def test_who_asks(provider):
    refused(provider.call("GET", PATH, headers={"anthropic-version": "2023-06-01"}), 401, "authentication_error", "invalid x-api-key")
    refused(provider.call("GET", PATH, headers={"x-api-key": "k"}), 400, "invalid_request_error", "anthropic-version: header is required")
    provider.faults(api_key="right")
    assert provider.call("GET", PATH).status == 401
    assert provider.call("GET", PATH, headers={**KEYS, "x-api-key": "right"}).status == 200


def test_cancel_and_delete(provider):
    provider.faults(finished_on_cancel=0.5)
    batch = create(provider, request("a"), request("b")).json()
    path = f"{PATH}/{batch['id']}"
    refused(provider.call("DELETE", path), 400, "invalid_request_error", f"Batch '{batch['id']}' cannot be deleted before it has ended.")
    cancelled = provider.call("POST", path + "/cancel").json()
    assert cancelled["processing_status"] == "canceling" and cancelled["cancel_initiated_at"]
    assert provider.call("GET", path).json()["request_counts"] == {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 1, "expired": 0}
    rows = provider.call("GET", path + "/results").lines()
    assert [(row["custom_id"], row["result"]["type"]) for row in rows] == [("a", "canceled"), ("b", "succeeded")]
    assert provider.call("POST", path + "/cancel").status == 400
    assert provider.call("DELETE", path).json() == {"id": batch["id"], "type": "message_batch_deleted"}
    refused(provider.call("GET", path), 404, "not_found_error", f"There is no batch '{batch['id']}'.")


def test_lists(provider):
    ids = [create(provider, request("a", str(n))).json()["id"] for n in range(5)]

    def page(query):
        answer = provider.call("GET", f"{PATH}?{query}").json()
        assert (answer["first_id"], answer["last_id"]) == (answer["data"][0]["id"], answer["data"][-1]["id"])
        return [ids.index(batch["id"]) for batch in answer["data"]], answer["has_more"]

    assert page("limit=2") == ([4, 3], True)
    assert page(f"limit=3&after_id={ids[3]}") == ([2, 1, 0], False)
    assert page(f"limit=2&before_id={ids[0]}") == ([2, 1], True)
    assert page(f"limit=9&before_id={ids[2]}") == ([4, 3], False)


@pytest.mark.parametrize("do, kind, counts", [("expire", "expired", ("expired", 3)), ("cancel", "canceled", ("canceled", 3)),
                                              ("fail", "errored", ("errored", 4))])
def test_batches_that_do_not_go_well(provider, do, kind, counts):
    provider.faults({"on": "batch", "do": do, "finished": 0.25, "error": "overloaded"})
    batch = create(provider, *(request(name) for name in "abcd")).json()
    batch = provider.call("GET", f"{PATH}/{batch['id']}").json()
    assert batch["processing_status"] == "ended" and batch["request_counts"][counts[0]] == counts[1]
    rows = provider.call("GET", f"{PATH}/{batch['id']}/results").lines()
    bad = [row["result"] for row in rows if row["result"]["type"] == kind]
    assert len(bad) == counts[1]
    if do == "fail":
        assert bad[0]["error"]["error"] == {"type": "overloaded_error", "message": "Overloaded"}


def test_rows(provider):
    provider.faults({"on": "row", "nth": 1, "do": "error", "error": "rate_limit"}, {"on": "row", "nth": 2, "do": "null"},
                    {"on": "row", "nth": 3, "do": "incomplete"}, {"on": "row", "nth": 4, "do": "refusal"})
    batch = create(provider, *(request(name, "0123456789") for name in "abcd")).json()
    provider.call("GET", f"{PATH}/{batch['id']}").json()
    a, b, c, d = [row["result"] for row in provider.call("GET", f"{PATH}/{batch['id']}/results").lines()]
    assert a["type"] == "errored" and a["error"]["error"]["type"] == "rate_limit_error"
    assert b is None
    assert c["message"]["stop_reason"] == "max_tokens" and c["message"]["content"][0]["text"] == "01234"
    assert d["message"]["stop_reason"] == "refusal"


def test_enqueued_tokens(provider):
    provider.faults(enqueued_token_limit=40)
    assert create(provider, request("a", "x" * 60)).status == 200
    refused(create(provider, request("b", "x" * 60)), 429, "rate_limit_error", "Too many requests are waiting in batches.")
