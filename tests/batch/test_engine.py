"""What the runner makes of a provider that fails: everything is tried again within bounds, nothing is lost or sent twice."""

import json
import re
import signal

import pytest

import batch_runner as runner
from fake_provider import fake_provider
from batch_runner import KEY, Runner, check_sent_once, killed, said

COUNT = 20  # items; 5 to a batch
REFUSED = {"on": "openai.batches.create", "do": "status", "status": 400, "message": "The endpoint is closed on Sundays."}


@pytest.fixture(scope="module")
def provider():
    with fake_provider() as fake:
        yield fake


@pytest.fixture
def batch(tmp_path, provider):
    provider.reset()
    runner.write_items(tmp_path / "items.jsonl", COUNT)
    return Runner(tmp_path, provider.url + "/v1")


def start(batch, *args):
    return batch.start("run", "--max-requests", "5", *args)


def finish(batch, *args):
    """Start and wait, with success; the rows of all items."""
    start(batch, *args).ok()
    batch.wait("run").ok()
    return batch.rows("run")


def check_completed(batch, rows, provider, attempts=1):
    assert [row["item_id"] for row in rows] == [f"item-{n}" for n in range(COUNT)]
    assert {(row["status"], row["attempt_count"]) for row in rows} == {("completed", attempts)}
    for number, row in enumerate(rows):  # the answer is the question's: no answer went to another item
        assert row["output_text"].startswith(f"prompt {number} ")
    check_sent_once(provider, COUNT)


def names(batch):
    return {event["event"] for event in batch.events("run")}


# ---- faults that are made good without a trace in the results


@pytest.mark.parametrize(("row", "rule", "event"), [
    ("created, and the reply lost", {"on": "openai.batches.create", "do": "reset_after", "nth": 2}, "batch_adopted"),
    ("created, and no reply", {"on": "openai.batches.create", "do": "timeout_after", "nth": 2}, "batch_adopted"),
    ("not created, and no reply", {"on": "openai.batches.create", "do": "reset", "nth": 2}, "batch_not_created"),
    ("created, and an error of the server", {"on": "openai.batches.create", "do": "status", "status": 500, "nth": 1}, "batch_outcome_unknown"),
    ("a busy server", {"on": "openai.batches.create", "do": "status", "status": 429, "retry_after": "0", "times": 2}, "batch_submit_retry"),
    ("upload cut off", {"on": "openai.files.create", "do": "reset_upload", "bytes": 500, "nth": 2}, "batch_submit_retry"),
    ("upload fails", {"on": "openai.files.create", "do": "status", "status": 503, "times": 2}, "batch_submit_retry"),
    ("polls fail", {"on": "openai.batches.get", "do": "status", "status": 500, "times": 3}, "batch_retry"),
    ("answers cut off", {"on": "openai.files.content", "do": "cut", "bytes": 100, "times": 2}, "batch_retry"),
    ("lists fail", {"on": "openai.batches.list", "do": "status", "status": 500, "times": 2}, "batch_submitted"),
    ("out of order", {"on": "batch", "do": "shuffle"}, "batch_completed"),
    ("backwards", {"on": "batch", "do": "reverse"}, "batch_completed"),
    ("twice", {"on": "row", "do": "duplicate", "nth": [2, 5]}, "answers_odd"),
    ("slowly", {"on": "batch", "do": "wait", "polls": 4}, "batch_polled"),
])
def test_made_good(batch, provider, row, rule, event):
    provider.faults(rule)
    rows = finish(batch, "--request-timeout-sec", "0.5")
    check_completed(batch, rows, provider)
    assert event in names(batch), row
    assert batch.status("run")["status"] == "completed"


# Sent again because the provider did not answer it: without an attempt.
@pytest.mark.parametrize(("row", "rule"), [
    ("left out", {"on": "row", "do": "missing", "batch": 1, "nth": [1, 4]}),
    ("not JSON", {"on": "row", "do": "unparsable", "batch": 2, "nth": 3}),
    ("another's id", {"on": "row", "do": "wrong_id", "batch": 2, "nth": 3}),
    ("expired", {"on": "batch", "do": "expire", "finished": 0.4, "times": 1}),
    ("expired with nothing", {"on": "batch", "do": "expire", "finished": 0, "times": 2}),
    ("cancelled by somebody", {"on": "batch", "do": "cancel", "finished": 0.6, "times": 1}),
    ("failed", {"on": "batch", "do": "fail", "times": 2}),
])
def test_sent_again(batch, provider, row, rule):
    provider.faults(rule)
    check_completed(batch, finish(batch), provider)
    assert provider.summary()["again"] > 0


