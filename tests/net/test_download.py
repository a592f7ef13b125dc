"""Downloads against a server that fails on purpose."""

import hashlib
import random
import signal
import socket
import subprocess
import threading

import pytest

from web import content, hang, serve, status

DATA = random.Random(7).randbytes(300_000)
SHA = hashlib.sha256(DATA).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
ZERO = "0" * 64
CANARY = "canary-7f3a"


@pytest.fixture
def web():
    with serve() as server:
        yield server


@pytest.fixture
def fetch(run, tool, tmp_path):
    """fetch(url, sha=, size=, limit=, options...) -> what fetch_tool reports; the file is tmp_path / "file"."""

    def fetch(url, sha=SHA, size=0, limit=0, **options):
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in {"backoff_ms": 1, **options}.items()]
        result = run(tool("fetch_tool"), *flags, url, "numpy.whl", tmp_path / "file", sha, str(size), str(limit), env=NO_PROXY)
        assert CANARY not in result.out + result.err
        return result.json()

    return fetch


NO_PROXY = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


def of_kind(result, kind):
    return [event for event in result["events"] if event[0] == kind]


def left(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def test_whole_file(web, fetch, tmp_path):
    web.answers["/a.whl"] = [content(DATA)]
    result = fetch(web.url("/a.whl"), size=len(DATA))
    assert (result["code"], result["error"]) == ("ok", "")
    assert (tmp_path / "file").read_bytes() == DATA
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o644
    assert left(tmp_path) == ["file"]
    assert of_kind(result, "begin") == [["begin", "numpy.whl", 0, len(DATA), None]]
    assert result["events"][-1] == ["end", "numpy.whl", 0, 0, None]
    assert result["events"][-2] == ["progress", "numpy.whl", len(DATA), len(DATA), None]
    assert web.ranges("/a.whl") == [None]


def test_digest_is_found(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA)]
    result = fetch(web.url("/a"), sha="-")
    assert result["code"] == "ok"
    assert result["sha256"] == [SHA]
    assert (tmp_path / "file").read_bytes() == DATA


def test_empty_file(web, fetch, tmp_path):
    web.answers["/a"] = [content(b"")]
    assert fetch(web.url("/a"), sha=hashlib.sha256(b"").hexdigest())["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == b""


def test_file_url(fetch, tmp_path):
    (tmp_path / "source").write_bytes(DATA)
    assert fetch(f"file://{tmp_path}/source")["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA


def test_missing_file_url(fetch, tmp_path):
    result = fetch(f"file://{tmp_path}/nothing")
    assert result["code"] == "network"
    assert result["error"] == (
        f"cannot download 'numpy.whl' from 'file://{tmp_path}/nothing': Couldn't read a file:// file")


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_transient_answers_are_retried(web, fetch, tmp_path, code):
    web.answers["/a"] = [status(code), status(code), content(DATA)]
    result = fetch(web.url("/a"))
    assert result["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert len(web.requests) == 3
    assert [event[4].rsplit(": ")[-1] for event in of_kind(result, "note")] == [f"the server answered {code}"] * 2


def test_retries_end(web, fetch, tmp_path):
    web.answers["/a"] = [status(503)]
    result = fetch(web.url("/a"))
    assert result["code"] == "network"
    assert result["error"] == (
        f"cannot download 'numpy.whl' from '{web.url('/a')}': the server answered 503, in 6 attempts")
    assert len(web.requests) == 6
    assert left(tmp_path) == []


def test_retry_after(web, fetch):
    web.answers["/a"] = [status(429, Retry_After=1), content(DATA)]
    result = fetch(web.url("/a"))
    assert result["code"] == "ok"
    assert [event[4] for event in of_kind(result, "note")] == [
        "download of 'numpy.whl' goes on in 1000 ms: the server answered 429"]


def test_retry_after_is_not_waited_for_too_long(web, fetch):
    web.answers["/a"] = [status(503, Retry_After=3600)]
    result = fetch(web.url("/a"))
    assert result["code"] == "network"
    assert result["error"] == (f"cannot download 'numpy.whl' from '{web.url('/a')}': "
        "the server answered 503 and asks to wait 3600 s")
    assert len(web.requests) == 1


def test_retry_after_as_a_date(web, fetch):
    web.answers["/a"] = [status(503, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT")]
    result = fetch(web.url("/a"))
    assert result["code"] == "network"
    assert ": the server answered 503 and asks to wait " in result["error"]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 304])
def test_final_answers(web, fetch, tmp_path, code):
    web.answers["/a"] = [status(code)]
    result = fetch(web.url("/a"))
    assert result["code"] == "network"
    assert result["error"] == f"cannot download 'numpy.whl' from '{web.url('/a')}': the server answered {code}"
    assert len(web.requests) == 1
    assert left(tmp_path) == []


def test_refused_connection(fetch):
    with socket.socket() as unused:  # bound, not listening: nobody else gets the port meanwhile
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        result = fetch(url)
    assert result["code"] == "network"
    assert result["error"] == f"cannot download 'numpy.whl' from '{url}': Couldn't connect to server, in 6 attempts"


def test_unknown_host(fetch):
    result = fetch("http://no-such-host.invalid/a")
    assert result["code"] == "network"
    assert result["error"].startswith("cannot download 'numpy.whl' from 'http://no-such-host.invalid/a': ")


def test_cut_connection_is_resumed(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA, cut=100_000), content(DATA, cut=50_000), content(DATA)]
    result = fetch(web.url("/a"))
    assert result["code"] == "ok", result
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == [None, "bytes=100000-", "bytes=150000-"]


def test_cut_connection_without_ranges(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA, cut=100_000), content(DATA, ranges=False)]
    assert fetch(web.url("/a"))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == [None, "bytes=100000-"]


def test_cut_connection_without_digest_needs_a_validator(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA, cut=100_000), content(DATA)]
    assert fetch(web.url("/a"), sha="-")["sha256"] == [SHA]
    assert web.ranges("/a") == [None, None]
    assert (tmp_path / "file").read_bytes() == DATA


