"""Cassettes: what is recorded of an exchange, and what replays it."""

import json
import os
import re

import pytest

from fake_provider import fake_provider
from peer import answers, serve
from provider import CANARY, INTENT, opened

KINDS = [("openai", {}), ("anthropic", {}), ("gemini", {}), ("gemini", {"gemini_input_mode": "file"})]


def go_through(provider, folder):
    """A whole batch; what every call said."""
    said = []
    (folder / "f.jsonl").write_text("".join(provider.render(f"prompt {i}", custom_id=f"{i}-a1-01234567") for i in range(2)))
    path = str(folder / "f.jsonl")

    def do(what, **more):
        got = provider.do(what, path=more.pop("to", path), **more)
        said.append((what, {k: v for k, v in got.items() if k != "cpu_us"}))
        return got

    ref = do("upload")["got"]
    batch_id = do("create", ref=ref)["got"]
    for _ in range(3):
        status = do("poll", batch_id=batch_id)
    assert status["ended"]
    do("fetch", ref=status["output_ref"], to=str(folder / "answers.jsonl"))
    do("cancel", batch_id=batch_id)
    if ref:
        do("forget", ref=ref)
    return said, (folder / "answers.jsonl").read_bytes()


@pytest.fixture
def recorded(tool, tmp_path, request):
    kind, config = getattr(request, "param", KINDS[0])
    first = tmp_path / "first"
    first.mkdir()
    with fake_provider() as fake:
        fake.faults({"on": "batch", "do": "wait", "polls": 2})
        with opened(tool, record=tmp_path / "tape", provider=kind, model="m", base_url=fake.url, **config) as provider:
            assert provider.opened["rc"] == 0, provider.opened
            said = go_through(provider, first)
    return tmp_path / "tape", config, said


@pytest.mark.parametrize("recorded", KINDS, indirect=True)
def test_replay_is_the_same(tool, recorded, tmp_path):
    tape, config, said = recorded
    again = tmp_path / "again"
    again.mkdir()
    with opened(tool, key=None, provider="replay", cassette=str(tape), model="m", **config) as provider:
        assert provider.opened["rc"] == 0, provider.opened
        assert go_through(provider, again) == said
    statuses = [got["status"] for what, got in said[0] if what == "poll"]
    assert statuses[0] != statuses[-1] == "completed"  # answers to the same request came in their order


@pytest.mark.parametrize("recorded", KINDS, indirect=True)
def test_nothing_secret_is_recorded(recorded):
    tape, _, _ = recorded
    for path in tape.iterdir():
        text = path.read_text()
        assert CANARY not in text, path
        assert not re.search("authorization|api-key|cookie", text, re.IGNORECASE), path


def test_two_recordings_are_the_same(tool, recorded, tmp_path):
    tape, config, _ = recorded
    other = tmp_path / "other"
    other.mkdir()
    with fake_provider() as fake:
        fake.faults({"on": "batch", "do": "wait", "polls": 2})
        with opened(tool, record=tmp_path / "tape2", provider="openai", model="m", base_url=fake.url, **config) as provider:
            go_through(provider, other)
    assert sorted(os.listdir(tape)) == sorted(os.listdir(tmp_path / "tape2"))
    for path in tape.iterdir():
        if path.suffix != ".answer":  # times of the provider
            assert path.read_bytes() == (tmp_path / "tape2" / path.name).read_bytes()


def test_format(tool, tmp_path):
    """As docs/formats/cassette.md says."""
    secret = f'{{"status":"in_progress","echo":"{CANARY}","organization":"org-abcdefghijkl1234567890"}}'.encode()
    with serve(answers({"body": secret, "headers": ["Content-Type: application/json", "Set-Cookie: a=b", "Openai-Organization: acme",
            "Retry-After: 3", "X-Request-Id: r"]})) as peer, \
            opened(tool, record=tmp_path / "tape", provider="openai", model="m", base_url=peer.url("")) as provider:
        (tmp_path / "f").write_text("{}\n")
        provider.do("create", path=str(tmp_path / "f"), ref="file-1")
    tape = tmp_path / "tape"
    assert sorted(os.listdir(tape)) == ["0001.answer", "0001.json", "0001.request", "cassette.json"]
    assert (tape / "cassette.json").read_text() == '{\n  "api": "openai",\n  "format": 1\n}\n'
    assert json.loads((tape / "0001.json").read_text()) == {
        "request": {"method": "POST", "path": "/v1/batches",
            "headers": {"content-type": "application/json", "idempotency-key": INTENT["intent_id"]}},
        "answer": {"status": 200, "headers": {"content-type": "application/json", "retry-after": "3"}}}
    assert json.loads((tape / "0001.answer").read_text()) == {
        "status": "in_progress", "echo": "REDACTED", "organization": "REDACTED"}
    assert {stat.st_mode & 0o777 for stat in map(os.stat, tape.iterdir())} == {0o644}


