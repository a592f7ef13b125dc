"""lamina-batch on disks that are full: it says so in one sentence and ends with 1, what was there stays, nothing is sent twice, and with
room the run goes on where it was."""

import pytest

from batch_runner import Runner, check_sent_once, write_items
from fake_provider import fake_provider
from full_disk import resize, tmpfs
from survive import files

ITEMS, PER_BATCH = 400, "50"
FULL = ("No space left on device", "disk is full")


@pytest.fixture
def provider():
    with fake_provider() as fake:
        yield fake


def sentence(result):
    assert result.code == 1, result
    said = [line.removeprefix("lamina-batch: ") for line in result.err.splitlines() if line.startswith("lamina-batch: ")]
    assert said and len(said[-1]) < 400 and any(reason in said[-1] for reason in FULL), result
    return said[-1]


@pytest.fixture
def batch(fast_path, provider):
    """A Runner whose store and folder of artifacts are in `disk`, which is to be mounted."""
    write_items(fast_path / "items.jsonl", ITEMS)
    runner = Runner(fast_path, provider.url + "/v1")
    runner.disk = fast_path / "disk"
    runner.artifacts = runner.disk / "artifacts"
    runner.store = ("--db-path", runner.disk / "db.sqlite3", "--artifacts", runner.artifacts)
    return runner


def go(batch):
    """Start and wait, as far as it goes. Returns the last result."""
    result = batch.start("run", "--max-requests", PER_BATCH)
    return batch.wait("run") if result.code == 0 else result


def test_the_store_at_every_size(batch, provider):
    """Room for a little more each time, until it is enough for a whole run: it is one run all the time."""
    sizes = iter(range(16 << 10, 64 << 20, 48 << 10))
    failures = 0
    with tmpfs(batch.disk, next(sizes)):
        while (result := go(batch)).code != 0:
            sentence(result)
            failures += 1
            resize(batch.disk, next(sizes))
        assert failures > 5
        rows = batch.rows("run")
        assert [(row["item_id"], row["status"]) for row in rows] == [(f"item-{n}", "completed") for n in range(ITEMS)]
        check_sent_once(provider, ITEMS)
        assert files(batch.disk, litter=True) == {}


def test_what_is_made_of_a_run(batch, tmp_path):
    """Results and exports on a full disk: as they were, or not there."""
    go(batch).ok()
    batch.run("results", "run", "--output", tmp_path / "want.jsonl").ok()
    want = (tmp_path / "want.jsonl").read_bytes()
    out = batch.folder / "out"
    with tmpfs(out, "16k"):
        assert str(out / "results.jsonl") in sentence(batch.run("results", "run", "--output", out / "results.jsonl"))
        assert files(out) == files(out, litter=True) == {}
        assert str(out) in sentence(batch.run("export-artifacts", "run", "--destination-dir", out))
        assert list(out.iterdir()) == []
        resize(out, "4m")
        batch.run("results", "run", "--output", out / "results.jsonl").ok()
        batch.run("export-artifacts", "run", "--destination-dir", out).ok()
        before = files(out)
        assert (out / "results.jsonl").read_bytes() == (out / "run" / "results.jsonl").read_bytes() == want
        used = sum(path.stat().st_blocks * 512 for path in out.rglob("*"))
        resize(out, used + (32 << 10))
        sentence(batch.run("results", "run", "--output", out / "results.jsonl"))
        sentence(batch.run("export-artifacts", "run", "--destination-dir", out))
        assert files(out) == before
        assert sorted(path.name for path in out.iterdir()) == ["results.jsonl", "run"]
