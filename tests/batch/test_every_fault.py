"""Every kind of fault that the fake provider knows, at each of the three APIs: the run comes to its end, and nothing is lost or
paid for twice."""

import pytest

import batch_runner as runner
from batch_runner import Runner, check_sent_once
from fake_provider import fake_provider

COUNT = 6  # items; 3 to a batch
CALLS = {  # what each API calls the same thing; (upload, create, poll, download)
    "openai": ("openai.files.create", "openai.batches.create", "openai.batches.get", "openai.files.content"),
    "anthropic": ("anthropic.batches.create", "anthropic.batches.create", "anthropic.batches.get", "anthropic.batches.results"),
    "gemini": ("gemini.upload.data", "gemini.batches.create", "gemini.batches.get", "gemini.files.content"),
}
UPLOAD, CREATE, POLL, DOWNLOAD = range(4)


@pytest.fixture(scope="module")
def provider():
    with fake_provider() as fake:
        yield fake


@pytest.fixture(params=CALLS)
def api(request):
    return request.param


@pytest.fixture
def batch(tmp_path, provider, api):
    provider.reset()
    runner.write_items(tmp_path / "items.jsonl", COUNT)
    return Runner(tmp_path, provider.url + ("/v1" if api == "openai" else ""))


def finish(batch, api, *args):
    """Start and wait, with success; the rows of all items, which are those that were asked for."""
    more = ("--gemini-input-mode", "file") if api == "gemini" else ()
    batch.start("run", "--provider", api, "--max-requests", "3", "--request-timeout-sec", "0.4", *more, *args).ok()
    batch.wait("run").ok()
    rows = batch.rows("run")
    assert [row["item_id"] for row in rows] == [f"item-{n}" for n in range(COUNT)]
    for number, row in enumerate(rows):
        assert row["status"] != "completed" or row["output_text"].startswith(f"prompt {number} ")
    return rows


def names(batch):
    return [event["event"] for event in batch.events("run")]


@pytest.mark.parametrize(("row", "call", "rule", "event"), [
    ("busy", UPLOAD, {"do": "status", "error": "rate_limit", "retry_after": "0", "times": 1}, "batch_submit_retry"),
    ("an error of the server", POLL, {"do": "status", "status": 500, "times": 1}, "batch_retry"),
    ("an error of the server, at the creation", CREATE, {"do": "status", "status": 500, "times": 1}, "batch_outcome_unknown"),
    ("no answer", POLL, {"do": "timeout", "times": 1}, "batch_retry"),
    ("cut off in the upload", UPLOAD, {"do": "reset_upload", "bytes": 100, "times": 1}, None),
    ("the connection reset", DOWNLOAD, {"do": "reset", "times": 2}, None),
    ("a part of the answers", DOWNLOAD, {"do": "cut", "bytes": 100, "times": 1}, "batch_retry"),
    ("slow answers", DOWNLOAD, {"do": "slow", "bytes_per_second": 20000}, "batch_completed"),
])
def test_calls(batch, provider, api, row, call, rule, event):
    provider.faults({"on": CALLS[api][call], **rule})
    rows = finish(batch, api)
    assert {(line["status"], line["attempt_count"]) for line in rows} == {("completed", 1)}
    check_sent_once(provider, COUNT)
    if event is not None:
        assert event in names(batch), row
    assert any("fault" in line for line in provider.log())


def test_retry_after(batch, provider, api):
    """The provider's own word counts, where it is longer than ours."""
    provider.faults({"on": CALLS[api][CREATE], "do": "status", "error": "rate_limit", "retry_after": "1", "times": 1})
    finish(batch, api)
    waits = [event["wait_ms"] for event in batch.events("run", "batch_submit_retry")]
    assert waits and max(waits) >= 1000
    check_sent_once(provider, COUNT)


@pytest.mark.parametrize(("row", "rule", "attempts"), [
    ("shuffled", {"on": "batch", "do": "shuffle"}, {1}),
    ("twice", {"on": "row", "do": "duplicate", "nth": 2}, {1}),
    ("left out", {"on": "row", "do": "missing", "batch": 1, "nth": 2}, {1}),
    ("no JSON", {"on": "row", "do": "unparsable", "batch": 1, "nth": 2}, {1}),
    ("expired", {"on": "batch", "do": "expire", "finished": 0.4, "times": 1}, {1}),
    ("cancelled", {"on": "batch", "do": "cancel", "finished": 0.4, "times": 1}, {1}),
    ("a row failed", {"on": "row", "do": "error", "status": 500, "batch": 1, "nth": 2}, {1, 2}),
])
def test_answers(batch, provider, api, row, rule, attempts):
    provider.faults(rule)
    rows = finish(batch, api)
    assert {line["status"] for line in rows} == {"completed"}
    assert {line["attempt_count"] for line in rows} == attempts, row
    check_sent_once(provider, COUNT)


def test_a_batch_that_fails(batch, provider, api):
    """Anthropic has no failed batches: all rows of it are errors, which count as attempts."""
    provider.faults({"on": "batch", "do": "fail", "times": 1})
    rows = finish(batch, api)
    assert {line["status"] for line in rows} == {"completed"}
    assert {line["attempt_count"] for line in rows} == ({1, 2} if api == "anthropic" else {1})
    assert ("batch_terminal_failure" in names(batch)) == (api != "anthropic")


# ---- what is special to one of them


@pytest.mark.parametrize("api", ["gemini"], indirect=True)
@pytest.mark.parametrize("at", [[1], [2], [3], [1, 3], [1, 2, 3]])
def test_inline_answers_of_which_some_are_torn(batch, provider, api, at):
    """All answers come in one document: one that is no JSON holds up no other."""
    provider.faults({"on": "row", "do": "unparsable", "batch": 1, "nth": at})
    rows = finish(batch, api, "--gemini-input-mode", "inline")
    assert {(line["status"], line["attempt_count"]) for line in rows} == {("completed", 1)}
    assert provider.summary()["again"] == len(at)
    check_sent_once(provider, COUNT)


@pytest.mark.parametrize("api", ["openai", "gemini"], indirect=True)
def test_uploaded_files_are_removed(batch, provider, api):
    finish(batch, api)
    assert left(provider, api) == []
    assert "remote_file_left" not in names(batch)


@pytest.mark.parametrize("api", ["openai", "gemini"], indirect=True)
def test_uploaded_files_are_kept(batch, provider, api):
    finish(batch, api, "--keep-remote-files")
    assert len(left(provider, api)) == 2


@pytest.mark.parametrize("api", ["openai", "gemini"], indirect=True)
@pytest.mark.parametrize("do", [{"do": "status", "status": 500}, {"do": "reset"}, {"do": "status", "status": 403}])
def test_a_file_that_cannot_be_removed(batch, provider, api, do):
    provider.faults({"on": f"{api}.files.delete", **do})
    rows = finish(batch, api)
    assert {line["status"] for line in rows} == {"completed"}
    assert len(left(provider, api)) == 2


def left(provider, api):
    """The uploaded files that are still at the provider."""
    if api == "openai":
        return [file["id"] for file in provider.call("GET", "/v1/files?purpose=batch").json()["data"]]
    return [file["name"] for file in provider.gemini("GET", "/v1beta/files").json()["files"] if file["source"] == "UPLOADED"]
