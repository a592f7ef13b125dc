"""Looking for a batch whose creation is in doubt, at a provider that fails now and then."""

import re

import pytest

import batch_runner as runner
from batch_runner import Runner, check_sent_once
from fake_provider import fake_provider
from provider import Batch, at_fake

BATCHES = 8


@pytest.fixture(scope="module")
def shared():
    with fake_provider() as server:
        yield server


@pytest.fixture
def fake(shared):
    shared.reset()
    return shared


def asked(fake, call):
    return [line for line in fake.log() if line["call"] == call]


def test_a_lookup_goes_on_where_it_was(tool, fake, tmp_path):
    """Every second look into a batch fails. None that was looked into is looked into again."""
    with at_fake(tool, fake, "anthropic") as provider:
        wanted = Batch(provider, tmp_path, 1)
        ids = [wanted.create()["got"]] + [Batch(provider, tmp_path, n).create()["got"] for n in range(2, BATCHES + 1)]
        for batch_id in ids:
            wanted.end(batch_id)
        fake.faults({"on": "anthropic.batches.results", "every": 2, "do": "status", "status": 500})
        tries = 0
        while (got := wanted.do("find"))["rc"] != 0:
            assert got["steps"] > 0 and got["fate"] == "later"
            tries += 1
        assert (got["found"], got["got"]) == ("one", ids[0])
    looks = [(line["path"], line["status"]) for line in asked(fake, "anthropic.batches.results")]
    assert [path for path, status in looks if status == 200] == [f"/v1/messages/batches/{id}/results" for id in reversed(ids)]
    assert tries == len([1 for _, status in looks if status == 500]) == BATCHES - 1


@pytest.mark.parametrize("kind, call", [("openai", "openai.batches.list"), ("gemini", "gemini.batches.list")])
def test_pages_are_not_read_again(tool, fake, tmp_path, kind, call):
    with at_fake(tool, fake, kind) as provider:
        wanted = Batch(provider, tmp_path, 1, count=1)
        first = wanted.create()["got"]
        rest = Batch(provider, tmp_path, 2, count=1).upload()
        for _ in range(101 if kind == "openai" else 21):
            assert rest.do("create")["rc"] == 0
        fake.faults({"on": call, "nth": 2, "do": "status", "status": 500})
        assert wanted.do("find")["fate"] == "later"
        got = wanted.do("find")
    assert (got["found"], got["got"]) == ("one", first)
    assert [line["status"] for line in asked(fake, call)] == [200, 500, 200]


def test_a_place_that_is_gone(tool, fake, tmp_path):
    """It begins anew when the provider does not know the place any more."""
    with at_fake(tool, fake, "openai") as provider:
        wanted = Batch(provider, tmp_path, 1, count=1)
        first = wanted.create()["got"]
        rest = Batch(provider, tmp_path, 2, count=1).upload()
        for _ in range(101):
            assert rest.do("create")["rc"] == 0
        fake.faults({"on": "openai.batches.list", "nth": 2, "do": "status", "status": 404})
        got = wanted.do("find")
        assert (got["rc"], got["fate"], got["steps"]) == (-1, "later", 0)
        assert wanted.find() == ("one", first)
    assert len(asked(fake, "openai.batches.list")) == 4


def test_a_refusal_at_the_beginning_is_one(tool, fake, tmp_path):
    with at_fake(tool, fake, "openai") as provider:
        wanted = Batch(provider, tmp_path, 1).upload()
        fake.faults({"on": "openai.batches.list", "do": "status", "status": 403, "message": "not you"})
        got = wanted.do("find")
    assert (got["rc"], got["fate"], got["error"]) == (-1, "refused", "the provider answered 403: not you "
        "(unsupported_country_region_territory)")


def test_candidates(tool, fake, tmp_path):
    """All that are of the same size, are in progress and are not known; the newest of them by name."""
    with at_fake(tool, fake, "anthropic") as provider:
        fake.faults({"on": "batch", "do": "wait", "polls": 1000})
        ids = [Batch(provider, tmp_path, n).create()["got"] for n in range(1, 12)]
        Batch(provider, tmp_path, 20, count=2).create()
        batch = Batch(provider, tmp_path, 30)
        batch.intent["known_ids"] = ids[:2]
        got = batch.do("find")
    assert (got["found"], got["candidate_count"], got["candidates"]) == ("cannot tell", 9, ids[:2:-1])


