"""What the batch runner makes of clocks that go wrong and of files that were damaged behind its back: no request is paid for twice,
and nothing waits for an hour that is over."""

from pathlib import Path

import pytest

from batch_runner import check_sent_once, killed, said
from sanitizers import SANITIZED

ITEMS = 400
PATIENCE_S = 60


def wrong_clock(**settings):
    """The environment of a process whose wall clock is wrong; durations are right."""
    if SANITIZED:
        pytest.skip("libfaketime and a sanitizer call each other before either has begun")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    assert library, "libfaketime is missing: ./check installs it (package faketime)"
    return {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1", **settings}


def polled(provider, process, more):
    """Wait until the process has looked at batches so many times more."""
    def count():
        return sum(call["call"] == "openai.batches.get" for call in provider.log())
    until = count() + more
    while count() < until:
        assert process.poll() is None, said(process)


@pytest.mark.parametrize("jump", ["-86400", "+86400"])
def test_the_clock_is_set_while_it_waits(batch, provider, fast_path, jump):
    clock = fast_path / "clock"
    clock.write_text("+0\n")
    provider.faults({"on": "batch", "do": "wait", "polls": 1_000_000})
    batch.start("run", "--max-requests", "50").ok()
    waiting = batch.popen("wait", "run", **wrong_clock(FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE="1"))
    polled(provider, waiting, 20)
    clock.write_text(jump + "\n")
    polled(provider, waiting, 100)  # it still looks
    waiting.kill()
    waiting.wait()


def test_machines_whose_clocks_differ_take_nothing_from_each_other(shared, provider):
    """A lease is over when the store's clock says so, and not when that of a machine that is ahead does."""
    ahead = wrong_clock(FAKETIME="+3600s")
    provider.faults({"on": "batch", "do": "wait", "polls": 20})
    assert killed(shared.start("run", "--max-requests", "20", LAMINA_KILL_POINT="batch: claimed").code)
    both = [shared.popen("wait", "run"), shared.popen("wait", "run", **ahead)]
    for process in both:
        assert process.wait(PATIENCE_S) == 0, said(process)
    assert shared.events("run", "batch_adopted") == []
    assert shared.status("run")["status"] == "completed"
    check_sent_once(provider, ITEMS)


def test_a_back_off_that_a_wrong_clock_recorded(batch, provider):
    provider.faults({"on": "openai.batches.create", "do": "status", "error": "rate_limit", "retry_after": "2"})
    failed = batch.start("run", "--max-batch-attempts", "1", **wrong_clock(FAKETIME="+10d"))
    assert (failed.code, "cannot create batch 1 of run 'run': the provider answered 429" in failed.err) == (1, True), failed
    provider.faults()
    assert batch.wait("run", "--timeout", str(PATIENCE_S)).json()["status"] == "completed"
    check_sent_once(provider, ITEMS)


def test_answers_that_were_cut_before_they_were_taken_in(batch, provider):
    if batch.start("run", "--max-requests", "100", LAMINA_KILL_POINT="batch: fetched recorded").code == 0:
        batch.wait("run", LAMINA_KILL_POINT="batch: fetched recorded")  # a start that came so far is not gone on with
    for path in (batch.artifacts / "run" / "answers").iterdir():
        path.write_bytes(path.read_bytes()[:-1000])
    told = batch.wait("run").ok()
    assert "are damaged, and are fetched again\n" in told.err
    assert [row["attempt_count"] for row in batch.rows("run")] == [1] * ITEMS
    check_sent_once(provider, ITEMS)


def cut_at_a_line(data):
    return b"".join(data.splitlines(keepends=True)[:-3])


def with_other_words(data):
    return data.replace(b"prompt ", b"PROMPT ")


@pytest.mark.parametrize("damage", [cut_at_a_line, with_other_words, lambda data: b""])
def test_answers_that_were_changed_before_they_were_taken_in(batch, provider, damage):
    """Whole lines that are missing are no rows that the provider did not answer: to send those again would be paid for twice."""
    if batch.start("run", "--max-requests", "100", LAMINA_KILL_POINT="batch: fetched recorded").code == 0:
        batch.wait("run", LAMINA_KILL_POINT="batch: fetched recorded")  # a start that came so far is not gone on with
    for path in (batch.artifacts / "run" / "answers").iterdir():
        path.write_bytes(damage(path.read_bytes()))
    told = batch.wait("run").ok()
    assert "are damaged, and are fetched again\n" in told.err
    rows = batch.rows("run")
    assert [(row["attempt_count"], row["output_text"]) for row in rows] == [(1, row["metadata"]["p"]) for row in rows]
    check_sent_once(provider, ITEMS)


def test_answers_that_were_changed_while_they_were_taken_in(batch, provider):
    """Half of them are in the store when the other half is lost."""
    batch.start("run", LAMINA_KILL_POINT="batch: answers taken in")
    assert killed(batch.wait("run", LAMINA_KILL_POINT="batch: answers taken in").code)
    [path] = (batch.artifacts / "run" / "answers").iterdir()
    path.write_bytes(cut_at_a_line(path.read_bytes()))
    assert "are damaged, and are fetched again\n" in batch.wait("run").ok().err
    assert [row["status"] for row in batch.rows("run")] == ["completed"] * ITEMS
    check_sent_once(provider, ITEMS)


def changed(path, old, new):
    """The file with other words in it; returns where their line begins."""
    data = path.read_bytes()
    assert len(old) == len(new) and old in data and new not in data
    path.write_bytes(data.replace(old, new))
    return data.rindex(b"\n", 0, data.index(old)) + 1


def test_a_row_that_was_changed_before_it_was_sent(batch, provider):
    assert killed(batch.start("run", LAMINA_KILL_POINT="batch: claimed").code)
    path = batch.artifacts / "run" / "rows.jsonl"
    at = changed(path, b"prompt 17 ", b"prompt ?? ")
    told = batch.wait("run")
    assert (told.code, told.out) == (1, "")
    assert told.err.splitlines()[-1] == \
        f"lamina-batch: making batch 1: the line at byte {at} of '{path}' was changed after it was recorded"
    assert provider.items() == []
    changed(path, b"prompt ?? ", b"prompt 17 ")  # put right
    batch.wait("run").ok()
    check_sent_once(provider, ITEMS)


RESULTS = (["results"], ["results", "--format", "csv"], ["results", "--after-sequence", "0"], ["export-artifacts", "--destination-dir", "out"])


@pytest.mark.parametrize("name", ["rows.jsonl", "answers/000001_output.jsonl"])
@pytest.mark.parametrize("command", RESULTS)
def test_results_are_not_made_of_lines_that_were_changed(batch, name, command):
    batch.start("run", "--no-raw-artifacts").ok()
    batch.wait("run").ok()
    path = batch.artifacts / "run" / name
    at = changed(path, b"prompt 17 ", b"prompt ?? ")
    told = batch.run(command[0], "run", *command[1:])
    assert told.code == 1
    assert told.err == f"lamina-batch: result of item 'item-17': the line at byte {at} of '{path}' was changed after it was recorded\n"
    assert not (batch.folder / "out").exists()


@pytest.mark.parametrize("name", ["requests/000001.jsonl", "outputs/000001_output.jsonl", "outputs/000001_error.jsonl"])
@pytest.mark.parametrize("damage", [cut_at_a_line, lambda data: data.replace(b"1", b"2")])
def test_what_was_changed_is_not_exported(batch, provider, name, damage):
    provider.faults({"on": "row", "contains": "prompt 3", "do": "error", "status": 400, "error": "invalid_request"})
    batch.start("run", "--max-attempts", "1").ok()
    batch.wait("run").ok()
    batch.export("run").ok()
    path = batch.artifacts / "run" / name
    data = path.read_bytes()
    path.unlink()  # answers have the same file under another name
    path.write_bytes(damage(data))
    told = batch.export("run")
    assert (told.code, told.err) == (1, f"lamina-batch: '{path}' was changed after it was recorded\n")
    assert (batch.exports / "run" / name).read_bytes() == data
    path.unlink()
    batch.run("prune-artifacts", "run", "--include-raw-output-artifacts").ok()
    exported = batch.exports / "run" / name  # the only one that is left
    exported.write_bytes(damage(data))
    told = batch.export("run")
    assert (told.code, told.err) == (1, f"lamina-batch: '{exported}' was changed after it was recorded\n")


def test_answers_that_are_gone_before_they_were_taken_in(batch, provider):
    if batch.start("run", "--max-requests", "100", LAMINA_KILL_POINT="batch: fetched recorded").code == 0:
        batch.wait("run", LAMINA_KILL_POINT="batch: fetched recorded")  # a start that came so far is not gone on with
    for path in (batch.artifacts / "run" / "answers").iterdir():
        path.unlink()
    assert "are damaged, and are fetched again" in batch.wait("run").ok().err
    assert [row["status"] for row in batch.rows("run")] == ["completed"] * ITEMS
    assert len(batch.events("run", "answers_damaged")) > 0
    check_sent_once(provider, ITEMS)


GONE = "; if it is gone for good, 'lamina-batch resolve --run-id run --batch 1 --not-created' has its items sent again"


def refusal(result):
    assert (result.code, result.out) == (1, ""), result
    return result.err.splitlines()[-1].removeprefix("lamina-batch: ")


@pytest.mark.usefixtures("postgres_server")  # before what the test leaves is looked at
@pytest.mark.parametrize("store", ["batch", "shared"])
@pytest.mark.parametrize("point, taken", [("batch: fetched recorded", 0), ("batch: answers taken in", ITEMS * 3 // 4)])
def test_answers_that_are_damaged_here_and_gone_there(request, provider, store, point, taken):
    """Only a person can say that they are gone: another key may be all that is wrong. What was taken in of them is kept."""
    batch = request.getfixturevalue(store)
    provider.faults({"on": "row", "every": 4, "do": "error", "status": 500})
    if not killed(batch.start("run", LAMINA_KILL_POINT=point).code):
        assert killed(batch.wait("run", LAMINA_KILL_POINT=point).code)
    assert batch.status("run")["status_counts"].get("completed", 0) == taken
    path = batch.artifacts / "run" / "answers" / "000001_error.jsonl"
    path.write_bytes(cut_at_a_line(path.read_bytes()))
    known = "the outcome of batch 1 of run 'run' is known"
    assert refusal(batch.run("resolve", "run", "--batch", "1", "--not-created")) == known
    provider.faults({"on": "openai.files.content", "do": "status", "error": "not_found"})
    for _ in range(2):  # it is told each time
        assert refusal(batch.wait("run")).endswith(GONE)
    assert "404" in batch.status("run")["last_error"]
    assert refusal(batch.run("resolve", "run", "--batch", "1", "--created", "batch_x")) == known
    assert killed(batch.run("resolve", "run", "--batch", "1", "--not-created", LAMINA_KILL_POINT="run: answers given up").code)
    assert refusal(batch.wait("run")).endswith(GONE)
    batch.run("resolve", "run", "--batch", "1", "--not-created").ok()
    assert batch.status("run")["last_error"] is None
    assert refusal(batch.run("resolve", "run", "--batch", "1", "--not-created")) == "run 'run' has no submission of unknown outcome"
    provider.faults()
    batch.wait("run").ok()
    rows = batch.rows("run")
    assert [(row["attempt_count"], row["output_text"]) for row in rows] == [(1, row["metadata"]["p"]) for row in rows]
    assert (len(rows), provider.summary()["submissions"]) == (ITEMS, 2 * ITEMS - taken)
    batch.export("run").ok()  # what was whole of the answers is there, too
    assert sorted(path.name for path in (batch.exports / "run" / "outputs").iterdir()) == ["000001_output.jsonl", "000002_output.jsonl"]


def fetched(batch, *args):
    """A run that ended when the answers of its only batch were here and not taken in; their file."""
    if not killed(batch.start("run", *args, LAMINA_KILL_POINT="batch: fetched recorded").code):
        assert killed(batch.wait("run", LAMINA_KILL_POINT="batch: fetched recorded").code)
    return batch.artifacts / "run" / "answers" / "000001_output.jsonl"


@pytest.mark.parametrize("damage", [cut_at_a_line, with_other_words, lambda data: data[:-1000], None])
def test_damaged_answers_are_not_taken_in_when_fetching_them_again_fails_at_first(batch, provider, damage):
    path = fetched(batch)
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    provider.faults({"on": "openai.files.content", "do": "status", "status": 500, "times": 2})
    batch.wait("run").ok()
    rows = batch.rows("run")
    assert [(row["attempt_count"], row["output_text"]) for row in rows] == [(1, row["metadata"]["p"]) for row in rows]
    check_sent_once(provider, ITEMS)


@pytest.mark.parametrize("how", ["put back", "fetched again"])
def test_answers_that_are_here_cannot_be_given_up(batch, provider, how):
    path = fetched(batch)
    data = path.read_bytes()
    path.write_bytes(cut_at_a_line(data))
    provider.faults({"on": "openai.files.content", "do": "status", "error": "not_found"})
    assert refusal(batch.wait("run")).endswith(GONE)
    if how == "put back":
        path.write_bytes(data)
    provider.faults()
    if how == "fetched again":
        assert killed(batch.wait("run", LAMINA_KILL_POINT="batch: fetched recorded").code)
        assert path.read_bytes() == data
    assert refusal(batch.run("resolve", "run", "--batch", "1", "--not-created")) == "the outcome of batch 1 of run 'run' is known"
    batch.wait("run").ok()
    check_sent_once(provider, ITEMS)


def test_why_a_batch_ended_is_not_forgotten_when_its_answers_are_fetched_again(batch, provider):
    provider.faults({"on": "batch", "do": "cancel", "finished": 0.5})
    path = fetched(batch, "--max-batch-attempts", "1")
    path.write_bytes(cut_at_a_line(path.read_bytes()))
    provider.faults({"on": "openai.files.content", "do": "status", "error": "not_found"})
    assert refusal(batch.wait("run")).endswith(GONE)
    provider.faults()
    batch.wait("run").ok()
    errors = [row["error"]["error_class"] for row in batch.rows("run") if row["status"] != "completed"]
    assert errors == ["batch_terminal_cancelled"] * (ITEMS // 2)


def test_gemini_rows_that_expired_are_no_attempts(batch, provider):
    batch.url = provider.url
    provider.faults({"on": "batch", "nth": [1, 3, 5, 6], "do": "expire", "finished": 0.5})
    batch.start("run", "--provider", "gemini", "--max-requests", "100").ok()
    batch.wait("run").ok()
    assert {(row["status"], row["attempt_count"]) for row in batch.rows("run")} == {("completed", 1)}
    assert provider.summary()["needless"] == 0
