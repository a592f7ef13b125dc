"""Two runners share a run on PostgreSQL, and die at each of the named points and at random instants. As in test_batch_kills.py every item
has exactly one result in the end, and nothing was sent twice; nor can be told from results and export that there were two of them, or
that they died."""

import random
import time

import pytest

from batch_kills import ITEMS, LIMIT, check, passings, timed, undisturbed  # noqa: F401 (ITEMS is for conftest.py)
from batch_runner import killed, said

PATIENCE_S = 60
EXPORTS = ("export-", "file: ", "folder: ")  # only they come to these, and test_batch_kills.py kills them


def two_at_once(batch, command, run_id, plan):
    """Two processes of this command at a run, until both come to their end: for one that dies there is another. `plan()` says what the
    next one dies of: a point, an instant, or nothing. Returns the points, and instants, that somebody died of."""
    args = batch.start_args(*LIMIT) if command == "start" else ()
    begun, deaths, living, finished = time.monotonic(), [], {}, set()
    while len(finished) < 2:
        assert time.monotonic() - begun < PATIENCE_S, [said(process) for process, _, _ in living.values()]
        for side in {0, 1} - finished - set(living):
            point, instant = plan()
            process = batch.popen(command, run_id, *args, LAMINA_KILL_POINT=point)
            living[side] = process, point or instant, None if instant is None else time.monotonic() + instant
        for side, (process, cause, until) in list(living.items()):
            if until is not None and time.monotonic() > until:
                process.kill()
                process.wait()
            if process.poll() is None:
                continue
            assert process.returncode == 0 or killed(process.returncode), said(process)
            if killed(process.returncode):
                deaths.append(cause)
            else:
                finished.add(side)
            del living[side]
        time.sleep(0.002)
    return deaths


def both(batch, run_id, plan):
    """The whole of a run: two that start it, then two that wait for it."""
    return two_at_once(batch, "start", run_id, plan) + two_at_once(batch, "wait", run_id, plan)


def test_every_point(shared, provider, fast_path):
    trace = fast_path / "trace"
    want = undisturbed(shared, trace)
    check(shared, "undisturbed", provider, want)
    left, number = [name for name in passings(trace) if not name.startswith(EXPORTS)], 0
    assert {"ingest: slice committed", "database: before commit", "batch: after create", "batch: done"} < set(left)
    tried = left
    while left:
        number += 1
        points = iter([(point, None) for point in tried])
        deaths = both(shared, f"run-{number}", lambda plan=points: next(plan, (None, None)))
        check(shared, f"run-{number}", provider, want)
        assert deaths or tried is left, left
        left = [point for point in left if point not in deaths]
        # One after the other, as they come in a run. Where each came only to what the other was to die of, all four, the two that start
        # and the two that wait, get the same: one of them comes to it.
        tried = left if deaths else left[:1] * 4


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_random_instants(shared, provider, kills):
    instants, deaths, number = random.Random(kills), 0, 0
    want, duration, _ = timed(shared)
    check(shared, "undisturbed", provider, want)
    while deaths < kills:
        number += 1
        plan = iter([(None, instants.uniform(0, duration)) for _ in range(8)])
        deaths += len(both(shared, f"random-{number}", lambda plan=plan: next(plan, (None, None))))
        check(shared, f"random-{number}", provider, want)
