"""Calls of an API against a server that speaks byte by byte: what is sent, and what is known when no answer comes."""

import json
import os
import random
import signal
import socket
import subprocess

import pytest

from peer import answers, raw, serve
from sanitizers import measures_memory

CANARY = "canary-7f3a"
NO_PROXY = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def call(run, tool):
    """call(method, url, text or pieces, options...) -> what call_tool says of it; several dicts: of each."""

    def call(*calls, env=None, flags=()):
        result = run(tool("call_tool"), *flags, stdin=json.dumps({"calls": calls}), env={**NO_PROXY, **(env or {})})
        document = result.json()
        for answer in document["answers"]:
            assert CANARY not in answer["error"]
        call.peak_kib = document["peak_kib"]
        return document["answers"] if len(calls) > 1 else document["answers"][0]

    return call


def get(url, **more):
    return {"method": "GET", "url": url, **more}


def post(url, *pieces, **more):
    pieces = [{"text": piece} if isinstance(piece, str) else piece for piece in pieces]
    return {"method": "POST", "url": url, "headers": ["Content-Type: text/plain"], "pieces": pieces, **more}


def test_get(call):
    with serve(answers({"body": b"hello", "headers": ["X-One: 1", "x-two:  two words "]})) as peer:
        got = call(get(peer.url("/a?b=c"), headers=[f"Authorization: Bearer {CANARY}"]))
    assert got == {"rc": 0, "code": "ok", "error": "", "fate": "answered", "status": 200, "body": "hello",
        "headers": "content-length: 5\nx-one: 1\nx-two: two words\n", "retry_after_ms": 0, "body_bytes": 5}
    head, body = peer.requests[0]
    lines = head.split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert f"Authorization: Bearer {CANARY}" in lines
    assert body == b""


def test_post_of_pieces(call, tmp_path):
    lines = tmp_path / "lines"
    lines.write_bytes(b'skipped\n{"a":1}\n{"b":2}\n{"c":3}\nrest')
    part = {"path": str(lines), "offset": 8, "length": 24, "newline_as": ",", "drop_last_newline": True}
    with serve(answers({})) as peer:
        got = call(post(peer.url("/x"), '{"requests":[', part, "]}", "", "!"))
    assert (got["rc"], got["status"]) == (0, 200)
    head, body = peer.requests[0]
    assert body == b'{"requests":[{"a":1},{"b":2},{"c":3}]}!'
    assert head.split("\r\n")[0] == "POST /x HTTP/1.1"
    assert f"Content-Length: {len(body)}" in head.split("\r\n")
    assert "Expect" not in head and "Transfer-Encoding" not in head
    assert "Accept-Encoding: identity" in head.split("\r\n")  # without it any would do


@pytest.mark.parametrize("text, length, want", [
    (b"a\nb", 3, b"a\nb"), (b"a\nb\n", 4, b"a\nb"), (b"\n", 1, b""), (b"a\n\n", 3, b"a\n"), (b"", 0, b""), (b"ab\n", 2, b"ab"),
])
def test_last_newline_is_left_out(call, tmp_path, text, length, want):
    (tmp_path / "f").write_bytes(text)
    with serve(answers({})) as peer:
        got = call(post(peer.url(), {"path": str(tmp_path / "f"), "length": length, "drop_last_newline": True}))
    assert got["rc"] == 0
    assert peer.requests[0][1] == want


@measures_memory
def test_large_body_in_little_memory(call, tmp_path):
    data = random.Random(1).randbytes(1 << 20) * 64
    (tmp_path / "f").write_bytes(data)
    with serve(answers({})) as peer:
        got = call(post(peer.url(), {"path": str(tmp_path / "f"), "length": len(data)}))
    assert got["rc"] == 0
    assert peer.requests[0][1] == data
    assert call.peak_kib < 32 * 1024


def test_post_without_body(call):
    with serve(answers({"body": b"{}"})) as peer:
        assert call(post(peer.url("/cancel")))["body"] == "{}"
    head, body = peer.requests[0]
    assert "Content-Length: 0" in head.split("\r\n")


def test_delete(call):
    with serve(answers({"body": b"{}"})) as peer:
        assert call({"method": "DELETE", "url": peer.url("/f")})["status"] == 200
    assert peer.requests[0][0].startswith("DELETE /f HTTP/1.1")


def test_gets_share_a_connection(call):
    with serve(answers(*[{"body": b"%d" % i} for i in range(3)])) as peer:
        got = call(*[get(peer.url()) for _ in range(3)])
    assert [answer["body"] for answer in got] == ["0", "1", "2"]
    assert peer.count == 1


