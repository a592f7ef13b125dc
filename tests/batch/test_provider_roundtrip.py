"""Batches from request file to answers over the fake provider, and finding one whose creation is in doubt."""

import json

import pytest

from fake_provider import fake_provider
from provider import INTENT, Batch, at_fake, opened

KINDS = [("openai", {}), ("openai", {"endpoint": "/v1/chat/completions"}), ("anthropic", {}), ("gemini", {}),
    ("gemini", {"gemini_input_mode": "file"}), ("echo", {}), ("echo", {"endpoint": "/v1/chat/completions"})]
FINDING = [("openai", {}), ("anthropic", {}), ("gemini", {})]
CREATE = {"openai": "openai.batches.create", "anthropic": "anthropic.batches.create", "gemini": "gemini.batches.create"}


@pytest.fixture(scope="module")
def shared_fake():
    with fake_provider() as fake:
        yield fake


@pytest.fixture
def fake(shared_fake):
    shared_fake.reset()
    return shared_fake


@pytest.mark.parametrize("kind, config", KINDS)
def test_from_requests_to_answers(tool, fake, tmp_path, kind, config):
    with at_fake(tool, fake, kind, **config) as provider:
        batch = Batch(provider, tmp_path)
        batch_id = batch.create()["got"]
        status = batch.end(batch_id)
        assert (status["status"], status["done"], status["failed"], status["batch_class"]) == ("completed", 3, 0, "")
        assert status["error_ref"] == ""
        answers = batch.fetch(status["output_ref"])
    assert [(a["custom_id"], a["ok"], a["text"]) for a in answers] == [
        (f"{i}-a1-00000001", True, f'prompt {i}\n"é"') for i in range(3)]