def test_if_range(web, fetch, tmp_path):
    seen = []
    web.answers["/a"] = [content(DATA, cut=100_000, etag='"one"'), content(DATA, etag='"one"', if_range=seen)]
    assert fetch(web.url("/a"), sha="-")["sha256"] == [SHA]
    assert seen == ['"one"']
    assert web.ranges("/a") == [None, "bytes=100000-"]


def test_if_range_of_a_file_that_changed(web, fetch, tmp_path):
    old = bytes(len(DATA))
    web.answers["/a"] = [content(old, cut=100_000, etag='"one"'), content(DATA, etag='"two"')]
    assert fetch(web.url("/a"), sha="-")["sha256"] == [SHA]
    assert (tmp_path / "file").read_bytes() == DATA


def test_weak_etag_is_no_validator(web, fetch):
    web.answers["/a"] = [content(DATA, cut=100_000, etag='W/"one"'), content(DATA)]
    assert fetch(web.url("/a"), sha="-")["sha256"] == [SHA]
    assert web.ranges("/a") == [None, None]


def test_wrong_range_is_not_taken(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA, cut=100_000), content(DATA, shift=10), content(DATA)]
    assert fetch(web.url("/a"))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == [None, "bytes=100000-", None]


def test_early_end_without_length(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA, cut=100_000, length=False), content(DATA)]
    assert fetch(web.url("/a"), size=len(DATA))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == [None, "bytes=100000-"]


