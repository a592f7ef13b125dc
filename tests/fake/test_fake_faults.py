"""Each fault on demand, and what the provider says about it afterwards."""

import http.client
import json
import signal
import socket
import time

import pytest

from paths import BUILD
from fake_provider import KEYS, fake_provider, responses, text_of


def call(on, do, **more):
    return {"on": on, "do": do, **more}


def ids(rows):
    return [row["custom_id"] for row in rows]


# ---- calls


@pytest.mark.parametrize("fault, status, kind, code", [
    ({"status": 429}, 429, "requests", "rate_limit_exceeded"),
    ({"error": "rate_limit"}, 429, "requests", "rate_limit_exceeded"),
    ({"error": "insufficient_quota"}, 429, "insufficient_quota", "insufficient_quota"),
    ({"error": "enqueued_tokens"}, 400, "invalid_request_error", "token_limit_exceeded"),
    ({"error": "invalid_key"}, 401, "invalid_request_error", "invalid_api_key"),
    ({"status": 401}, 401, "invalid_request_error", "invalid_api_key"),
    ({"status": 400}, 400, "invalid_request_error", None),
    ({"status": 403}, 403, "invalid_request_error", "unsupported_country_region_territory"),
    ({"status": 404}, 404, "invalid_request_error", None),
    ({"status": 500}, 500, "server_error", None),
    ({"status": 503}, 503, "server_error", None),
    ({"status": 502, "error": "insufficient_quota"}, 502, "insufficient_quota", "insufficient_quota"),
])
def test_status(provider, fault, status, kind, code):
    provider.faults(call("openai.batches.create", "status", **fault))
    file_id = provider.upload(responses("x")).json()["id"]
    answer = provider.create(file_id)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["type"], error["code"]) == (status, kind, code) and error["message"]
    assert provider.summary()["batches"] == 0


def test_status_of_ones_own(provider):
    provider.faults(call("*.create", "status", status=429, retry_after="7", headers={"x-ratelimit-reset": "1s"}, body={"a": [1]}),
                    call("openai.batches.list", "status", status=500, body="<html>"),
                    call("openai.batches.get", "status", status=400, message="m", code="c"))
    answer = provider.upload(responses("x"))
    assert answer.status == 429 and answer.body == b'{"a":[1]}'
    assert answer.headers["retry-after"] == "7" and answer.headers["x-ratelimit-reset"] == "1s"
    assert provider.call("GET", "/v1/batches").body == b"<html>"
    error = json.loads(provider.call("GET", "/v1/batches/x").body)["error"]
    assert error == {"message": "m", "type": "c", "param": None, "code": "c"}


@pytest.mark.parametrize("when, hit", [
    ({"nth": 2}, [2]), ({"nth": [1, 3]}, [1, 3]), ({"every": 2}, [2, 4, 6]), ({"from": 5}, [5, 6]), ({"to": 2}, [1, 2]),
    ({"from": 2, "to": 3}, [2, 3]), ({"times": 2}, [1, 2]), ({"every": 2, "times": 1}, [2]), ({"probability": 0}, []),
    ({"probability": 1}, [1, 2, 3, 4, 5, 6]), ({}, [1, 2, 3, 4, 5, 6]),
])
def test_when(provider, when, hit):
    provider.faults(call("openai.files.list", "status", status=500, **when))
    assert [n for n in range(1, 7) if provider.call("GET", "/v1/files").status == 500] == hit


def test_probability_repeats(provider):
    def hits(seed):
        provider.faults(call("openai.files.list", "status", status=500, probability=0.5), seed=seed)
        return [provider.call("GET", "/v1/files").status for _ in range(40)]

    first = hits(1)
    assert hits(1) == first and hits(2) != first and 5 < first.count(500) < 35


def test_the_first_rule_that_fires(provider):
    provider.faults(call("openai.*", "status", status=503, nth=2), call("openai.*", "status", status=500))
    assert [provider.call("GET", "/v1/files").status for _ in range(3)] == [500, 503, 500]


@pytest.mark.parametrize("do, created", [("reset", 0), ("reset_after", 1)])
def test_reset(provider, do, created):
    provider.faults(call("openai.batches.create", do, nth=1))
    file_id = provider.upload(responses("x")).json()["id"]
    with pytest.raises(ConnectionError):
        provider.create(file_id, metadata={"intent_id": "i"})
    batches = provider.call("GET", "/v1/batches").json()["data"]
    assert [batch["metadata"] for batch in batches] == [{"intent_id": "i"}] * created
    [line] = [line for line in provider.log() if line["call"] == "openai.batches.create"]
    assert line["fault"] == do and line["rule"] == 1 and line.get("created", False) == bool(created)
    assert provider.create(file_id).status == 200