@pytest.mark.parametrize("kind, config", KINDS)
def test_structured(tool, fake, tmp_path, kind, config):
    """What is sent follows the provider's rules for schemas; echo answers with an instance."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}, "w": {"type": "string", "maxLength": 5},
        "e": {"enum": ["x", "y"]}, "l": {"type": "array", "items": {"$ref": "#/$defs/d"}}, "o": {"type": ["string", "null"]},
        "b": {"type": "boolean"}, "f": {"type": "number", "maximum": -0.5}, "d": {"type": "string", "format": "date"}},
        "required": ["n", "w", "e", "l", "o", "b", "f", "d"],
        "$defs": {"d": {"type": "object", "properties": {"k": {"const": "v"}}, "required": ["k"]}}}
    with at_fake(tool, fake, kind, schema_json=json.dumps(schema), schema_name="s", **config) as provider:
        assert provider.opened["rc"] == 0, provider.opened
        batch = Batch(provider, tmp_path)
        answers = batch.fetch(batch.end(batch.create()["got"])["output_ref"])
    assert all(answer["ok"] for answer in answers)
    if kind == "echo":
        assert json.loads(answers[1]["text"]) == {"n": 3, "w": "x", "e": "x", "l": [{"k": "v"}], "o": 'prompt 1\n"é"', "b": True,
            "f": -0.5, "d": "2026-01-01"}


@pytest.mark.parametrize("kind, config", FINDING)
def test_nothing_to_find(tool, fake, tmp_path, kind, config):
    with at_fake(tool, fake, kind, **config) as provider:
        other = Batch(provider, tmp_path, 2, count=2).create()["got"]
        assert other != ""
        assert Batch(provider, tmp_path, 1).upload().find() == ("none", "")


@pytest.mark.parametrize("act", ["reset_after", "timeout_after"])
@pytest.mark.parametrize("kind, config", FINDING)
def test_a_batch_whose_creation_got_no_answer_is_found(tool, fake, tmp_path, kind, config, act):
    with at_fake(tool, fake, kind, request_timeout_ms=2000 if act == "reset_after" else 200, **config) as provider:
        fake.faults({"on": CREATE[kind], "do": act})
        batch = Batch(provider, tmp_path)
        got = batch.create()
        assert (got["rc"], got["fate"]) == (-1, "unknown"), got
        fake.faults()
        other = Batch(provider, tmp_path, 2)
        assert other.create()["rc"] == 0
        found, batch_id = batch.find()
        if kind == "anthropic":  # nothing tells before they have ended
            assert (found, batch_id) == ("cannot tell", "")
            ids = [item["id"] for item in fake.call("GET", "/v1/messages/batches").json()["data"]]
            for other_id in ids:
                batch.end(other_id)
            found, batch_id = batch.find()
            assert batch_id == ids[-1]  # the older one
        assert found == "one"
        answers = batch.fetch(batch.end(batch_id)["output_ref"])
    assert [answer["custom_id"] for answer in answers] == [f"{i}-a1-00000001" for i in range(3)]


@pytest.mark.parametrize("kind, config", FINDING)
def test_a_creation_that_did_not_happen_is_not_found(tool, fake, tmp_path, kind, config):
    with at_fake(tool, fake, kind, **config) as provider:
        fake.faults({"on": CREATE[kind], "do": "reset"})
        batch = Batch(provider, tmp_path)
        assert batch.create()["fate"] == "unknown"
        fake.faults()
        assert batch.find() == ("none", "")
        assert batch.do("create")["rc"] == 0


def test_anthropic_known_batches_are_no_candidates(tool, fake, tmp_path):
    with at_fake(tool, fake, "anthropic") as provider:
        known = Batch(provider, tmp_path, 2).create()["got"]
        batch = Batch(provider, tmp_path, 1)
        assert batch.find() == ("cannot tell", "")
        batch.intent["known_ids"] = [known]
        assert batch.find() == ("none", "")


@pytest.mark.parametrize("kind, config", [("openai", {}), ("gemini", {})])
def test_the_second_of_two_is_cancelled(tool, fake, tmp_path, kind, config):
    with at_fake(tool, fake, kind, **config) as provider:
        fake.faults({"on": "batch", "do": "wait", "polls": 1000})
        batch = Batch(provider, tmp_path)
        ids = [batch.create()["got"], batch.do("create")["got"]]
        assert len(set(ids)) == 2
        found, kept = batch.find()
        assert found == "one" and kept in ids
        other = ids[1] if kept == ids[0] else ids[0]
        assert batch.poll(other)["status"] in ("cancelling", "cancelled")
        assert batch.poll(kept)["status"] in ("validating", "in_progress")
        assert batch.find() == ("one", kept)  # the same one again


def test_openai_find_goes_through_pages(tool, fake, tmp_path):
    with at_fake(tool, fake, "openai") as provider:
        batch = Batch(provider, tmp_path, 1)
        wanted = batch.create()["got"]
        rest = Batch(provider, tmp_path, 2).upload()
        for _ in range(101):
            assert rest.do("create")["rc"] == 0
        batch.ref = None
        assert batch.find() == ("one", wanted)
        lists = [call for call in fake.log() if call["call"] == "openai.batches.list"]
        assert len(lists) == 2
        batch.intent["created_at_s"] += 10_000  # the first page is of an older time: no need to look at the next one
        assert batch.find() == ("none", "")
        assert len([call for call in fake.log() if call["call"] == "openai.batches.list"]) == 3


def test_openai_without_metadata_the_file_tells(tool, fake, tmp_path):
    """A batch that a person made of our file."""
    with at_fake(tool, fake, "openai") as provider:
        batch = Batch(provider, tmp_path).upload()
        made = fake.create(batch.ref).json()["id"]
        assert batch.find() == ("one", made)


@pytest.mark.parametrize("kind, config", KINDS[:5])
def test_rows_that_failed(tool, fake, tmp_path, kind, config):
    with at_fake(tool, fake, kind, **config) as provider:
        fake.faults({"on": "row", "do": "error", "status": 400, "nth": 2, "message": "odd request"},
            {"on": "row", "do": "incomplete", "nth": 3})
        batch = Batch(provider, tmp_path)
        status = batch.end(batch.create()["got"])
        answers = batch.fetch(status["output_ref"])
        if status["error_ref"] != "":
            got = provider.do("fetch", ref=status["error_ref"], path=str(tmp_path / "errors"))
            answers += [provider.read(line, error_file=True) for line in (tmp_path / "errors").read_text().splitlines()]
    by_id = {answer["custom_id"]: answer for answer in answers}
    assert by_id["0-a1-00000001"]["ok"]
    assert by_id["1-a1-00000001"]["class"] == "provider_item_error"
    assert by_id["1-a1-00000001"]["words"].startswith("odd request")
    assert by_id["2-a1-00000001"]["class"] == "output_truncated"


@pytest.mark.parametrize("kind, do, status, rest", [
    ("openai", "expire", "expired", [(False, True, "batch_ended_early")]), ("openai", "cancel", "cancelled", []),
    ("anthropic", "expire", "expired", [(False, True, "batch_ended_early")]),
    ("anthropic", "cancel", "cancelled", [(False, True, "batch_ended_early")]),
])
def test_batches_that_end_early(tool, fake, tmp_path, kind, do, status, rest):
    """Rows that were done are there; what is said of the others costs them no attempt."""
    with at_fake(tool, fake, kind) as provider:
        fake.faults({"on": "batch", "do": do, "finished": 0.67})
        batch = Batch(provider, tmp_path)
        got = batch.end(batch.create()["got"])
        assert (got["status"], got["batch_class"]) == (status, f"batch_terminal_{status}")
        answers = batch.fetch(got["output_ref"])
        if got["error_ref"]:
            provider.do("fetch", ref=got["error_ref"], path=str(tmp_path / "errors"))
            answers += [provider.read(line, error_file=True) for line in (tmp_path / "errors").read_text().splitlines()]
    assert sorted((a["ok"], a["free"], a["class"]) for a in answers) == [*rest, (True, False, ""), (True, False, "")]


@pytest.mark.parametrize("rule, error_class, words", [
    ({"do": "fail", "code": "invalid_json_line", "message": "line 7 is odd"}, "batch_terminal_failed", "line 7 is odd"),
    ({"do": "fail", "error": "enqueued_tokens"}, "enqueue_token_limit", "Enqueued token limit"),
    ({"do": "fail", "error": "insufficient_quota"}, "openai_insufficient_quota", "quota"),
])
def test_batches_that_fail(tool, fake, tmp_path, rule, error_class, words):
    with at_fake(tool, fake, "openai") as provider:
        fake.faults({"on": "batch", **rule})
        batch = Batch(provider, tmp_path)
        got = batch.end(batch.create()["got"])
    assert (got["status"], got["batch_class"], got["output_ref"]) == ("failed", error_class, "")
    assert words in got["batch_words"]


def test_cancel_and_forget(tool, fake, tmp_path):
    with at_fake(tool, fake, "openai") as provider:
        fake.faults({"on": "batch", "do": "wait", "polls": 1000})
        batch = Batch(provider, tmp_path)
        batch_id = batch.create()["got"]
        assert provider.do("cancel", batch_id=batch_id)["rc"] == 0
        assert batch.poll(batch_id)["status"] in ("cancelling", "cancelled")
        assert provider.do("forget", ref=batch.ref)["rc"] == 0
        again = provider.do("forget", ref=batch.ref)
        assert (again["fate"], again["class"]) == ("refused", "not_found")
        assert provider.do("forget", ref="")["rc"] == 0  # nothing to remove


def test_echo_survives_anything(tool, tmp_path):
    """The answers come from the request file alone: another process gets the same ones."""
    texts = []
    for _ in range(2):
        with opened(tool, provider="echo") as provider:
            batch = Batch(provider, tmp_path)
            found, batch_id = batch.find()
            assert (found, batch_id) == ("one", "echo-000001-3-00000001" + INTENT["intent_id"][8:])
            batch.fetch(batch.end(batch_id)["output_ref"])
            texts.append(batch.answers.read_bytes())
    assert texts[0] == texts[1] != b""


@pytest.mark.parametrize("batch_id", ["", "x", "echo-1", "echo-x-1-y"])
def test_echo_knows_its_batches(tool, tmp_path, batch_id):
    with opened(tool, provider="echo") as provider:
        got = provider.do("poll", batch_id=batch_id)
    assert (got["fate"], got["error"]) == ("refused", f"there is no batch '{batch_id}'")


def test_echo_without_its_request_file(tool, tmp_path):
    (tmp_path / "answers").mkdir()
    with opened(tool, provider="echo") as provider:
        got = provider.do("fetch", ref="echo-000001-3-0", path=str(tmp_path / "answers" / "a"))
    assert (got["rc"], got["fate"], got["code"]) == (-1, "later", "not-found")
    assert str(tmp_path / "requests" / "000001.jsonl") in got["error"]