def test_odd_lines_are_told(batch, provider):
    provider.faults({"on": "row", "do": "wrong_id", "batch": 1, "nth": 3}, {"on": "row", "do": "unparsable", "batch": 1, "nth": 4},
                    {"on": "row", "do": "duplicate", "batch": 1, "nth": 5})
    shown = start(batch).ok().err + batch.wait("run").ok().err
    assert re.search("answers of batch [1-4]: 1 lines fit no item of it, 1 are there twice, 1 cannot be read", shown)
    event = batch.events("run", "answers_odd")[0]
    assert (event["foreign"], event["duplicate"], event["unreadable"]) == (1, 1, 1)


def test_an_error_costs_an_attempt(batch, provider):
    provider.faults({"on": "row", "do": "error", "status": 500, "contains": "prompt 7 ", "times": 1})
    rows = finish(batch)
    assert {row["item_id"]: row["attempt_count"] for row in rows if row["attempt_count"] != 1} == {"item-7": 2}
    assert {row["status"] for row in rows} == {"completed"}


def test_attempts_are_bounded(batch, provider):
    provider.faults({"on": "row", "do": "error", "status": 400, "message": "too silly", "contains": "prompt 7 "})
    rows = finish(batch, "--max-attempts", "2")
    failed = [row for row in rows if row["status"] != "completed"]
    assert [(row["item_id"], row["status"], row["attempt_count"]) for row in failed] == [("item-7", "failed_permanent", 2)]
    assert failed[0]["error"]["error_class"] == "provider_item_error"
    assert "too silly" in failed[0]["error"]["message"]
    status = batch.status("run")
    assert (status["status"], status["completed_items"], status["failed_items"]) == ("completed_with_failures", COUNT - 1, 1)


@pytest.mark.parametrize(("row", "rule", "want"), [
    ("never there", {"on": "row", "do": "missing", "contains": "prompt 7 "}, "batch_output_missing_row"),
    ("batches expire", {"on": "batch", "do": "expire", "finished": 0}, "batch_ended_early"),
    ("batches fail", {"on": "batch", "do": "fail"}, "batch_terminal_failed"),
])
def test_sendings_are_bounded(batch, provider, row, rule, want):
    provider.faults(rule)
    rows = finish(batch, "--max-batch-attempts", "2")
    failed = [row for row in rows if row["status"] != "completed"]
    assert {(row["status"], row["attempt_count"]) for row in failed} == {("failed_permanent", 0)}
    assert len(failed) == (1 if "never" in row else COUNT)
    if want != "batch_terminal_failed":  # there the provider has words of its own
        assert {row["error"]["error_class"] for row in failed} == {want}


# ---- refused


def test_refused(batch, provider):
    provider.faults({**REFUSED, "times": 1})
    result = start(batch)
    assert result.code == 1
    assert "The endpoint is closed on Sundays." in result.err
    status = batch.status("run")
    assert (status["status"], status["failed_items"]) == ("running", 0)
    assert "The endpoint is closed on Sundays." in status["last_error"]
    check_completed(batch, finish(batch), provider)


def test_wrong_key(batch, provider):
    provider.faults(api_key="another")
    result = start(batch)
    assert result.code == 1
    assert "Incorrect API key" in result.err
    counts = batch.status("run")["status_counts"]
    assert set(counts) <= {"pending", "queued_local"}
    assert sum(counts.values()) == COUNT
    provider.faults()
    check_completed(batch, finish(batch), provider)


def test_polls_that_are_refused_end_the_command(batch, provider):
    provider.faults({"on": "openai.batches.get", "do": "status", "status": 403, "message": "not yours"})
    start(batch)
    result = batch.wait("run")
    assert result.code == 1
    assert re.search("cannot poll batch [1-4] of run 'run': ", result.err)
    assert "not yours" in result.err
    provider.faults()
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)


