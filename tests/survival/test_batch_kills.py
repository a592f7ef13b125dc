"""The batch runner dies at each of its named points and at random instants, as by kill -9, and is started again. In the end every
item has exactly one result, nothing was sent twice, and results and export are those of a run that nobody disturbed, byte for byte but for
what tests/support/batch_runner.py names (comparable)."""

import random
import time

import pytest

from batch_kills import ITEMS, LIMIT, check, go, passings, timed, undisturbed
from batch_runner import killed, said


def kill_at_each(batch, provider, want, points):
    """One run after the other, each killed at as many of the points as it comes to. Returns those that no run came to."""
    left, missed, number = list(points), set(), 0
    while left:
        number += 1
        run_id, reached = f"run-{number}", False
        while left:
            if not killed(go(batch, run_id, LAMINA_KILL_POINT=left[0])):
                break
            left.pop(0)
            reached = True
        else:
            assert go(batch, run_id) == 0
        check(batch, run_id, provider, want)
        if left and not reached:
            missed.add(left.pop(0))
    return missed


def test_every_point(batch, provider, fast_path):
    trace = fast_path / "trace"
    want = undisturbed(batch, trace)
    check(batch, "undisturbed", provider, want)
    points = list(passings(trace))
    assert {"batch: claimed", "batch: ready", "batch: intent recorded", "batch: active recorded", "batch: done"} <= set(points)
    assert {"export-filled", "export-in-place", "file: exchanged"} <= set(points)
    assert kill_at_each(batch, provider, want, points) == set()


# after these kills others are passed that an undisturbed run never comes to
RECOVERY = [
    ("batch: claimed", "batch: request file removed"),
    ("batch: request file written", "batch: released"),
    ("batch: intent recorded", "batch: looked for"),
    ("batch: before create", "batch: known not to be created"),
    ("batch: after create", "batch: created"),
]


def test_killed_again_while_it_makes_good(batch, provider):
    want = undisturbed(batch)
    check(batch, "undisturbed", provider, want)
    for number, (first, second) in enumerate(RECOVERY):
        run_id = f"run-{number}"
        assert killed(go(batch, run_id, LAMINA_KILL_POINT=first))
        assert killed(go(batch, run_id, LAMINA_KILL_POINT=second)), second
        assert go(batch, run_id) == 0
        check(batch, run_id, provider, want)


def test_killed_when_the_provider_says_no(batch, provider):
    want = undisturbed(batch)
    for number, (point, error) in enumerate([("batch: refusal recorded", "invalid_request"), ("batch: paused", "insufficient_quota")]):
        provider.reset()
        provider.faults({"on": "openai.batches.create", "do": "status", "error": error, "times": 1})
        run_id = f"run-{number}"
        assert killed(batch.start(run_id, *LIMIT, LAMINA_KILL_POINT=point).code)
        if error == "insufficient_quota":
            assert batch.status(run_id)["control_reason"] == "openai_insufficient_quota"
            batch.run("resume", run_id).ok()
        assert go(batch, run_id) == 0
        check(batch, run_id, provider, want)


def test_killed_while_it_cancels(batch, provider):
    provider.faults(polls=100000, finished_on_cancel=0.5)
    # 1000 tokens are less than what all items need: some are sent, some are not
    limits = ("--max-requests", "50", "--enqueued-token-limit", "20000", "--enqueued-target-percent", "100")
    batch.start("run", *limits).ok()
    sent = provider.summary()["submissions"]
    assert 0 < sent < ITEMS
    batch.run("cancel", "run").ok()
    points = ["run: before cancelling items", "run: items cancelled", "batch: cancel asked", "batch: end seen", "batch: done"]
    for point in points:
        batch.wait("run", LAMINA_KILL_POINT=point)
    batch.wait("run").ok()
    rows = batch.rows("run")
    assert len(rows) == ITEMS
    assert sum(row["status"] == "completed" for row in rows) == sent // 2
    assert {row["error"]["error_class"] for row in rows if row["error"]} == {"run_cancelled"}
    assert provider.summary()["submissions"] == sent
    provider.reset()


def test_killed_while_it_prunes(batch, provider):
    want = undisturbed(batch)
    assert go(batch, "run") == 0
    for point in ("prune-recorded", "file: removed", "file: removed#5"):
        assert killed(batch.run("prune-artifacts", "run", "--include-raw-output-artifacts", LAMINA_KILL_POINT=point).code)
        assert batch.outcome("run") == want  # what was pruned is taken from the export that was there
    batch.run("prune-artifacts", "run", "--include-raw-output-artifacts").ok()
    assert list((batch.artifacts / "run" / "requests").iterdir()) == list((batch.artifacts / "run" / "outputs").iterdir()) == []
    assert batch.outcome("run") == want
    provider.reset()


def kill_at_random(batch, provider, seed, kills):
    """Kill runs at random instants, three times each, and the export of each; those do not count."""
    instants, done, number = random.Random(seed), 0, 0
    want, duration, exporting = timed(batch)
    check(batch, "undisturbed", provider, want)
    while done < kills:
        number += 1
        run_id = f"random-{number}"
        for _ in range(3):
            process = batch.popen("start", run_id, *batch.start_args(*LIMIT)) \
                if not (batch.artifacts / run_id / "rows.jsonl").exists() or instants.random() < 0.3 \
                else batch.popen("wait", run_id)
            done += kill_after(process, instants.uniform(0, duration))
        assert go(batch, run_id) == 0
        kill_after(batch.popen("export-artifacts", run_id, *batch.export_args), instants.uniform(0, exporting))
        check(batch, run_id, provider, want)


def kill_after(process, seconds):
    """Returns whether it still lived then."""
    time.sleep(seconds)
    process.kill()
    code = process.wait()
    assert code == 0 or killed(code), said(process)
    return killed(code)


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_random_instants(batch, provider, kills):
    kill_at_random(batch, provider, kills, kills)


@pytest.mark.slow
def test_every_passing(batch, provider, fast_path):
    """Not only the first time that a point is passed: also in the middle, and the last time."""
    trace = fast_path / "trace"
    want = undisturbed(batch, trace)
    check(batch, "undisturbed", provider, want)
    points = [f"{name}#{number}" for name, count in passings(trace).items() for number in {2, (count + 1) // 2, count} - {1}]
    for number, point in enumerate(points):
        code = go(batch, f"run-{number}", LAMINA_KILL_POINT=point)
        assert code == 0 or go(batch, f"run-{number}") == 0
        check(batch, f"run-{number}", provider, want)