@pytest.mark.parametrize("do, created", [("timeout", 0), ("timeout_after", 1)])
def test_timeout(provider, do, created):
    provider.faults(call("openai.batches.create", do))
    file_id = provider.upload(responses("x")).json()["id"]
    with pytest.raises(TimeoutError):
        provider.create(file_id, timeout_s=0.2)
    assert provider.summary()["batches"] == created


def test_stopping_while_a_call_hangs():
    with fake_provider(faults={"faults": [call("openai.files.list", "timeout")]}) as provider:
        connection = socket.create_connection(("127.0.0.1", provider.port))
        connection.sendall(b"GET /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n")
        while not provider.log():
            pass
        assert provider.stop(signal.SIGINT) == 0
        connection.close()


@pytest.mark.parametrize("size", [0, 10_000, 400_000])
def test_reset_in_an_upload(provider, size):
    provider.faults(call("openai.files.create", "reset_upload", bytes=size, nth=1))
    rows = responses("x" * 600_000)
    with pytest.raises(ConnectionError):
        provider.upload(rows)
    assert provider.call("GET", "/v1/files").json()["data"] == []
    assert provider.upload(rows).status == 200
    assert [line.get("fault") for line in provider.log() if line["call"] == "openai.files.create"] == ["reset_upload", None]


def test_cut(provider):
    batch = provider.poll(provider.submit(responses("x" * 1000)))
    whole = provider.content(batch["output_file_id"]).body
    provider.faults(call("openai.files.content", "cut", bytes=700, nth=1), call("openai.files.content", "cut", bytes=10**9, nth=2),
                    call("openai.batches.get", "cut", bytes=5))
    with pytest.raises(http.client.IncompleteRead) as cut:
        provider.content(batch["output_file_id"])
    assert cut.value.partial == whole[:700] and cut.value.expected == len(whole) - 700
    with pytest.raises(http.client.IncompleteRead) as cut:
        provider.content(batch["output_file_id"])
    assert cut.value.partial == whole[:-1]
    with pytest.raises(http.client.IncompleteRead) as cut:
        provider.poll(batch["id"])
    assert cut.value.partial == b'{"obj'
    assert provider.content(batch["output_file_id"]).body == whole


def test_slow_and_delayed(provider):
    batch = provider.poll(provider.submit(responses("x" * 500)))
    whole = provider.content(batch["output_file_id"]).body
    provider.faults(call("openai.files.content", "slow", bytes_per_second=20_000), call("openai.batches.get", "delay", ms=30))
    start = time.monotonic()
    assert provider.content(batch["output_file_id"]).body == whole
    assert time.monotonic() - start >= len(whole) / 20_000 * 0.9
    start = time.monotonic()
    provider.poll(batch["id"])
    assert time.monotonic() - start >= 0.03


# ---- batches


def test_failed_batches(provider):
    provider.faults({"on": "batch", "nth": 1, "do": "fail"}, {"on": "batch", "nth": 2, "do": "fail", "error": "enqueued_tokens"},
                    {"on": "batch", "nth": 3, "do": "fail", "code": "c", "message": "m"})
    want = [("server_error", "The server had an error while processing your request."),
            ("token_limit_exceeded", "Enqueued token limit reached. Please try again once some in_progress batches have been completed."),
            ("c", "m")]
    for code, message in want:
        batch, answers, errors = provider.run(responses("x"))
        assert (batch["status"], answers, errors) == ("failed", [], []) and batch["failed_at"]
        assert batch["errors"]["data"] == [{"code": code, "message": message, "param": None, "line": None}]
    assert provider.run(responses("x"))[0]["status"] == "completed"


@pytest.mark.parametrize("do, status, stamp", [("expire", "expired", "expired_at"), ("cancel", "cancelled", "cancelled_at")])
def test_batches_with_a_part_of_their_rows(provider, do, status, stamp):
    provider.faults({"on": "batch", "do": do, "finished": 0.4})
    batch, answers, errors = provider.run(responses(*"abcde"))
    assert batch["status"] == status and batch[stamp] and batch["completed_at"] is None
    assert ids(answers) == ["row-3", "row-5"] and batch["request_counts"] == {"total": 5, "completed": 2, "failed": 0}
    if do == "cancel":
        assert errors == []
        return
    assert ids(errors) == ["row-1", "row-2", "row-4"] and errors[0]["response"] is None
    assert errors[0]["error"] == {"code": "batch_expired",
                                  "message": "This request could not be executed before the completion window expired."}