def test_attempts_that_get_further_do_not_count(web, fetch, tmp_path):
    data = random.Random(8).randbytes(10 << 20)
    web.answers["/a"] = [content(data, cut=(1 << 20) + 1) for _ in range(9)] + [content(data)]
    assert fetch(web.url("/a"), sha=hashlib.sha256(data).hexdigest())["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == data
    assert len(web.requests) == 10


def test_server_that_never_sends_it_whole_and_knows_no_ranges(web, fetch, tmp_path):
    data = random.Random(8).randbytes(5 << 20)
    web.answers["/a"] = [content(data, cut=2 << 20, ranges=False)]
    result = fetch(web.url("/a"), sha=OTHER)
    assert result["code"] == "network"
    assert result["error"] == (f"cannot download 'numpy.whl' from '{web.url('/a')}': "
        "Transferred a partial file, in 6 attempts")
    assert len(web.requests) <= 7


def test_resume_of_an_earlier_process(web, fetch, tmp_path):
    (tmp_path / "file.partial").write_bytes(DATA[:120_000])
    web.answers["/a"] = [content(DATA)]
    assert fetch(web.url("/a"))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == ["bytes=120000-"]
    assert left(tmp_path) == ["file"]


def test_wrong_partial_file_is_fetched_once_more_from_the_start(web, fetch, tmp_path):
    (tmp_path / "file.partial").write_bytes(bytes(120_000))
    web.answers["/a"] = [content(DATA)]
    assert fetch(web.url("/a"))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == ["bytes=120000-", None]


def test_partial_file_without_digest_is_not_trusted(web, fetch, tmp_path):
    (tmp_path / "file.partial").write_bytes(bytes(120_000))
    web.answers["/a"] = [content(DATA)]
    assert fetch(web.url("/a"), sha="-")["sha256"] == [SHA]
    assert web.ranges("/a") == [None]


@pytest.mark.parametrize("size", [len(DATA), 0])
def test_complete_partial_file(web, fetch, tmp_path, size):
    (tmp_path / "file.partial").write_bytes(DATA)
    web.answers["/a"] = [content(DATA)]
    assert fetch(web.url("/a"), size=size)["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == ([] if size else [f"bytes={len(DATA)}-"])  # of an unknown size: 416 and the digest tell


def test_partial_file_that_is_too_long(web, fetch, tmp_path):
    (tmp_path / "file.partial").write_bytes(DATA + b"more")
    web.answers["/a"] = [content(DATA)]
    assert fetch(web.url("/a"), size=len(DATA))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == [None]


def test_partial_file_of_unknown_size_that_is_too_long(web, fetch, tmp_path):
    (tmp_path / "file.partial").write_bytes(DATA + b"more")
    web.answers["/a"] = [content(DATA)]
    assert fetch(web.url("/a"))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == [f"bytes={len(DATA) + 4}-", None]


def test_partial_file_that_is_a_link(web, fetch, tmp_path):
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / "file.partial").symlink_to("victim")
    result = fetch(web.url("/a"))
    assert result["code"] == "io"
    assert (tmp_path / "victim").read_bytes() == b"mine"


def test_wrong_digest(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA)]
    result = fetch(web.url("/a"), sha=OTHER)
    assert result["code"] == "integrity"
    assert result["error"] == (
        f"cannot download 'numpy.whl' from '{web.url('/a')}': its SHA-256 is {SHA}, expected {OTHER}")
    assert len(web.requests) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(("size", "limit"), [(0, 1000), (1000, 0), (2000, 1000), (1000, 2000)])
def test_too_large(web, fetch, tmp_path, length, size, limit):
    web.answers["/a"] = [content(DATA, length=length)]
    result = fetch(web.url("/a"), size=size, limit=limit)
    assert result["code"] == ("integrity" if size == 1000 else "limit")  # another file, or a limit of ours
    assert result["error"] == f"cannot download 'numpy.whl' from '{web.url('/a')}': it has more than 1000 bytes"
    assert len(web.requests) == 1
    assert left(tmp_path) == []


def test_too_small(web, fetch, tmp_path):
    web.answers["/a"] = [content(DATA)]
    result = fetch(web.url("/a"), size=400_000)
    assert result["code"] == "integrity"
    assert result["error"] == (
        f"cannot download 'numpy.whl' from '{web.url('/a')}': it has 300000 bytes, expected 400000")


