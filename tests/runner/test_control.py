"""Runs in the hands of several processes: pause, resume, cancel, retry, resolve, list, step; progress; interrupts."""

import json
import os
import re
import signal
import subprocess

import pytest

from run import merged
from terminal import terminal

SLOW = {"on": "batch", "do": "wait", "polls": 150}  # at the times that a test chooses


def rows(count):
    return [{"id": str(n), "text": f"text {n}"} for n in range(count)]


def said(result, code=1):
    assert (result.code, result.out) == (code, ""), result
    return result.err.rstrip("\n").splitlines()[-1].removeprefix("lamina-batch: ")


def calls(provider, name):
    return [call for call in provider.log() if call["call"] == f"openai.{name}"]


class Background:
    """A command that runs meanwhile."""

    def __init__(self, runner, *args):
        self.process = subprocess.Popen([runner.program, *args], cwd=runner.folder, env=merged(runner.env), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self):
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def background(runner):
    started = []

    def start(*args):
        started.append(Background(runner, *args))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def polled(provider, more=3):
    """Wait until a runner has looked at its batches so many times more."""
    before = len(calls(provider, "batches.get"))
    while len(calls(provider, "batches.get")) < before + more:
        pass


def test_one_step_polls_each_batch_once(runner, provider):
    # calls that take longer than the interval, at times that differ: another one is due whenever one comes back
    provider.faults({**SLOW, "polls": 40}, {"on": "*.batches.get", "do": "delay", "ms": 45, "every": 2},
                    {"on": "*.batches.get", "do": "delay", "ms": 75})
    runner.start(rows(4), max_requests=1, poll_interval_sec=600).ok()
    before = len(calls(provider, "batches.get"))
    told = runner("step", run_id="r", poll_interval=0.01).json()
    assert told["active_batches"] == 4
    assert len(calls(provider, "batches.get")) == before + 4


def test_pause_stops_polls_and_submissions(runner, provider, background):
    provider.faults(SLOW)
    runner.start(rows(4), max_requests=2).ok()
    waiting = background("wait", "--run-id", "r", "--poll-interval", "0.01")
    polled(provider)
    told = runner("pause", run_id="r").json()
    assert (told["control_state"], told["control_reason"], told["status"]) == ("paused", "manual", "running")
    assert waiting.finish() == (1, "", "lamina-batch: run 'r' is paused: manual\n")
    seen = len(provider.log())
    assert said(runner("wait", run_id="r")) == "run 'r' is paused: manual"
    assert runner("step", run_id="r").json()["control_state"] == "paused"
    runner.start(rows(4), max_requests=2).ok()
    assert len(provider.log()) == seen
    provider.faults()
    assert runner("resume", run_id="r").json()["control_state"] == "running"
    assert runner("wait", run_id="r").json()["completed_items"] == 4
    assert provider.summary()["needless"] == 0


def test_cancel_drains_what_is_submitted_and_gives_up_the_rest(runner, provider, background):
    provider.faults({**SLOW, "polls": 1_000_000}, enqueued_token_limit=0)  # until they are taken away
    runner.start(rows(6), poll_interval_sec=600, max_requests=2, enqueued_token_limit=120, enqueued_target_percent=100).ok()
    first = runner("status", run_id="r").json()
    assert first["status_counts"].get("submitted", 0) in (2, 4)
    submitted = first["status_counts"]["submitted"]
    waiting = background("wait", "--run-id", "r", "--poll-interval", "0.01")
    polled(provider)
    told = runner("cancel", run_id="r").json()
    assert told["control_state"] == "cancel_requested"
    assert said(runner("resume", run_id="r")) == "run 'r' was cancelled"
    assert said(runner("pause", run_id="r")) == "run 'r' was cancelled"
    provider.faults()
    code, out, err = waiting.finish()
    assert code == 0, err
    end = json.loads(out)
    assert (end["status"], end["completed_items"] + end["failed_items"]) == ("completed_with_failures", 6)
    assert 6 - submitted <= end["failed_items"]
    failed = [row for row in runner.results() if row["status"] == "failed_permanent"]
    assert {row["error"]["error_class"] for row in failed} == {"run_cancelled"}
    assert {row["attempt_count"] for row in failed} == {0}
    assert said(runner("retry", run_id="r")) == "run 'r' was cancelled"