def test_a_batch_that_cannot_be_polled_holds_up_no_other(batch, provider):
    provider.faults({"on": "openai.batches.get", "do": "status", "status": 500, "nth": list(range(1, 100))})
    start(batch)
    result = batch.wait("run", "--timeout", "30")
    assert result.code == 1
    assert "cannot poll batch" in result.err
    assert len(provider.log()) > 8


@pytest.mark.parametrize("call", ["openai.files.create", "openai.batches.create"])
def test_submissions_are_tried_so_often(batch, provider, call):
    provider.faults({"on": call, "do": "status", "status": 429, "retry_after": "0"})
    start(batch, "--max-batch-attempts", "3")  # one round
    result = batch.wait("run")
    assert result.code == 1
    assert "Rate limit reached" in result.err
    status = batch.status("run")
    assert status["consecutive_failures"] >= 3
    assert "Rate limit reached" in status["last_error"]
    assert provider.summary()["submissions"] == 0
    provider.faults()
    check_completed(batch, finish(batch, "--max-batch-attempts", "3"), provider)


@pytest.mark.parametrize("rule", [{"status": 500}, {"status": 200, "body": {}}])
def test_creations_without_a_word_are_tried_so_often(batch, provider, rule):
    """Whether the batch is there is looked up each time; that it is not is no reason to go on for ever."""
    provider.faults({"on": "openai.batches.create", "do": "status", **rule})
    batch.start("run", "--max-batch-attempts", "2").ok()
    status = batch.status("run")
    assert (status["failures"], status["consecutive_failures"]) == (1, 1)
    assert status["last_error"] is not None
    result = batch.wait("run", "--timeout", "30")
    assert result.code == 1
    assert result.err.splitlines()[-1] == f"lamina-batch: cannot create batch 1 of run 'run': {status['last_error']}"
    assert provider.summary()["submissions"] == 0
    provider.faults()
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)
    status = batch.status("run")
    assert (status["failures"], status["consecutive_failures"], status["last_error"]) == (3, 0, None)


def test_failed_polls_are_in_the_status(batch, provider):
    provider.faults({"on": "openai.batches.get", "do": "status", "status": 500, "message": "on fire"})
    batch.start("run", "--max-batch-attempts", "2")
    batch.wait("run")
    status = batch.status("run")
    assert status["failures"] >= 2
    assert status["consecutive_failures"] == 0  # of submissions
    assert (status["last_error_class"], status["backoff_remaining_sec"]) == ("control_plane_transient", 0)
    assert "on fire" in status["last_error"]
    failures = status["failures"]
    provider.faults()
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)
    status = batch.status("run")
    assert (status["failures"], status["last_error_class"], status["last_error"]) == (failures, None, None)


def refused(result):
    assert (result.code, result.out) == (1, ""), result
    return result.err.rstrip("\n").removeprefix("lamina-batch: ")


GONE = "; if it is gone for good, 'lamina-batch resolve --run-id run --batch 1 --not-created' has its items sent again"


@pytest.mark.parametrize("call", ["openai.batches.get", "openai.files.content"])
def test_a_batch_that_is_gone(batch, provider, call):
    """Another key may be all that is wrong, so only a person can say that it is to be sent again."""
    provider.faults({"on": call, "do": "status", "error": "not_found"})
    batch.start("run")
    result = batch.wait("run")
    assert result.code == 1
    assert result.err.splitlines()[-1].endswith(GONE)
    assert refused(batch.run("resolve", "run", "--not-created")) == "run 'run' has no submission of unknown outcome"
    batch.run("resolve", "run", "--batch", "1", "--not-created").ok()
    assert batch.status("run")["status_counts"] == {"queued_local": COUNT}
    assert refused(batch.run("resolve", "run", "--batch", "1", "--not-created")) == "run 'run' has no submission of unknown outcome"
    provider.faults()
    batch.wait("run").ok()
    rows = batch.rows("run")
    assert [(row["item_id"], row["status"], row["attempt_count"]) for row in rows] == [(f"item-{n}", "completed", 1) for n in range(COUNT)]
    assert provider.summary()["submissions"] == 2 * COUNT
    assert batch.status("run")["last_error"] is None


def test_a_batch_that_is_gone_from_a_cancelled_run(batch, provider):
    provider.faults({"on": "openai.batches.get", "do": "status", "error": "not_found"})
    batch.start("run")
    batch.run("cancel", "run").ok()
    assert batch.wait("run").code == 1
    batch.run("resolve", "run", "--batch", "1", "--not-created").ok()
    batch.wait("run").ok()
    assert {row["error"]["error_class"] for row in batch.rows("run")} == {"run_cancelled"}
    assert provider.summary()["submissions"] == COUNT