def test_stalled_connection_is_cut_and_resumed(web, fetch, tmp_path):
    web.answers["/a"] = [hang(DATA, after=10), content(DATA)]
    assert fetch(web.url("/a"), stall_s=1)["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA
    assert web.ranges("/a") == [None, "bytes=10-"]


def test_redirects(web, fetch, tmp_path):
    web.answers["/a"] = [status(302, Location="/b")]
    web.answers["/b"] = [status(307, Location=web.url("/c"))]
    web.answers["/c"] = [content(DATA)]
    assert fetch(web.url("/a"))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA


def test_redirect_loop(web, fetch):
    web.answers["/a"] = [status(302, Location="/a")]
    result = fetch(web.url("/a"))
    assert result["code"] == "network"
    assert result["error"] == (f"cannot download 'numpy.whl' from '{web.url('/a')}': "
        "Number of redirects hit maximum amount")
    assert len(web.requests) == 11


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/a"])
def test_redirect_to_something_else(web, fetch, target):
    web.answers["/a"] = [status(302, Location=target)]
    result = fetch(web.url("/a"), sha="-")
    assert result["code"] == "network"
    assert result["error"] == (f"cannot download 'numpy.whl' from '{web.url('/a')}': "
        "the server redirects to a kind of URL that is not allowed here")


@pytest.mark.parametrize(("url", "code", "error"), [
    (f"ftp://user:{CANARY}@127.0.0.1/a", "unsupported", "the URL is not one of http, https or file"),
    ("a.whl", "syntax", "the URL is malformed"),
    ("", "syntax", "the URL is malformed"),
    (f"http://user:{CANARY}@/a", "syntax", "the URL is malformed"),
    (f"http://user:{CANARY}@host:99999/a", "syntax", "the URL is malformed"),
    (f"http://host/{CANARY}\n", "syntax", "the URL is malformed"),
])
def test_bad_urls(fetch, url, code, error):
    result = fetch(url)
    assert result["code"] == code
    assert result["error"] == f"cannot download 'numpy.whl': {error}"


def test_credentials_are_sent_and_never_shown(web, fetch):
    web.answers["/a"] = [status(500), status(404)]
    result = fetch(web.url("/a", user=f"user:{CANARY}@") + f"?token={CANARY}#{CANARY}")
    assert result["error"] == f"cannot download 'numpy.whl' from '{web.url('/a')}': the server answered 404"
    assert web.requests[0][1]["Authorization"].startswith("Basic ")


def test_credentials_do_not_follow_a_redirect(web, fetch, tmp_path):
    with serve() as other:
        web.answers["/a"] = [status(302, Location=other.url("/b"))]
        other.answers["/b"] = [content(DATA)]
        assert fetch(web.url("/a", user=f"user:{CANARY}@"))["code"] == "ok"
        assert "Authorization" in web.requests[0][1]
        assert "Authorization" not in other.requests[0][1]


def test_what_is_at_the_path_stays_on_failure(web, fetch, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    web.answers["/a"] = [content(DATA)]
    assert fetch(web.url("/a"), sha=OTHER)["code"] == "integrity"
    assert (tmp_path / "file").read_bytes() == b"old"


def test_missing_folder(web, run, tool, tmp_path):
    path = tmp_path / "nowhere" / "file"
    result = run(tool("fetch_tool"), web.url("/a"), "numpy.whl", path, SHA, "0", "0", env=NO_PROXY).json()
    assert result["code"] == "io"
    assert result["error"] == (f"cannot download 'numpy.whl' from '{web.url('/a')}': "
        f"cannot write '{path}': No such file or directory")


def several(web, tmp_path, count):
    """Arguments for so many files of different bytes, and those bytes."""
    arguments, expected = [], {}
    for i in range(count):
        data = random.Random(i).randbytes(10_000 + i)
        web.answers[f"/{i}"] = [status(503), content(data, cut=5000), content(data)] if i % 3 == 0 else [content(data)]
        arguments += [web.url(f"/{i}"), f"label-{i}", tmp_path / f"{i}", hashlib.sha256(data).hexdigest(), str(len(data)), "0"]
        expected[f"{i}"] = data
    return arguments, expected


@pytest.mark.parametrize("parallel", [1, 3, 50])
def test_many(web, run, tool, tmp_path, parallel):
    arguments, expected = several(web, tmp_path, 20)
    result = run(tool("fetch_tool"), f"--parallel={parallel}", "--backoff-ms=1", *arguments, env=NO_PROXY).json()
    assert (result["code"], result["error"]) == ("ok", "")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == expected
    assert sorted(event[1] for event in of_kind(result, "end")) == sorted(f"label-{i}" for i in range(20))


def test_the_first_failure_ends_all(web, run, tool, tmp_path):
    arguments, _ = several(web, tmp_path, 5)
    web.answers["/2"] = [status(404)]
    web.answers["/4"] = [hang(DATA, after=10)]
    result = run(tool("fetch_tool"), *arguments, env=NO_PROXY).json()
    assert result["code"] == "network"
    assert result["error"] == f"cannot download 'label-2' from '{web.url('/2')}': the server answered 404"


def at_once(web, run, tool, tmp_path, size, one_more_ms, wanted):
    """How many of six files are sent at the same time, at most. Answers wait until `wanted` are asked for."""
    asked, ended, most = set(), set(), []
    changed = threading.Condition()

    def answer(path):
        def send(handler):
            with changed:
                asked.add(path)
                most.append(len(asked) - len(ended))
                changed.notify_all()
                changed.wait_for(lambda: len(asked) >= wanted, 20)
                ended.add(path)
            content(DATA)(handler)

        return send

    arguments = []
    for i in range(6):
        web.answers[f"/{i}"] = [answer(f"/{i}")]
        arguments += [web.url(f"/{i}"), f"label-{i}", tmp_path / f"{i}", SHA, str(size), "0"]
    result = run(tool("fetch_tool"), f"--one-more-ms={one_more_ms}", *arguments, env=NO_PROXY).json()
    assert (result["code"], result["error"]) == ("ok", "")
    return max(most)


def test_large_files_begin_two_at_a_time(web, run, tool, tmp_path):
    """Of unknown size, in order."""
    assert at_once(web, run, tool, tmp_path, 0, 3_600_000, 2) == 2
    assert {path for path, _ in web.requests[:2]} == {"/0", "/1"}


def test_one_more_large_file_after_a_while(web, run, tool, tmp_path):
    assert at_once(web, run, tool, tmp_path, 0, 1, 6) == 6


def test_small_files_begin_all_at_once(web, run, tool, tmp_path):
    assert at_once(web, run, tool, tmp_path, len(DATA), 3_600_000, 6) == 6


def test_nothing_to_do(run, tool):
    assert run(tool("fetch_tool")).json() == {"code": "ok", "error": "", "sha256": [], "events": []}


def start_tool(tool, url, path):
    command = [tool("fetch_tool"), url, "numpy.whl", path, SHA, "0", "0"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_interrupt_keeps_what_was_received(web, fetch, tool, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web.answers["/a"] = [hang(DATA, after=100_000), content(DATA)]
    process = start_tool(tool, web.url("/a"), tmp_path / "file")
    assert web.arrived.wait(60)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert '"interrupted"' in out and '"error": "interrupted"' in out
    assert not (tmp_path / "file").exists()
    assert fetch(web.url("/a"))["code"] == "ok"
    assert (tmp_path / "file").read_bytes() == DATA


def test_interrupt_ends_a_pause(web, tool, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web.answers["/a"] = [status(503, Retry_After=100)]
    process = start_tool(tool, web.url("/a"), tmp_path / "file")
    assert web.arrived.wait(60)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert '"interrupted"' in out
    assert len(web.requests) == 1


def test_two_processes_at_once(web, fetch, tool, tmp_path, monkeypatch):
    """The second does not touch the partial file that the first one is writing, and leaves none of its own."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web.answers["/a"] = [hang(DATA, after=100_000), content(DATA)]
    process = start_tool(tool, web.url("/a"), tmp_path / "file")
    assert web.arrived.wait(60)
    assert fetch(web.url("/a"))["code"] == "ok"
    assert web.ranges("/a") == [None, None]
    assert (tmp_path / "file").read_bytes() == DATA
    process.kill()
    process.communicate()
    assert left(tmp_path) in (["file"], ["file", "file.partial"])


@pytest.fixture
def certificate(run, tmp_path):
    """A self-signed certificate for 127.0.0.1 with its key."""
    folder = tmp_path / "certificate"
    folder.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out",
        folder / "crt").ok()
    (folder / "both").write_bytes((folder / "key").read_bytes() + (folder / "crt").read_bytes())
    return folder


def test_certificates_are_checked(certificate, fetch, tmp_path):
    with serve(certificate / "both") as web:
        web.answers["/a"] = [content(DATA)]
        result = fetch(web.url("/a", user=f"user:{CANARY}@"))
        assert result["code"] == "network"
        assert result["error"] == (f"cannot download 'numpy.whl' from '{web.url('/a')}': "
            "SSL certificate problem: self-signed certificate")
        assert web.requests == []
        assert fetch(web.url("/a"), trust=certificate / "crt")["code"] == "ok"
        assert (tmp_path / "file").read_bytes() == DATA


def test_missing_certificates(certificate, fetch, tmp_path):
    with serve(certificate / "both") as web:
        result = fetch(web.url("/a"), trust=tmp_path / "nowhere")
        assert result["code"] == "network"
        assert result["error"] == (f"cannot download 'numpy.whl' from '{web.url('/a')}': "
            f"error setting certificate file: {tmp_path}/nowhere")


@pytest.mark.parametrize(("sha", "code"), [(SHA, "ok"), ("-", "network")], ids=["digest", "none"])
def test_https_is_left_for_http_only_with_a_digest(certificate, web, fetch, sha, code):
    web.answers["/b"] = [content(DATA)]
    with serve(certificate / "both") as secure:
        secure.answers["/a"] = [status(302, Location=web.url("/b"))]
        assert fetch(secure.url("/a"), sha=sha, trust=certificate / "crt")["code"] == code
    assert len(web.requests) == (1 if code == "ok" else 0)