def test_posts_have_a_connection_of_their_own(call):
    """libcurl would send a request twice when a kept connection turns out to be dead."""
    with serve(answers({"body": b"1"}, {"body": b"no"}), answers({"body": b"2"})) as peer:
        got = call(get(peer.url()), post(peer.url(), "x"))
    assert [answer["body"] for answer in got] == ["1", "2"]
    assert peer.count == 2


def test_a_dead_connection_is_replaced_for_a_get(call):
    with serve(answers({"body": b"1"}), answers({"body": b"2"})) as peer:
        got = call(get(peer.url()), get(peer.url()))
    assert [answer["body"] for answer in got] == ["1", "2"]


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "429 Too Many Requests", "500 Error", "301 Moved"])
def test_every_status_is_an_answer(call, status):
    with serve(answers({"status": status, "body": b"words", "headers": ["Location: /elsewhere"]})) as peer:
        got = call(post(peer.url(), "x"))
    assert (got["rc"], got["fate"], got["status"], got["body"]) == (0, "answered", int(status[:3]), "words")
    assert peer.count == 1


@pytest.mark.parametrize("header, ms", [
    ("Retry-After: 7", 7000), ("Retry-After: 0", 0), ("Retry-After-Ms: 1500", 1500), ("Retry-After: nonsense", 0),
    ("Retry-After: Mon, 01 Jan 2001 00:00:00 GMT", 0), ("Retry-After: 99999999999", 2147483647),
])
def test_retry_after(call, header, ms):
    with serve(answers({"status": "429 Slow down", "headers": [header]})) as peer:
        assert call(get(peer.url()))["retry_after_ms"] == ms


def test_retry_after_a_date(call):
    with serve(answers({"status": "429 Slow down", "headers": ["Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"]})) as peer:
        assert call(get(peer.url()))["retry_after_ms"] > 1_000_000_000


def test_provisional_answers_are_passed_over(call):
    early = b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
    with serve(raw(early + b"HTTP/1.1 200 OK\r\nX-Late: 1\r\nContent-Length: 2\r\n\r\nok")) as peer:
        got = call(post(peer.url(), "x"))
    assert (got["status"], got["body"], got["headers"]) == (200, "ok", "x-late: 1\ncontent-length: 2\n")


# ---- files

def test_answer_in_a_file(call, tmp_path):
    data = random.Random(2).randbytes(3 << 20)
    with serve(answers({"body": data})) as peer:
        got = call(get(peer.url(), answer_path=str(tmp_path / "answer")))
    assert (got["rc"], got["body"], got["body_bytes"]) == (0, "", len(data))
    assert (tmp_path / "answer").read_bytes() == data
    assert (tmp_path / "answer").stat().st_mode & 0o7777 == 0o600
    assert os.listdir(tmp_path) == ["answer"]


def test_empty_answer_in_a_file(call, tmp_path):
    with serve(answers({"body": b""})) as peer:
        assert call(get(peer.url(), answer_path=str(tmp_path / "answer")))["rc"] == 0
    assert (tmp_path / "answer").read_bytes() == b""


def test_chunked_answer_in_a_file(call, tmp_path):
    with serve(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) as peer:
        assert call(get(peer.url(), answer_path=str(tmp_path / "answer")))["rc"] == 0
    assert (tmp_path / "answer").read_bytes() == b"abcde"


def test_refusal_makes_no_file(call, tmp_path):
    with serve(answers({"status": "404 Not Found", "body": b"gone"})) as peer:
        got = call(get(peer.url(), answer_path=str(tmp_path / "answer")))
    assert (got["rc"], got["status"], got["body"]) == (0, 404, "gone")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name, answer, code, text", [
    ("length", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", "integrity", "the answer was cut after 5 bytes"),
    ("chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n1234", "integrity", "the answer was cut after 4 bytes"),
    ("end", b"HTTP/1.1 200 OK\r\n\r\n12345", "integrity", "the answer does not say how long it is"),
    ("coded", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", "integrity",
        "the answer is compressed, which nobody asked for"),
    ("nothing", b"", "network", "Server returned nothing (no headers, no data)"),
    ("head", b"HTTP/1.1 200 OK\r\nContent-Le", None, None),
])
def test_cut_answers(call, tmp_path, name, answer, code, text):
    with serve(raw(answer)) as peer:
        got = call(get(peer.url("/f?key=" + CANARY), answer_path=str(tmp_path / "answer")))
    assert (got["rc"], got["fate"], got["status"]) == (-1, "unknown", 0)
    assert os.listdir(tmp_path) == []
    if code is not None:
        assert (got["code"], got["error"]) == (code, f"GET '{peer.url('/f')}': {text}")