def test_a_batch_that_was_given_a_wrong_id(batch, provider):
    """A slip in `resolve --created` can be put right."""
    provider.faults({"on": "openai.batches.create", "do": "reset_after"}, {"on": "openai.batches.list", "do": "status", "status": 500})
    batch.start("run")
    assert batch.status("run")["consecutive_failures"] == 1
    batch.run("resolve", "run", "--created", "batch_wrong").ok()
    status = batch.status("run")
    assert (status["consecutive_failures"], status["backoff_remaining_sec"]) == (0, 0)
    provider.faults()
    assert batch.wait("run").err.splitlines()[-1].endswith(GONE)
    batch.run("resolve", "run", "--batch", "1", "--created", "batch_fake000001").ok()
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)
    assert batch.status("run")["last_error"] is None


def test_a_batch_that_is_there_cannot_be_given_up(batch, provider):
    provider.faults(polls=1000)
    batch.start("run").ok()
    assert refused(batch.run("resolve", "run", "--batch", "1", "--not-created")) == "the outcome of batch 1 of run 'run' is known"


def test_a_wait_that_the_provider_asks_for(batch, provider):
    provider.faults({"on": "openai.batches.create", "do": "status", "status": 429, "retry_after": "600", "times": 1})
    batch.start("run").ok()  # one batch: the success of another would be the end of that wait
    status = batch.status("run")
    assert 590 < status["backoff_remaining_sec"] <= 600
    result = batch.wait("run", "--timeout", "0.2")
    assert result.code == 1
    assert "is not finished after the time-out" in result.err
    assert provider.log()[-1]["call"] != "openai.batches.list"


# ---- paused, cancelled


def test_no_credit(batch, provider):
    provider.faults({"on": "openai.batches.create", "do": "status", "error": "insufficient_quota", "times": 1})
    start(batch)
    result = batch.wait("run")
    assert result.code == 1
    assert "run 'run' is paused: openai_insufficient_quota" in result.err
    status = batch.status("run")
    assert (status["control_state"], status["control_reason"]) == ("paused", "openai_insufficient_quota")
    batch.run("resume", "run").ok()
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)


def test_no_credit_for_a_row(batch, provider):
    provider.faults({"on": "row", "do": "error", "error": "insufficient_quota", "contains": "prompt 3 ", "times": 1})
    start(batch).ok()
    result = batch.wait("run")
    assert result.code == 1
    assert "is paused: openai_insufficient_quota" in result.err
    batch.run("resume", "run").ok()
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)  # the failure cost no attempt


def calls(provider):
    return [line["call"] for line in provider.log() if not line["call"].startswith("control")]


def test_paused_is_silent(batch, provider):
    provider.faults(polls=1000)
    start(batch).ok()
    batch.run("pause", "run").ok()
    before = calls(provider)
    batch.run("step", "run").ok()
    result = batch.wait("run")
    assert result.code == 1
    assert "run 'run' is paused: manual" in result.err
    assert calls(provider) == before
    batch.run("resume", "run").ok()
    batch.run("step", "run").ok()
    assert len(calls(provider)) > len(before)


def test_cancelled(batch, provider):
    provider.faults(polls=1000, finished_on_cancel=0.4)
    provider_limit = ("--enqueued-token-limit", "300", "--enqueued-target-percent", "100")
    start(batch, *provider_limit).ok()
    sent = provider.summary()["submissions"]
    assert 0 < sent < COUNT
    batch.run("cancel", "run").ok()
    batch.wait("run").ok()
    rows = batch.rows("run")
    completed = [row for row in rows if row["status"] == "completed"]
    others = [row for row in rows if row["status"] != "completed"]
    assert len(completed) == sent * 2 // 5
    assert {row["error"]["error_class"] for row in others} == {"run_cancelled"}
    assert provider.summary()["submissions"] == sent
    assert "openai.batches.cancel" in calls(provider)
    assert batch.status("run")["status"] == "completed_with_failures"
    assert batch.run("resume", "run").code == 1