@pytest.mark.parametrize("share, answered", [(0, 0), (1, 7)])
def test_all_or_nothing(provider, share, answered):
    provider.faults({"on": "batch", "do": "expire", "finished": share})
    batch, answers, errors = provider.run(responses(*"abcdefg"))
    assert (batch["output_file_id"] is None) == (answered == 0)
    assert (len(answers), len(errors)) == (answered, 7 - answered)


def test_wait(provider):
    provider.faults({"on": "batch", "nth": 1, "do": "wait", "polls": 1}, {"on": "batch", "nth": 2, "do": "wait", "ms": 3600_000})
    first, second = provider.submit(responses("a")), provider.submit(responses("b"))
    assert [provider.poll(first)["status"] for _ in range(2)] == ["in_progress", "completed"]
    assert provider.poll(second)["status"] == "in_progress"


def test_order(provider):
    provider.faults({"on": "batch", "nth": 1, "do": "reverse"}, {"on": "batch", "nth": [2, 3], "do": "shuffle"})
    rows = responses(*map(str, range(100)))
    straight = [row["custom_id"] for row in rows]
    reverse, first, second, plain = [ids(provider.run(rows)[1]) for _ in range(4)]
    assert reverse == straight[::-1] and plain == straight
    assert sorted(first) == sorted(second) == sorted(straight) and first != straight and first != second


# ---- rows