def test_unwritable_file(call, tmp_path):
    with serve(answers({"body": b"x"})) as peer:
        got = call(get(peer.url("/f"), answer_path=str(tmp_path / "no" / "answer")))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "not-found", "unknown")
    assert got["error"].startswith(f"GET '{peer.url('/f')}': cannot ")


@pytest.mark.parametrize("to_file", [False, True])
@pytest.mark.parametrize("announced", [False, True])
def test_answers_beyond_the_limit(call, tmp_path, to_file, announced):
    body = b"x" * 11
    chunked = b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + body + b"\r\n0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\n"
    answer = head + (b"Content-Length: 11\r\n\r\n" + body if announced else chunked)
    more = {"answer_path": str(tmp_path / "answer")} if to_file else {}
    with serve(raw(answer)) as peer:
        got = call(get(peer.url(), answer_max=10, **more))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "limit", "unknown")
    assert got["error"] == f"GET '{peer.url()}': the answer has more than 10 bytes"
    assert os.listdir(tmp_path) == []


# ---- what is known when no answer comes

def test_headers_beyond_the_limit(call):
    lines = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 80_000) for n in range(4))
    with serve(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n")) as peer:
        got = call(get(peer.url("/")))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "limit", "unknown")
    assert got["error"].endswith("the headers of the answer have more than 262144 bytes")


def test_a_file_that_becomes_shorter(call, tmp_path):
    """Somebody truncates a request file while it is sent: the call says so, and nobody knows what the other side made of it."""
    path = tmp_path / "body"
    with path.open("wb") as file:
        file.truncate(50_000_000)

    def script(connection, peer):
        connection.read_until(count=100_000)
        os.truncate(path, 0)
        while connection.read_until(count=len(connection.received) + 1):
            pass

    with serve(script) as peer:
        got = call(post(peer.url("/"), {"path": str(path), "length": 50_000_000}))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "integrity", "unknown")
    assert got["error"].endswith(f"'{path}' became shorter while it was sent")


def test_refused_connection(call):
    with socket.socket() as unused:  # bound, not listening: nobody else gets the port meanwhile
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        got = call(post(url, "x"))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "not sent")
    assert got["error"] == f"POST '{url}': Couldn't connect to server"


def test_unknown_host(call):
    got = call(post("http://no-such-host.invalid/a", "x"))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "not sent")
    assert got["error"].startswith("POST 'http://no-such-host.invalid/a': ")


@pytest.mark.parametrize("url, code, text", [
    ("nonsense", "syntax", "the URL is malformed"),
    ("ftp://host/a", "unsupported", "the URL is not one of http, https or file"),
    ("file:///etc/passwd", "unsupported", "the URL is not one of http or https"),
])
def test_bad_urls(call, url, code, text):
    got = call(get(url))
    assert (got["rc"], got["code"], got["fate"], got["error"]) == (-1, code, "not sent", text)


def test_missing_file(call, tmp_path):
    with serve(answers({})) as peer:
        got = call(post(peer.url("/a"), {"path": str(tmp_path / "f"), "length": 1}))
        assert peer.count == 0
    assert (got["rc"], got["code"], got["fate"]) == (-1, "not-found", "not sent")
    assert got["error"] == f"POST '{peer.url('/a')}': cannot open '{tmp_path}/f': No such file or directory"


def test_short_file(call, tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    with serve(answers({})) as peer:
        got = call(post(peer.url(), {"path": str(tmp_path / "f"), "offset": 3, "length": 3}))
        assert peer.count == 0
    assert (got["rc"], got["code"], got["fate"]) == (-1, "integrity", "not sent")
    assert got["error"].endswith(f"'{tmp_path}/f' has 5 bytes, but 3 from 3 on are to be sent")


def test_closed_before_a_request_was_read(call):
    with serve(lambda connection, peer: None) as peer:
        got = call(post(peer.url("/a"), "x" * 100))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "unknown")
    assert peer.count == 1


def test_reset_after_the_request(call):
    def script(connection, peer):
        peer.requests.append(connection.read_request())
        connection.reset()

    with serve(script) as peer:
        got = call(post(peer.url("/a"), "x"))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "unknown")
    assert got["error"].startswith(f"POST '{peer.url('/a')}': ")
    assert (peer.count, len(peer.requests)) == (1, 1)


def test_reset_in_the_middle_of_the_request(call, tmp_path):
    def script(connection, peer):
        connection.read_until(count=100_000)
        connection.reset()

    (tmp_path / "f").write_bytes(bytes(50 << 20))
    with serve(script) as peer:
        got = call(post(peer.url(), {"path": str(tmp_path / "f"), "length": 50 << 20}))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "unknown")
    assert peer.count == 1