def test_cancelled_before_anything_is_sent(batch, provider):
    provider.faults({"on": "openai.batches.create", "do": "status", "status": 429, "retry_after": "600"})
    start(batch).ok()
    batch.run("cancel", "run").ok()
    batch.wait("run").ok()
    assert {row["error"]["error_class"] for row in batch.rows("run")} == {"run_cancelled"}
    assert provider.summary()["submissions"] == 0
    assert not list((batch.artifacts / "run" / "requests").iterdir())


# ---- limits


def test_split_by_bytes(batch, provider):
    batch.start("run", "--max-file-bytes", "1000").ok()
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)
    for path in (batch.artifacts / "run" / "requests").iterdir():
        assert path.stat().st_size <= 1000
    assert provider.summary()["batches"] >= 4


def test_an_item_that_no_batch_can_hold(batch, provider):
    with (batch.folder / "items.jsonl").open("a") as file:
        file.write(json.dumps({"id": "large", "p": "y" * 3000}) + "\n")
    rows = finish(batch, "--max-file-bytes", "1500")
    large = rows.pop()
    assert (large["item_id"], large["status"], large["attempt_count"]) == ("large", "failed_permanent", 0)
    assert large["error"]["error_class"] == "request_too_large"
    check_completed(batch, rows, provider)


def test_an_item_of_too_many_tokens(batch, provider):
    with (batch.folder / "items.jsonl").open("a") as file:
        file.write(json.dumps({"id": "large", "p": "y" * 3000}) + "\n")
    rows = finish(batch, "--max-batch-enqueued-tokens", "500")
    assert rows.pop()["error"]["error_class"] == "openai_request_exceeds_batch_token_limit"
    check_completed(batch, rows, provider)


def test_tokens_that_wait_at_the_provider(batch, provider):
    provider.faults(enqueued_token_limit=400)
    limits = ("--enqueued-token-limit", "400", "--enqueued-target-percent", "100")
    check_completed(batch, finish(batch, *limits), provider)
    assert not batch.events("run", "batch_submit_retry")  # we never asked for more than there was room for


def test_a_queue_that_is_full(batch, provider):
    """Nobody told us the limit: we find out, and wait for our own batches."""
    provider.faults(enqueued_token_limit=300, polls=2)
    check_completed(batch, finish(batch), provider)


# ---- structured output


@pytest.fixture
def structured(batch):
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"], "additionalProperties": False}
    path = batch.folder / "schema.json"
    path.write_text(json.dumps(schema))
    return "--structured-output-schema", path


@pytest.mark.parametrize(("text", "want"), [
    ("no JSON", "invalid_json"),
    ('{"answer": 5}', "structured_output_validation_failed"),
    ("", "empty_response_text"),
])
def test_answers_that_do_not_follow_the_schema(batch, provider, structured, text, want):
    provider.faults({"on": "row", "do": "text", "text": text, "contains": "prompt 3 "})
    rows = finish(batch, *structured, "--max-attempts", "2")
    failed = [row for row in rows if row["status"] != "completed"]
    assert [(row["item_id"], row["attempt_count"], row["error"]["error_class"]) for row in failed] == [("item-3", 2, want)]
    assert all(set(row["output"]) == {"answer"} for row in rows if row["status"] == "completed")


# ---- several processes


def at_work(batch, provider):
    """A process that waits for batches which do not end."""
    provider.faults(polls=100000)
    start(batch).ok()
    before = len(calls(provider))
    process = batch.popen("wait", "run")
    while len(calls(provider)) == before:
        assert process.poll() is None, said(process)
    return process


def test_one_process_at_a_time(batch, provider):
    first = at_work(batch, provider)
    try:
        second = start(batch)
        assert second.code == 1
        assert f":{first.pid}:" in second.err
        assert "run 'run' is being worked on by" in second.err
        assert batch.status("run")["active_batches"] == 4  # anybody may look
        waiting = batch.wait("run", "--timeout", "0.1")
        assert waiting.code == 1
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = len(calls(provider))
    batch.run("step", "run").ok()  # what a dead process held is free at once
    assert len(calls(provider)) > before


def test_interrupted(batch, provider):
    process = at_work(batch, provider)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130, said(process)
    assert batch.status("run")["active_batches"] == 4


# ---- of unknown outcome, where the provider cannot tell