def test_a_cancelled_run_needs_no_process_to_end_when_nothing_is_submitted(runner, provider):
    provider.faults({"on": "openai.files.create", "do": "status", "error": "invalid_key"})
    assert runner.start(rows(2)).code == 1
    assert runner("cancel", run_id="r").ok()
    end = runner("step", run_id="r").json()
    assert (end["status"], end["failed_items"]) == ("completed_with_failures", 2)


def test_retry_gives_failed_items_another_chance(runner, provider):
    provider.faults({"on": "row", "contains": "text 1", "do": "error", "status": 500})
    told = runner.finished(rows(3), max_attempts=2, base_backoff_sec=0.001)
    assert (told["failed_items"], told["status"]) == (1, "completed_with_failures")
    provider.faults()
    again = runner("retry", run_id="r").ok()
    assert again.err == "lamina-batch: 1 item is pending again\n"
    assert (again.json()["status"], again.json()["status_counts"]) == ("running", {"pending": 1, "completed": 2})
    assert runner("wait", run_id="r").json()["status"] == "completed"
    assert [(row["item_id"], row["attempt_count"]) for row in runner.results()] == [("0", 1), ("1", 1), ("2", 1)]
    assert runner("retry", run_id="r").ok().err == "lamina-batch: 0 items are pending again\n"


ANTHROPIC = {"provider": "anthropic", "poll_interval_sec": 0.01}


@pytest.fixture
def unknown(runner, provider):
    """Anthropic keeps nothing by which a batch could be found whose create was cut off while a like one is there."""
    runner.env |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": provider.url}

    def start(fault):
        like = {"on": "batch", "do": "wait", "polls": 20}
        provider.faults(like)
        runner.start([{"id": "x", "text": "x"}, {"id": "y", "text": "y"}], run_id="like", input=runner.items(
            [{"id": "x", "text": "x"}, {"id": "y", "text": "y"}], "like.jsonl"), **ANTHROPIC).ok()
        provider.faults({"on": "anthropic.batches.create", "times": 1, "do": fault}, like)
        told = runner.start(rows(2), **ANTHROPIC).ok()
        assert "warning: batch 1 of run 'r': it cannot be told whether this batch was created (2 items, sent 20" in told.err
        assert (told.json()["unknown_batches"], told.json()["status_counts"]) == (1, {"queued_local": 2})
        assert said(runner("wait", run_id="r", timeout=0.1)) == "run 'r' is not finished after the time-out"

    return start


def test_resolve_as_created(runner, provider, unknown):
    unknown("reset_after")
    batch = [call["batch_id"] for call in provider.log() if call["call"] == "anthropic.batches.create"][1]
    told = runner("resolve", run_id="r", created=batch).json()
    assert (told["unknown_batches"], told["status_counts"]) == (0, {"submitted": 2})
    assert runner("wait", run_id="r").json()["completed_items"] == 2
    assert provider.summary()["needless"] == 0
    assert said(runner("resolve", run_id="r", not_created=True)) == "run 'r' has no submission of unknown outcome"


def test_resolve_as_not_created(runner, provider, unknown):
    unknown("reset")
    told = runner("resolve", run_id="r", not_created=True).json()
    assert told["unknown_batches"] == 0
    assert runner("wait", run_id="r").json()["completed_items"] == 2
    assert [row["output_text"] for row in runner.results()] == ["text 0", "text 1"]
    assert provider.summary()["needless"] == 0


def test_no_store(runner):
    assert said(runner("resolve", run_id="r", not_created=True)) == f"there are no runs: '{runner.folder}/runs.sqlite3' does not exist"


def test_list(runner):
    runner.finished(rows(1), run_id="first")
    runner.start(rows(2), run_id="second").ok()
    told = [json.loads(line) for line in runner("list").ok().out.splitlines()]
    assert [(run["run_id"], run["status"], run["total_items"]) for run in told] == [("first", "completed", 1), ("second", "running", 2)]
    assert said(runner("status", run_id="secund")) == "there is no run 'secund', did you mean 'second'?"


