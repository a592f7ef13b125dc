"""lamina-batch's commands on a run while calls of libc fail: what they write is whole or absent, what the run has stays, and the next
time they make good.

In CI some calls of each kind fail, one at a time; `./check slow -- tests/faults` fails each one."""

import functools
import shutil
import tempfile
from pathlib import Path

import pytest

import private
from batch_runner import Runner, check_sent_once, write_items
from failing import ERRORS, each_fault
from fake_provider import fake_provider
from survive import files

ITEMS, SAMPLE, ATTEMPTS = 40, 1, 20
UNFINISHED = ".run.export."
OUTPUTS = ("out", "exported", "results.jsonl")
COMMANDS = {
    "results": ("results", "--output", "results.jsonl"),
    "export": ("export-artifacts", "--destination-dir", "out"),
    "export-again": ("export-artifacts", "--destination-dir", "exported", "--format", "csv"),  # one in another format is there
    "prune": ("prune-artifacts", "--include-raw-output-artifacts"),
    "status": ("status",),
    "step": ("step",),
}
NEVER = {("results", "fork"), ("export", "fork"), ("export-again", "fork"), ("prune", "fork"), ("prune", "rename"),
    ("status", "fork"), ("status", "rename"), ("status", "fsync"), ("step", "fork")}  # calls that these do not make
CASES = [(command, call) for command in COMMANDS for call in ERRORS if (command, call) not in NEVER]
KILLS = [(command, call) for command, call in CASES if command != "status" and call in ("write", "rename", "fsync", "open")]


class Place(Runner):
    """A run, and what was made of it."""

    def copy(self, folder):
        shutil.copytree(self.folder, folder)
        return Place(folder, self.url)

    def do(self, command, **env):
        name, *options = COMMANDS[command]
        return self.run(name, "run", *options, **env)

    def finish(self):
        self.wait("run", "--poll-interval", "0.02").ok()

    def outputs(self):
        """{path: digest} of what was made of it, without what nobody reads."""
        return {name: digest for name, digest in files(self.folder).items()
            if name.split("/")[0] in OUTPUTS and UNFINISHED not in name}

    def litter(self):
        return [*files(self.folder, litter=True), *self.folder.rglob(f"{UNFINISHED}*")]

    def raw(self):
        return {name: digest for name, digest in files(self.artifacts).items() if name.split("/")[-2] in ("requests", "outputs")}


@pytest.fixture(scope="module")
def provider():
    with fake_provider() as fake:
        yield fake


@pytest.fixture(scope="module")
def places(tmp_path_factory, provider):
    """A run that was sent, and the same run when it was finished and exported: {name: Place}."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        private.enter(patch, tmp_path_factory.mktemp("environment"))
        for attempt in range(ATTEMPTS):  # on a busy machine `start` itself may take answers in, which are to be left for `step`
            (folder / f"sent-{attempt}").mkdir()
            write_items(folder / f"sent-{attempt}" / "items.jsonl", ITEMS)
            sent = Place(folder / f"sent-{attempt}", provider.url + "/v1")
            sent.start("run", "--max-requests", "10", "--poll-interval-sec", "3600").ok()
            if sent.status("run")["status_counts"] == {"submitted": ITEMS}:
                break
        finished = sent.copy(folder / "finished")
        finished.finish()
        assert finished.results("run").count("\n") == ITEMS
        finished.run("export-artifacts", "run", "--destination-dir", "exported").ok()
    return {"sent": sent, "finished": finished}


def whole_or_absent(place, before, want):
    """Each export is one of the two, as a whole, and so is the file of results."""
    now = place.outputs()
    for name in OUTPUTS:
        part, old, new = ({path: digest for path, digest in state.items() if path.split("/")[0] == name}
            for state in (now, before, want))
        assert part in (old, new), f"{name} is neither as it was nor as it should become"


@functools.cache
def undisturbed(before, command):
    """What `command` makes when nobody disturbs it, for all tests that ask: (outputs, results, raw files)."""
    with tempfile.TemporaryDirectory(dir=before.folder.parent) as folder:
        place = before.copy(Path(folder, "undisturbed"))
        place.do(command).ok()
        place.finish()
        return place.outputs(), place.results("run"), place.raw()


def survives(places, folder, command, call, sample, kill=False):
    """`command` under each fault of `call`, and again without one."""
    before = places["sent" if command == "step" else "finished"]
    old, (new, results, left) = before.outputs(), undisturbed(before, command)

    def check(place, succeeded):
        whole_or_absent(place, old, new)
        if succeeded and command != "step":
            assert place.outputs() == new
        if command != "prune":
            assert place.raw().items() >= before.raw().items()
        again = place.do(command)
        place.finish()
        assert again.code == 0, again
        assert place.outputs() == new
        assert place.results("run") == results
        if command == "prune":
            assert place.raw() == left == {}
        place.run("prune-artifacts", "run").ok()  # what the end of a run left
        assert place.litter() == []

    calls = each_fault(before, folder, before.program, command, call, lambda place, env: place.do(command, **env), check, sample, kill)
    assert calls


@pytest.mark.parametrize("command, call", CASES)
def test_faults(places, tmp_path, command, call):
    survives(places, tmp_path, command, call, SAMPLE)


@pytest.mark.parametrize("command, call", KILLS)
def test_killed(places, tmp_path, command, call):
    survives(places, tmp_path, command, call, SAMPLE, kill=True)


@pytest.mark.slow
@pytest.mark.parametrize("command, call", CASES)
def test_every_fault(places, tmp_path, command, call):
    survives(places, tmp_path, command, call, None)


@pytest.mark.slow
@pytest.mark.parametrize("command, call", KILLS)
def test_killed_everywhere(places, tmp_path, command, call):
    survives(places, tmp_path, command, call, None, kill=True)
