"""Runs that are killed: what the tests of kills have in common."""

import time

from batch_runner import check_sent_once, killed

ITEMS, PER_BATCH = 2000, 250
LIMIT = ("--max-requests", str(PER_BATCH))


def go(batch, run_id, **env):
    """Start, whatever is there of the run, wait for its end, export it, and replace the export. Returns an exit code; none is a failure
    but a kill."""
    steps = [("start", batch.start_args(*LIMIT)), ("wait", ()), *[("export-artifacts", batch.export_args)] * 2]
    for command, args in steps:
        result = batch.run(command, run_id, *args, **env)
        if killed(result.code):
            return result.code
        result.ok()
    return 0


def undisturbed(batch, trace=None):
    """What a run comes to that nobody disturbs."""
    assert go(batch, "undisturbed", LAMINA_KILL_TRACE=trace) == 0
    want = batch.outcome("undisturbed")
    assert want["jsonl"][0].count("\n") == ITEMS
    assert [len(files) for _, files in want.values()] == [2 + 2 * ITEMS // PER_BATCH] * 2  # with manifest and results
    return want


def check(batch, run_id, provider, want):
    assert batch.outcome(run_id) == want
    check_sent_once(provider, ITEMS)
    provider.reset()


def passings(trace):
    """How often each point was passed, in the order in which they came first."""
    counts = {}
    for name in trace.read_text().splitlines():
        counts[name] = counts.get(name, 0) + 1
    return counts


def timed(batch):
    """What a run comes to that nobody disturbs, and how long a process of it takes, and its export, in seconds."""
    begun = time.monotonic()
    batch.start("undisturbed", *LIMIT).ok()
    batch.wait("undisturbed").ok()
    finished = time.monotonic()
    batch.export("undisturbed").ok()
    exported = time.monotonic()
    return undisturbed(batch), (finished - begun) / 2, exported - finished