def test_early_refusal_of_a_large_body(call, tmp_path):
    def script(connection, peer):
        connection.read_until(count=100_000)
        connection.answer(b"too large", "413 Too Large", ["Connection: close"])
        while connection.sock.recv(1 << 20):
            pass

    (tmp_path / "f").write_bytes(bytes(20 << 20))
    with serve(script) as peer:
        got = call(post(peer.url(), {"path": str(tmp_path / "f"), "length": 20 << 20}))
    assert (got["rc"], got["fate"], got["status"], got["body"]) == (0, "answered", 413, "too large")


def test_no_answer_in_time(call):
    def script(connection, peer):
        peer.requests.append(connection.read_request())
        peer.over.wait()

    with serve(script) as peer:
        got = call(post(peer.url("/a"), "x", timeout_ms=50))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "unknown")
    assert got["error"] == f"POST '{peer.url('/a')}': nothing moved for 50 ms"


def test_answer_that_stops(call, tmp_path):
    def script(connection, peer):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
        peer.over.wait()

    with serve(script) as peer:
        got = call(get(peer.url(), timeout_ms=50, answer_path=str(tmp_path / "answer")))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "unknown")
    assert os.listdir(tmp_path) == []


def test_slow_answers_are_not_cut(call):
    """Each byte begins the time anew: 40 pieces, each long before the limit, all together far beyond it."""

    def script(connection, peer):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
        for _ in range(40):
            peer.over.wait(0.05)
            connection.send(b"x")

    with serve(script) as peer:
        got = call(get(peer.url(), timeout_ms=1500))
    assert (got["rc"], got["body"]) == (0, "x" * 40)


def test_interruption(tool, tmp_path):
    calls = json.dumps({"calls": []})
    def script(connection, peer):
        connection.read_request()
        peer.over.wait()

    with serve(script) as peer:
        calls = json.dumps({"calls": [post(peer.url("/a"), "x")]})
        process = subprocess.Popen([tool("call_tool")], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, **NO_PROXY})
        process.stdin.write(calls)
        process.stdin.close()
        assert peer.arrived.wait(30)
        process.send_signal(signal.SIGTERM)
        got = json.loads(process.stdout.read())["answers"][0]
        assert process.wait() == 0
    assert (got["rc"], got["code"]) == (-1, "interrupted")
    assert got["error"] == f"POST '{peer.url('/a')}': interrupted"


# ---- TLS and proxies

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1 with its key."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", folder / "key", "-out", folder / "crt", "-days", "2", "-subj", "/CN=127.0.0.1",
        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    (folder / "both").write_bytes((folder / "crt").read_bytes() + (folder / "key").read_bytes())
    return folder


def test_tls(call, certificate):
    with serve(answers({"body": b"secure"}), certificate=certificate / "both") as peer:
        assert call(get(peer.url()), flags=[f"--trust={certificate / 'crt'}"])["body"] == "secure"


def test_untrusted_certificate(call, certificate):
    with serve(answers({}), certificate=certificate / "both") as peer:
        got = call(post(peer.url("/a"), "x"))
        assert peer.requests == []
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "not sent")
    assert got["error"] == f"POST '{peer.url('/a')}': SSL certificate problem: self-signed certificate"


def test_no_tls_there(call):
    def script(connection, peer):
        connection.read_until(count=1)
        connection.send(b"plain words\r\n")

    with serve(script) as peer:
        got = call(post(peer.url("/a").replace("http:", "https:"), "x"))
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "not sent")


def test_proxy(call):
    with serve(answers({"body": b"by proxy", "headers": ["X-P: 1"]})) as proxy:
        got = call(get("http://far.invalid/a"), env={"http_proxy": f"http://{proxy.address}", "no_proxy": None, "NO_PROXY": None})
    assert got["body"] == "by proxy"
    assert proxy.requests[0][0].startswith("GET http://far.invalid/a HTTP/1.1")


def test_proxy_that_refuses_a_tunnel(call):
    """CONNECT was sent, but nothing of the request."""
    with serve(answers({"status": "403 Forbidden", "body": b"no"})) as proxy:
        got = call(post("https://far.invalid/a", "x"),
            env={"https_proxy": f"http://{proxy.address}", "no_proxy": None, "NO_PROXY": None})
    assert (got["rc"], got["code"], got["fate"]) == (-1, "network", "not sent")
    assert proxy.requests[0][0].startswith("CONNECT far.invalid:443 HTTP/1.1")