def test_steps_come_to_the_end(runner, provider):
    provider.faults({"on": "batch", "do": "wait", "polls": 2})
    runner.start(rows(5), max_requests=2).ok()
    for _ in range(50):
        if runner("step", run_id="r").json()["status"] == "completed":
            break
    assert [row["output_text"] for row in runner.results()] == [f"text {n}" for n in range(5)]
    assert provider.summary()["needless"] == 0
    seen = len(provider.log())
    assert runner("step", run_id="r", env={"OPENAI_API_KEY": None}).json()["status"] == "completed"
    assert len(provider.log()) == seen


def test_a_step_while_another_process_has_the_run_does_nothing(runner, provider, background):
    provider.faults({**SLOW, "polls": 60})
    runner.start(rows(4), poll_interval_sec=0.05).ok()
    waiting = background("wait", "--run-id", "r", "--poll-interval", "0.05")
    polled(provider)
    second = runner("step", run_id="r").ok()
    assert re.fullmatch(r"lamina-batch: \S+:\d+:\w+ works on run 'r'\n", second.err), second.err
    assert second.json()["status"] == "running"
    third = runner.start(rows(4), poll_interval_sec=0.05)
    assert re.fullmatch(r"run 'r' is being worked on by \S+; 'lamina-batch wait' waits for it", said(third))
    standing_by = background("wait", "--run-id", "r")
    assert "waiting for " in standing_by.process.stderr.readline()
    assert json.loads(waiting.finish()[1])["completed_items"] == 4
    code, out, _ = standing_by.finish()
    assert (code, json.loads(out)["status"]) == (0, "completed")
    assert provider.summary()["needless"] == 0


def test_two_starts_at_once(runner, provider, background):
    runner.items(rows(3000))
    words = ["start", "--run-id", "r", "--input", "items.jsonl", "--id-field", "id", "--prompt-field", "text", "--model", "m"]
    ends = [one.finish() for one in [background(*words), background(*words)]]
    assert 0 in [code for code, _, _ in ends], ends
    for code, _, err in ends:
        assert code == 0 or "is being worked on by" in err or "there is a run 'r'" in err or "database" in err, err
    runner("wait", run_id="r").ok()
    assert len(runner.results()) == 3000
    assert provider.summary()["needless"] == 0


def test_a_time_out(runner, provider):
    provider.faults({**SLOW, "polls": 100_000})
    runner.start(rows(1)).ok()
    assert said(runner("wait", run_id="r", timeout=0.2)) == "run 'r' is not finished after the time-out"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_and_the_run_goes_on(runner, provider, background, number):
    provider.faults(SLOW)
    runner.start(rows(4), max_requests=2).ok()
    waiting = background("wait", "--run-id", "r", "--poll-interval", "0.01")
    polled(provider)
    waiting.process.send_signal(number)
    assert waiting.finish() == (130, "", "lamina-batch: interrupted\n")
    provider.faults()
    assert runner("wait", run_id="r").json()["completed_items"] == 4
    assert provider.summary()["needless"] == 0


def test_no_credit_pauses_the_run(runner, provider):
    provider.faults({"on": "openai.batches.create", "nth": 1, "do": "status", "error": "insufficient_quota"})
    told = runner.start(rows(2))
    status = runner("status", run_id="r").json()
    assert (status["control_state"], status["control_reason"]) == ("paused", "openai_insufficient_quota"), told
    assert said(runner("wait", run_id="r")) == "run 'r' is paused: openai_insufficient_quota"
    runner("resume", run_id="r").ok()
    assert runner("wait", run_id="r").json()["completed_items"] == 2


# ---- progress


def test_progress_on_a_terminal(runner, provider):
    provider.faults({"on": "batch", "nth": 2, "do": "wait", "polls": 1000})
    runner.start(rows(400), max_requests=200).ok()
    with terminal(runner.program, "wait", "--run-id", "r", "--poll-interval", "0.01", columns=100, env=runner.env,
                  cwd=runner.folder) as shown:
        shown.wait_for(lambda text: "200 of 400" in text and "left" in text and "1 of 2 batches" in text)
        first, second = shown.screen.text.splitlines()[:2]
        assert re.fullmatch(r"run +r +\[#{10}\.{10}\]  200 of 400  [\d.]+/s  \d+:\d\d left", first), first
        assert re.fullmatch(r"items +200 submitted, 200 completed, 1 of 2 batches active, about \d+ tokens", second), second
        os.kill(shown.process.pid, signal.SIGINT)
        assert shown.finish() == 130
        assert shown.screen.text == "lamina-batch: interrupted\n"