def test_upload_addresses_are_not_recorded(tool, tmp_path):
    def start(connection, peer):
        connection.read_request()
        connection.answer(headers=[f"X-Goog-Upload-URL: {peer.url('/up?upload_id=AbCdEfGh12345&upload_protocol=resumable')}",
            "Connection: close"])

    named = answers({"body": b'{"file":{"name":"files/f1"}}'})
    (tmp_path / "f").write_text('{"key":"0-a1-01234567","request":{}}\n')
    config = {"model": "m", "gemini_input_mode": "file"}
    with serve(start, named) as peer, \
            opened(tool, record=tmp_path / "tape", provider="gemini", base_url=peer.url(""), **config) as provider:
        assert provider.do("upload", path=str(tmp_path / "f"))["got"] == "files/f1"
    assert json.loads((tmp_path / "tape/0002.json").read_text())["request"]["path"] == (
        "/up?upload_id=REDACTED&upload_protocol=resumable")
    assert "AbCdEfGh" not in "".join(path.read_text() for path in (tmp_path / "tape").iterdir())
    with opened(tool, provider="replay", cassette=str(tmp_path / "tape"), **config) as provider:
        assert provider.do("upload", path=str(tmp_path / "f"))["got"] == "files/f1"


def test_recording_goes_on_behind(tool, recorded):
    tape, _, _ = recorded
    before = len(list(tape.glob("*.json")))
    with serve(answers({"body": b'{"status":"completed"}'})) as peer, \
            opened(tool, record=tape, provider="openai", model="m", base_url=peer.url("")) as provider:
        assert provider.do("poll", batch_id="b")["rc"] == 0
    assert len(list(tape.glob("*.json"))) == before + 1


def test_other_api(tool, recorded):
    tape, _, _ = recorded
    with opened(tool, record=tape, provider="anthropic", model="m") as provider:
        assert (provider.opened["code"], provider.opened["error"]) == (
            "conflict", f"cannot record: the cassette '{tape}' is one of openai, not of anthropic")


def test_echo_and_replay_are_not_recorded(tool, recorded, tmp_path):
    tape, _, _ = recorded
    for config in {"provider": "echo"}, {"provider": "replay", "cassette": str(tape)}:
        with opened(tool, record=tmp_path / "new", **config) as provider:
            assert (provider.opened["code"], provider.opened["error"]) == (
                "usage", "only calls over the network can be recorded")


# ---- replaying what is not there

@pytest.fixture
def tape(tmp_path):
    folder = tmp_path / "tape"
    folder.mkdir()
    (folder / "cassette.json").write_text('{"format": 1, "api": "openai"}')

    def add(number, method, path, body=b"", status=200, request=b"", **headers):
        exchange = {"request": {"method": method, "path": path}, "answer": {"status": status, "headers": headers}}
        (folder / f"{number:04}.json").write_text(json.dumps(exchange))
        if body:
            (folder / f"{number:04}.answer").write_bytes(body)
        if request:
            (folder / f"{number:04}.request").write_bytes(request)

    add.folder = folder
    return add


@pytest.fixture
def replay(tool, tape):
    with opened(tool, provider="replay", cassette=str(tape.folder), model="m") as provider:
        yield provider


def create_body(file_id="file-1"):
    return ('{"completion_window":"24h","endpoint":"/v1/responses","input_file_id":"%s","metadata":'
        '{"intent_id":"0123456789abcdef01234567","run_id":"run-1","seq":"1"}}' % file_id).encode()