# ---- the runner


@pytest.fixture
def batch(tmp_path, fake):
    runner.write_items(tmp_path / "items.jsonl", 4)
    return Runner(tmp_path, fake.url)


LOST = {"on": "anthropic.batches.create", "do": "reset_after", "times": 2}


def start(batch, *args):
    return batch.start("run", "--provider", "anthropic", "--max-requests", "2", *args)


def said_of(text, number):
    line, = re.findall(rf"^.*batch {number} of run 'run': it cannot be told .*$", text, re.MULTILINE)
    return line


def test_what_can_be_done_is_said(batch, fake):
    """Two batches of equal size, both with a lost reply: the message names both, and each command does what it says."""
    fake.faults(LOST, polls=3)
    start(batch, "--max-batch-attempts", "2")  # it ends with the warning when it comes so far
    batch.wait("run")
    assert batch.status("run")["unknown_batches"] == 2
    shown = batch.run("status", "run").ok().err
    made = {item["id"]: item["created_at"] for item in fake.call("GET", "/v1/messages/batches").json()["data"]}
    assert len(made) == 2
    for number in 1, 2:
        line = said_of(shown, number)
        assert re.search(r"\(2 items, sent 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\):", line)
        for batch_id, time in made.items():
            assert f"'lamina-batch resolve --run-id run --batch {number} --created {batch_id}' if it is the one made {time};" in line
        assert line.endswith(f"'lamina-batch resolve --run-id run --batch {number} --not-created' if it is none; when they have "
            "ended, 'wait' tells by itself")
    theirs = {}  # which is whose: only the provider knows
    for item in fake.items():
        theirs.setdefault(item["custom_id"].split("-")[0], item["batch_id"])
    mine = {number: theirs[str(2 * number - 2)] for number in (1, 2)}
    batch.run("resolve", "run", "--batch", "2", "--created", mine[2]).ok()
    again = batch.run("resolve", "run", "--batch", "2", "--created", mine[2])
    assert (again.code, again.err) == (1, "lamina-batch: the outcome of batch 2 of run 'run' is known\n")
    batch.run("resolve", "run", "--batch", "1", "--created", mine[1]).ok()
    batch.wait("run").ok()
    assert {row["status"] for row in batch.rows("run")} == {"completed"}
    check_sent_once(fake, 4)


def test_the_outcome_of_another_is_known(batch, fake):
    fake.faults({"on": "anthropic.batches.create", "do": "reset_after", "nth": 2}, polls=3)
    start(batch, "--max-batch-attempts", "2")  # it ends with the warning when it comes so far
    batch.wait("run")
    lost = int(re.search(r"batch (\d) of run 'run': it cannot be told", batch.run("status", "run").ok().err)[1])
    got = batch.run("resolve", "run", "--batch", str(3 - lost), "--not-created")
    known = "run 'run' has no submission of unknown outcome" if lost == 1 else "the outcome of batch 1 of run 'run' is known"
    assert (got.code, got.err) == (1, f"lamina-batch: {known}\n")


def test_a_lost_batch_is_found_under_heavy_errors(batch, fake):
    """More looks fail than a call may in a row: each one that gets further is a first one."""
    fake.faults({**LOST, "times": 1})
    batch.start("run", "--provider", "anthropic", "--max-batch-attempts", "2")
    batch.wait("run")
    params = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    for number in range(5):  # newer ones of the same size, which are somebody else's
        like = [{"custom_id": f"{number}-{row}", "params": params} for row in range(4)]
        fake.call("POST", "/v1/messages/batches", {"requests": like}).json()
    for item in fake.call("GET", "/v1/messages/batches").json()["data"]:
        fake.call("GET", f"/v1/messages/batches/{item['id']}")
    fake.faults({"on": "anthropic.batches.results", "every": 2, "do": "status", "status": 500})
    batch.wait("run").ok()
    assert {(row["status"], row["attempt_count"]) for row in batch.rows("run")} == {("completed", 1)}
    assert len(batch.events("run", "batch_retry")) >= 5
    assert len(batch.events("run", "batch_adopted")) == 1
    assert fake.summary()["batches"] == 6  # nothing was sent again
