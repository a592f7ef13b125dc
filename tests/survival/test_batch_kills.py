"""The batch runner dies at each of its named points and at random instants, as by kill -9, and is started again. In the end every
item has exactly one result, nothing was sent twice, and the results are those of a run that nobody disturbed."""

import random
import time

import pytest

import batch_runner as runner
from fake_provider import fake_provider
from batch_runner import Runner, check_sent_once, killed, said

ITEMS, PER_BATCH = 2000, "250"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def provider():
    with fake_provider() as fake:
        yield fake


@pytest.fixture
def batch(fast_path, killable, provider):
    """A Runner with its items, on SQLite."""
    provider.reset()
    runner.write_items(fast_path / "items.jsonl", ITEMS)
    return Runner(fast_path, provider.url + "/v1", killable.with_name("lamina-batch"))


@pytest.fixture
def shared(fast_path, killable, provider, postgres_server):
    """A Runner with its items, on PostgreSQL, in a schema of its own."""
    provider.reset()
    runner.write_items(fast_path / "items.jsonl", ITEMS)
    schema = f"kills_{random.randrange(1 << 48):x}"
    yield Runner(fast_path, provider.url + "/v1", killable.with_name("lamina-batch"), postgres_server.dsn, schema)
    postgres_server.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def go(batch, run_id, **env):
    """Start, whatever is there of the run, and wait for its end. Returns an exit code; none is a failure but a kill."""
    for command, args in (("start", batch.start_args("--max-requests", PER_BATCH)), ("wait", ())):
        result = batch.run(command, run_id, *args, **env)
        if killed(result.code):
            return result.code
        result.ok()
    return 0


def undisturbed(batch, trace=None):
    """The results of a run that nobody disturbs."""
    assert go(batch, "undisturbed", LAMINA_KILL_TRACE=trace) == 0
    want = batch.results("undisturbed")
    assert want.count("\n") == ITEMS
    return want


def check(batch, run_id, provider, want):
    assert batch.results(run_id) == want
    check_sent_once(provider, ITEMS)
    provider.reset()


def passings(trace):
    """How often each point was passed, in the order in which they came first."""
    counts = {}
    for name in trace.read_text().splitlines():
        counts[name] = counts.get(name, 0) + 1
    return counts


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
        assert killed(batch.start(run_id, "--max-requests", PER_BATCH, LAMINA_KILL_POINT=point).code)
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


def kill_at_random(batch, provider, want, seed, kills, duration):
    """Kill runs at random instants, three times each."""
    instants, done, number = random.Random(seed), 0, 0
    while done < kills:
        number += 1
        run_id = f"random-{number}"
        for _ in range(3):
            process = batch.popen("start", run_id, *batch.start_args("--max-requests", PER_BATCH)) \
                if not (batch.artifacts / run_id / "rows.jsonl").exists() or instants.random() < 0.3 \
                else batch.popen("wait", run_id)
            time.sleep(instants.uniform(0, duration))
            process.kill()
            code = process.wait()
            assert code == 0 or killed(code), said(process)
            done += killed(code)
        assert go(batch, run_id) == 0
        check(batch, run_id, provider, want)


def timed(batch):
    begun = time.monotonic()
    want = undisturbed(batch)
    return want, (time.monotonic() - begun) / 2


def test_random_instants(batch, provider):
    want, duration = timed(batch)
    check(batch, "undisturbed", provider, want)
    kill_at_random(batch, provider, want, 1, 20, duration)


@pytest.mark.slow
def test_200_random_instants(batch, provider):
    want, duration = timed(batch)
    check(batch, "undisturbed", provider, want)
    kill_at_random(batch, provider, want, 2, 200, duration)


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


# ---- two runners share a run


def two_at_once(batch, run_id, plan):
    """Two processes work on one run. `plan(number)` says what the number-th process dies of: a point, an instant, or nothing.
    Returns how many died."""
    begun, count, deaths, living = time.monotonic(), 0, 0, {}
    finished = set()
    while len(finished) < 2:
        assert time.monotonic() - begun < PATIENCE_S, [said(process) for process, _ in living.values()]
        for side in {0, 1} - finished - set(living):
            point, instant = plan(count)
            count += 1
            process = batch.popen("wait", run_id, LAMINA_KILL_POINT=point)
            living[side] = process, None if instant is None else time.monotonic() + instant
        for side, (process, instant) in list(living.items()):
            if instant is not None and time.monotonic() > instant:
                process.kill()
                process.wait()
            if process.poll() is None:
                continue
            assert process.returncode == 0 or killed(process.returncode), said(process)
            deaths += killed(process.returncode)
            finished |= {side} if process.returncode == 0 else set()
            del living[side]
        time.sleep(0.002)
    return deaths


def begin(shared, run_id):
    """A run on PostgreSQL whose rows are read, and of which nothing is sent."""
    assert killed(shared.start(run_id, "--max-requests", PER_BATCH, LAMINA_KILL_POINT="batch: claimed").code)


def test_two_runners(shared, provider, fast_path):
    trace = fast_path / "trace"
    want = undisturbed(shared, trace)
    check(shared, "undisturbed", provider, want)
    points, number = [name for name in passings(trace) if name.startswith(("batch:", "database:", "run:"))], 0
    while points:
        number += 1
        begin(shared, f"run-{number}")
        mine = points[:12]
        points = points[12:]
        deaths = two_at_once(shared, f"run-{number}", lambda n: (mine[n] if n < len(mine) else None, None))
        assert deaths > 0
        check(shared, f"run-{number}", provider, want)


def kill_two_at_random(shared, provider, want, seed, kills, duration):
    instants, deaths, number = random.Random(seed), 0, 0
    while deaths < kills:
        number += 1
        begin(shared, f"random-{number}")
        deaths += two_at_once(shared, f"random-{number}", lambda n: (None, instants.uniform(0, duration) if n < 8 else None))
        check(shared, f"random-{number}", provider, want)


def test_two_runners_random_instants(shared, provider):
    want, duration = timed(shared)
    check(shared, "undisturbed", provider, want)
    kill_two_at_random(shared, provider, want, 3, 10, duration)


@pytest.mark.slow
def test_two_runners_200_random_instants(shared, provider):
    want, duration = timed(shared)
    check(shared, "undisturbed", provider, want)
    kill_two_at_random(shared, provider, want, 4, 200, duration)