def test_rows(provider):
    do = ["missing", "duplicate", "unparsable", "wrong_id", "error", "error_in_output", "empty", "null", "text", "incomplete", "refusal"]
    provider.faults(*({"on": "row", "nth": n, "do": name, **({"text": 'a "b" \n'} if name == "text" else {})}
                      for n, name in enumerate(do, 1)))
    batch = provider.poll(provider.submit(responses(*["0123456789"] * 12)))
    lines = provider.content(batch["output_file_id"]).body.splitlines()
    assert batch["request_counts"] == {"total": 12, "completed": 10, "failed": 2}
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[2])
    rows = [json.loads(line) for n, line in enumerate(lines) if n != 2]
    assert ids(rows) == ["row-2", "row-2", "not-row-4", "row-6", "row-7", "row-8", "row-9", "row-10", "row-11", "row-12"]
    by_id = {row["custom_id"]: row for row in rows}
    assert by_id["row-6"]["response"]["status_code"] == 0
    assert text_of(by_id["row-7"]) == ""
    assert by_id["row-8"]["response"] is None and by_id["row-8"]["error"] is None
    assert text_of(by_id["row-9"]) == 'a "b" \n'
    assert text_of(by_id["row-10"]) == "01234"
    assert by_id["row-10"]["response"]["body"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert by_id["row-11"]["response"]["body"]["output"][0]["content"] == [{"type": "refusal", "refusal": "I cannot help with that."}]
    assert text_of(by_id["row-12"]) == "0123456789"
    [error] = provider.content(batch["error_file_id"]).lines()
    assert error["custom_id"] == "row-5" and error["response"]["status_code"] == 500
    assert [item["outcome"] for item in provider.items()] == [
        "missing", "answered", "spoiled", "spoiled", "error", "error", "spoiled", "spoiled", "answered", "spoiled", "spoiled", "answered"]


@pytest.mark.parametrize("fault, status, code", [
    ({"status": 429}, 429, "rate_limit_exceeded"), ({"status": 400}, 400, None), ({"error": "insufficient_quota"}, 429, "insufficient_quota"),
    ({"error": "enqueued_tokens"}, 400, "token_limit_exceeded"), ({"status": 500, "code": "c", "message": "m"}, 500, "c")])
def test_errors_of_rows(provider, fault, status, code):
    for place, at in (("error", 2), ("error_in_output", 1)):
        provider.faults({"on": "row", "nth": 2, "do": place, **fault})
        result = provider.run(responses("a", "b"))
        row = result[at][-1]
        assert row["custom_id"] == "row-2" and row["error"] is None
        assert row["response"]["status_code"] == status and row["response"]["body"]["error"]["code"] == code
        assert row["response"]["body"]["error"]["message"] == fault.get("message", row["response"]["body"]["error"]["message"])


@pytest.mark.parametrize("when, hit", [
    ({"custom_id": "row-[13]"}, [1, 3]), ({"contains": "needle"}, [2]), ({"every": 3}, [3]), ({"batch": 2}, []), ({"batch": [1]}, [1, 2, 3, 4]),
    ({"from": 3}, [3, 4]), ({"times": 1, "contains": "x"}, [1])])
def test_which_rows(provider, when, hit):
    provider.faults({"on": "row", "do": "error", **when})
    _, _, errors = provider.run(responses("x", "x needle", "x", "x"))
    assert ids(errors) == [f"row-{n}" for n in hit]


@pytest.mark.parametrize("prompt", ["é" * 5, "\\\\\\\\", "\u2028\ud83d\ude00 \" x", "a", ""])
def test_half_a_text_is_still_text(provider, prompt):
    provider.faults({"on": "row", "do": "incomplete"})
    row = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": prompt}}
    for data in (json.dumps(row), json.dumps(row, ensure_ascii=False)):
        try:
            raw = data.encode()
        except UnicodeEncodeError:
            raw = data.encode("utf-16", "surrogatepass").decode("utf-16").encode()
        _, [answer], _ = provider.run(raw)
        whole = prompt.encode("utf-16", "surrogatepass").decode("utf-16")
        assert whole.startswith(text_of(answer)) and (len(text_of(answer)) < len(whole) or not whole)


# ---- the document of faults


BAD = [
    ("not json", "{", "faults: line 1, column 1: string or '}' expected near end of file"),
    ("list", "[]", "faults: the document is no object"),
    ("unknown", '{"a": 1}', "faults: there is no 'a'"),
    ("rules", '{"faults": {}}', "faults: 'faults' is no list"),
    ("no action", '{"faults": [{"on": "row"}]}', "faults: rule 1: 'on' or 'do' is missing"),
    ("action", '{"faults": [{"on": "row", "do": "missing"}, {"on": "row", "do": "x"}]}',
     "faults: rule 2: 'do' is 'x', which is nothing that can be done"),
    ("kind", '{"faults": [{"on": "batch", "do": "missing"}]}', "faults: rule 1: 'missing' cannot be done to 'batch'"),
    ("member", '{"faults": [{"on": "row", "do": "missing", "z": 1}]}', "faults: rule 1: there is no 'z' in a rule"),
    ("number", '{"faults": [{"on": "row", "do": "missing", "nth": 0}]}',
     "faults: rule 1: 'nth' is no whole number from 1, and no list of such"),
    ("count", '{"faults": [{"on": "row", "do": "missing", "every": -1}]}', "faults: rule 1: 'every' is no whole number from 0"),
    ("share", '{"faults": [{"on": "row", "do": "missing", "probability": 2}]}', "faults: rule 1: 'probability' is no number from 0 to 1"),
    ("text", '{"faults": [{"on": "row", "do": "missing", "contains": 2}]}', "faults: rule 1: 'contains' is no string"),
    ("no text", '{"faults": [{"on": "row", "do": "text"}]}', "faults: rule 1: 'text' is missing"),
    ("no status", '{"faults": [{"on": "x", "do": "status"}]}', "faults: rule 1: 'status' or 'error' is missing"),
    ("status", '{"faults": [{"on": "x", "do": "status", "status": 99}]}', "faults: rule 1: 'status' is 99"),
    ("error", '{"faults": [{"on": "x", "do": "status", "error": "e"}]}', "faults: rule 1: 'error' is 'e', which is none that we know"),
    ("speed", '{"faults": [{"on": "x", "do": "slow"}]}', "faults: rule 1: 'bytes_per_second' is missing"),
    ("retry", '{"faults": [{"on": "x", "do": "status", "status": 429, "retry_after": "a\\nb"}]}',
     "faults: rule 1: 'retry_after' is no string in one line"),
    ("header", '{"faults": [{"on": "x", "do": "status", "status": 429, "headers": {"a b": "c"}}]}',
     "faults: rule 1: header 'a b' is no string in one line"),
    ("idempotent", '{"idempotent": 1}', "faults: 'idempotent' is neither true nor false"),
    ("many", json.dumps({"faults": [{}] * 1001}), "faults: more than 1000 rules"),
]


@pytest.mark.parametrize("text, message", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_documents(provider, text, message):
    answer = provider.call("POST", "/_control/faults", text)
    assert answer.status == 400 and json.loads(answer.body)["error"]["message"] == message


# ---- what the provider says afterwards


def test_log_items_and_summary(provider):
    rows = responses("a", "b")
    first = provider.submit(rows, metadata={"run_id": "r"})
    provider.poll(first)
    create = [line for line in provider.log() if line["call"] == "openai.batches.create"]
    assert create[0]["batch_id"] == first and create[0]["requests"] == 2 and create[0]["metadata"] == {"run_id": "r"}
    assert [line["n"] for line in provider.log()] == [1, 2, 3]
    assert [(item["custom_id"], item["batch_id"], item["line"], item["batch_status"], item["outcome"]) for item in provider.items()] == [
        ("row-1", first, 1, "completed", "answered"), ("row-2", first, 2, "completed", "answered")]
    assert "test-key" not in provider.call("GET", "/_control/log").body.decode()


def test_sent_twice(provider):
    def state():
        summary = provider.summary()
        return summary["submissions"], summary["bodies"], summary["answered"], summary["again"], summary["needless"]

    provider.faults({"on": "batch", "nth": 1, "do": "fail"}, {"on": "batch", "nth": 2, "do": "expire", "finished": 0.5})
    provider.run(responses("a", "b"))
    assert state() == (2, 2, 0, 0, 0)
    _, answers, _ = provider.run(responses("a", "b"))  # after a failure: as it should be
    assert ids(answers) == ["row-2"] and state() == (4, 2, 1, 2, 0)
    provider.run([{**responses("a")[0], "custom_id": "other"}])  # only what had no answer
    assert state() == (5, 2, 2, 3, 0)
    third = provider.submit(responses("b"))  # it has its answer
    assert state()[-1] == 1 and provider.summary()["open"] == 1
    provider.submit(responses("b"))  # and is still under way
    assert state()[-1] == 2
    assert provider.summary()["twice"][-1]["first"] == third


def test_reset_of_everything(provider):
    provider.faults({"on": "openai.files.create", "do": "status", "status": 500})
    assert provider.upload(responses("x")).status == 500
    provider.reset()
    assert provider.log() == [] and provider.items() == []
    assert provider.upload(responses("x")).json()["id"] == "file-fake000001"


# ---- the program


def test_faults_of_the_start_and_the_log(tmp_path, run):
    faults, log = tmp_path / "faults.json", tmp_path / "log.jsonl"
    faults.write_text(json.dumps({"faults": [call("openai.files.create", "status", status=503, nth=1)]}))
    with fake_provider("--faults", faults, "--log", log, "--latency-ms", "1", "--folder", tmp_path) as provider:
        assert [provider.upload(responses("x")).status for _ in range(2)] == [503, 200]
        provider.reset()  # back to the faults of the start
        assert provider.upload(responses("x")).status == 503
        assert [json.loads(line)["status"] for line in log.read_text().splitlines()] == [503]
        assert len(list(tmp_path.glob("lamina-fake-*"))) == 1
        assert provider.stop() == 0
    assert list(tmp_path.glob("lamina-fake-*")) == []


@pytest.mark.parametrize("args, code, message", [
    (["--port", "70000"], 2, "--port is '70000', not a number from 0 to 65535"),
    (["--latency-ms", "x"], 2, "--latency-ms is 'x', not a number from 0 to 3600000"),
    (["--port"], 2, "option '--port' needs a value (N)"),
    (["--nothing"], 2, "there is no option '--nothing'; 'lamina-batch fake-provider --help' lists them"),
    (["more"], 2, "'more' is one argument too many"),
    (["--faults", '{"x":1}'], 1, "faults: there is no 'x'"),
    (["--faults", "missing.json"], 1, "cannot open 'missing.json': No such file or directory"),
])
def test_wrong_calls(run, root, tmp_path, args, code, message):
    result = run(BUILD / "bin" / "lamina-batch", "fake-provider", *args, cwd=tmp_path)
    assert (result.code, result.out, result.err) == (code, "", f"lamina-batch: {message}\n")


def test_a_port_that_is_taken(run, provider):
    result = run(BUILD / "bin" / "lamina-batch", "fake-provider", "--port", str(provider.port))
    assert result.code == 1
    assert result.err == f"lamina-batch: cannot listen on port {provider.port} of 127.0.0.1: Address already in use\n"


# ---- hostile clients


@pytest.mark.parametrize("data", [
    b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/files HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET /v1/files HTTP/1.1\r\n" + b"A: " + b"x" * 400_000 + b"\r\n\r\n",
    b"GET /" + b"x" * 400_000 + b" HTTP/1.1\r\n\r\n",
    b"POST /v1/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
])
def test_nonsense_on_the_wire(provider, data):
    with socket.create_connection(("127.0.0.1", provider.port)) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except ConnectionError:
            pass
    assert provider.call("GET", "/v1/files").status == 200


def test_a_small_body_that_is_large(provider):
    def chunks():
        for _ in range(64):
            yield b"x" * 65536

    answer = provider.call("POST", "/v1/batches", chunks())
    assert answer.status == 413
