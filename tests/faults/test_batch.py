"""lamina-batch while calls of libc fail: it ends by itself and says why, and when it is started again every item gets exactly one
result, that of a run that nobody disturbed, and nothing was sent that was answered before.

In CI some calls of each kind fail, one at a time; `./check slow -- tests/faults` fails each one."""

import shutil

import pytest

from batch_runner import Runner, check_sent_once, write_items
from failing import ERRORS, each_fault
from fake_provider import fake_provider

ITEMS, SAMPLE = 40, 3
START, WAIT = ("--max-requests", "10", "--poll-interval-sec", "3600"), ("--poll-interval", "0.02")  # all answers are left for `wait`
CASES = [(command, call) for command in ("start", "wait") for call in ERRORS
    if call != "fork" and (command, call) != ("wait", "fsync")]  # there are none
KILLS = [("start", "write"), ("start", "fsync"), ("start", "open"), ("wait", "write"), ("wait", "open")]


class Place(Runner):
    def copy(self, folder):
        shutil.copytree(self.folder, folder)
        return Place(folder, self.url)


@pytest.fixture
def provider():
    with fake_provider() as fake:
        yield fake


@pytest.fixture
def batch(tmp_path, provider):
    """A folder for runs of the batch runner, with items."""
    (tmp_path / "before").mkdir()
    write_items(tmp_path / "before" / "items.jsonl", ITEMS)
    return Place(tmp_path / "before", provider.url + "/v1")


def survives(batch, folder, provider, command, call, sample, kill=False):
    """`command` under each fault of `call`, and the run started again."""

    def go(place, env):
        result = place.start("run", *START, **(env if command == "start" else {}))
        return place.wait("run", *WAIT, **(env if command == "wait" else {})) if result.code == 0 and command != "start" else result

    def faulty(place, env):
        provider.reset()
        return go(place, env)

    def check(place, _):
        place.start("run", *START).ok()
        place.wait("run", *WAIT).ok()
        assert place.results("run") == want
        check_sent_once(provider, ITEMS)

    undisturbed = batch.copy(folder / "undisturbed")
    undisturbed.start("run", *START).ok()
    undisturbed.wait("run", *WAIT).ok()
    want = undisturbed.results("run")
    assert want.count("\n") == ITEMS
    # counted for each: how much is left for `wait` to do is another each time
    calls = each_fault(batch, folder, batch.program, (command, call, kill), call, faulty, check, sample, kill, together=1)
    assert calls or command == "wait"  # on a busy machine `start` may have taken all answers in


@pytest.mark.parametrize("command, call", CASES)
def test_faults(batch, tmp_path, provider, command, call):
    survives(batch, tmp_path, provider, command, call, SAMPLE)


@pytest.mark.parametrize("command, call", KILLS)
def test_killed(batch, tmp_path, provider, command, call):
    survives(batch, tmp_path, provider, command, call, SAMPLE, kill=True)


@pytest.mark.slow
@pytest.mark.parametrize("command, call", CASES)
def test_every_fault(batch, tmp_path, provider, command, call):
    survives(batch, tmp_path, provider, command, call, None)


@pytest.mark.slow
@pytest.mark.parametrize("command, call", KILLS)
def test_killed_everywhere(batch, tmp_path, provider, command, call):
    survives(batch, tmp_path, provider, command, call, None, kill=True)