def test_order_and_repetition(tape, tool):
    tape(1, "GET", "/v1/batches/b", b'{"status":"validating"}')
    tape(2, "POST", "/v1/batches", b'{"error":{"message":"slow"}}', 429, create_body(), **{"retry-after": "5"})
    tape(3, "GET", "/v1/batches/b", b'{"status":"in_progress"}')
    tape(4, "POST", "/v1/batches", b'{"id":"b"}', 200, create_body())
    tape(5, "GET", "/v1/batches/b", b'{"status":"completed"}')
    with opened(tool, provider="replay", cassette=str(tape.folder), model="m") as provider:
        statuses = [provider.do("poll", batch_id="b")["status"] for _ in range(5)]
        created = [provider.do("create", path="-", ref="file-1") for _ in range(3)]
    assert statuses == ["validating", "in_progress", "completed", "completed", "completed"]
    assert [(got["fate"], got["got"], got["retry_after_ms"]) for got in created] == [
        ("later", "", 5000), ("done", "b", 0), ("refused", "", 0)]
    assert created[2]["error"] == (
        f"the cassette '{tape.folder}' has no further answer to POST /v1/batches (2 given)")


@pytest.mark.parametrize("steps, what, arguments, text", [
    ([], "poll", {"batch_id": "b"}, "GET /v1/batches/b: nothing is recorded in it"),
    ([("GET", "/v1/batches/c")], "poll", {"batch_id": "b"}, "GET /v1/batches/b; the nearest one is 0001: GET /v1/batches/c"),
    ([("POST", "/v1/batches/b"), ("GET", "/v1/files/x/content"), ("GET", "/v1/batches/bb")], "poll", {"batch_id": "b"},
        "GET /v1/batches/b; the nearest one is 0003: GET /v1/batches/bb"),
    ([("GET", "/v1/batches"), ("DELETE", "/v1/files/f")], "forget", {"ref": "g"},
        "DELETE /v1/files/g; the nearest one is 0002: DELETE /v1/files/f"),
])
def test_unknown_request(tape, tool, steps, what, arguments, text):
    for number, (method, path) in enumerate(steps, 1):
        tape(number, method, path, b"{}")
    with opened(tool, provider="replay", cassette=str(tape.folder), model="m") as provider:
        got = provider.do(what, **arguments)
    assert (got["rc"], got["code"], got["fate"]) == (-1, "not-found", "refused")
    assert got["error"] == f"the cassette '{tape.folder}' has no answer to {text}"


def test_another_body(tape, tool):
    tape(1, "POST", "/v1/batches", b'{"id":"b"}', 200, b"something else")
    tape(2, "POST", "/v1/batches", b'{"id":"b"}', 200, create_body())
    with opened(tool, provider="replay", cassette=str(tape.folder), model="m") as provider:
        got = provider.do("create", path="-", ref="file-2")
    at = create_body().index(b"file-1") + 5
    assert got["fate"] == "refused"
    assert got["error"] == (f"the cassette '{tape.folder}' has no answer to POST /v1/batches; the nearest one is 0002: "
        f"POST /v1/batches, whose body differs from byte {at} on: "
        """'...","input_file_id":"file-1","metadata":{"intent_id":"0123456789ab...' recorded, """
        """'...","input_file_id":"file-2","metadata":{"intent_id":"0123456789ab...' now""")


@pytest.mark.parametrize("name, content, text", [
    ("cassette.json", None, "cannot open '{}': No such file or directory"),
    ("cassette.json", "{", "{}: line 1, column 1: string or '}}' expected near end of file"),
    ("cassette.json", "{}", "{}: 'format' or 'api' is missing"),
    ("cassette.json", '{"format": 2, "api": "openai"}', "{}: its format is not 1"),
    ("0001.json", "{}", "{}: it is no recorded exchange"),
    ("0001.json", '{"request":{"method":"GET","path":"/"},"answer":{"status":9}}', "{}: it is no recorded exchange"),
    ("0001.json", '{"request":{"method":"GET"},"answer":{"status":200}}', "{}: it is no recorded exchange"),
])
def test_damaged_cassettes(tape, tool, name, content, text):
    path = tape.folder / name
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    with opened(tool, provider="replay", cassette=str(tape.folder), model="m") as provider:
        assert provider.opened["rc"] == -1
        assert provider.opened["error"] == "cannot replay: " + text.format(path)


def test_unknown_api(tape, tool):
    (tape.folder / "cassette.json").write_text('{"format": 1, "api": "echo"}')
    with opened(tool, provider="replay", cassette=str(tape.folder), model="m") as provider:
        assert provider.opened["error"] == (
            f"the cassette '{tape.folder}' speaks 'echo', which is no API that is known")


def test_no_cassette(tool):
    with opened(tool, provider="replay", model="m") as provider:
        assert (provider.opened["code"], provider.opened["error"]) == ("usage", "the provider 'replay' needs a cassette")