def anthropic(batch, provider, tries="2", **settings):
    """A run at a provider that keeps nothing by which a batch could be found: its only batch was made, and the reply lost."""
    provider.faults({"on": "anthropic.batches.create", "do": "timeout_after", "nth": 1}, **settings)
    batch.url = provider.url
    return batch.start("run", "--provider", "anthropic", "--request-timeout-sec", "0.3", "--max-batch-attempts", tries)


def test_unknown(batch, provider):
    """While the batch is in progress nothing tells it from another's."""
    anthropic(batch, provider, polls=100000)
    result = batch.wait("run")
    assert result.code == 1
    batch_id = provider.items()[0]["batch_id"]
    assert f"'lamina-batch resolve --run-id run --batch 1 --created {batch_id}' if it is the one made 20" in result.err
    assert batch.status("run")["unknown_batches"] == 1
    assert provider.summary()["batches"] == 1


@pytest.mark.parametrize("created", [True, False])
def test_resolved(batch, provider, created):
    anthropic(batch, provider, polls=100000)
    batch.wait("run")
    assert batch.status("run")["unknown_batches"] == 1
    batch_id = provider.items()[0]["batch_id"]
    batch.run("resolve", "run", *(("--created", batch_id) if created else ("--not-created",))).ok()
    status = batch.status("run")
    assert (status["unknown_batches"], status["active_batches"]) == (0, 1 if created else 0)
    assert batch.run("resolve", "run", "--not-created").code == 1
    if created:  # it is polled now, and nothing is sent again
        batch.run("step", "run").ok()
        assert provider.summary()["submissions"] == COUNT
    else:  # a person said so, and so they are sent
        provider.faults()
        batch.wait("run").ok()
        assert {row["status"] for row in batch.rows("run")} == {"completed"}
        assert provider.summary()["submissions"] == 2 * COUNT


def test_unknown_until_it_has_ended(batch, provider):
    """When the batch has ended its results tell whose it is."""
    anthropic(batch, provider)
    batch.wait("run")
    assert batch.status("run")["unknown_batches"] == 1
    batch_id = provider.items()[0]["batch_id"]
    assert provider.call("GET", f"/v1/messages/batches/{batch_id}").json()["processing_status"] == "ended"
    batch.wait("run").ok()
    check_completed(batch, batch.rows("run"), provider)
    assert "batch_adopted" in names(batch)


# ---- files


def test_a_damaged_request_file_is_made_anew(batch, provider):
    provider.faults({"on": "openai.files.create", "do": "status", "status": 503})
    start(batch).ok()
    path = batch.artifacts / "run" / "requests" / "000001.jsonl"
    text = path.read_text()
    path.write_text(text.replace("prompt", "tpmorp"))
    provider.faults()
    result = batch.wait("run").ok()
    assert "batch 1 is made anew: file differs from what was recorded" in result.err
    check_completed(batch, batch.rows("run"), provider)


def test_the_key_is_nowhere(batch, provider):
    provider.faults({"on": "openai.batches.create", "do": "status", "status": 401, "message": f"Incorrect API key provided: {KEY}", "times": 1})
    shown = [start(batch), batch.wait("run", "-v"), batch.run("status", "run")]
    for result in shown:
        assert KEY not in result.out + result.err
    for path in batch.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_events(batch, provider):
    finish(batch)
    events = batch.events("run")
    assert [event["event"] for event in events[:2]] == ["run_created", "items_ingested"]
    assert all(event["time"].endswith("Z") and len(event["time"]) == 24 for event in events)
    submitted = batch.events("run", "batch_submitted")
    assert sorted(event["batch"] for event in submitted) == [1, 2, 3, 4]
    assert {event["provider_batch_id"] for event in submitted} == {item["batch_id"] for item in provider.items()}
    assert sum(event["completed_item_count"] for event in batch.events("run", "batch_completed")) == COUNT


def test_raw_files(batch, provider):
    finish(batch)
    folder = batch.artifacts / "run"
    assert sorted(path.name for path in (folder / "outputs").iterdir()) == [f"00000{n}_output.jsonl" for n in (1, 2, 3, 4)]
    for path in (folder / "outputs").iterdir():
        assert path.read_bytes() == (folder / "answers" / path.name).read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600


def test_no_raw_files(batch, provider):
    finish(batch, "--no-raw-artifacts")
    assert not (batch.artifacts / "run" / "outputs").exists()
