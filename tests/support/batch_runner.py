"""lamina-batch in the hands of a test: a folder with inputs, a store, and a fake provider to send to."""

import json
import os
import re
import signal
import subprocess

import paths
import run as running

KEY = "sk-canary-5d81e0b7"  # it must never be seen
QUICK = ("--poll-interval-sec", "0.02", "--base-backoff-sec", "0.02", "--max-backoff-sec", "0.2", "--adopt-grace-sec", "0")


def write_items(path, count, prompt="prompt {} " + "x" * 60):
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps({"id": f"item-{number}", "p": prompt.format(number)}) + "\n")
    return path


class Runner:
    """The program, one store, and the provider at `url`."""

    def __init__(self, folder, url, program=None, db=None, schema=None):
        self.folder, self.url = folder, url
        self.program = program or paths.BUILD / "bin" / "lamina-batch"
        self.artifacts = folder / "artifacts"
        self.store = ("--db-path", db or folder / "db.sqlite3", "--artifacts", self.artifacts)
        if schema:
            self.store += ("--db-schema", schema)
        self.settings = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "GEMINI_API_KEY": KEY}

    def argv(self, command, run_id, *args):
        return [os.fspath(arg) for arg in (self.program, command, "--run-id", run_id, *self.store, *args)]

    def start_args(self, *args):
        """What `start` gets: the inputs that are there, and quick times."""
        inputs = [arg for path in sorted(self.folder.glob("*.jsonl")) for arg in ("--input", path)]
        return (*inputs, "--id-field", "id", "--prompt-field", "p", "--model", "m", "--base-url", self.url, *QUICK, *args)

    def run(self, command, run_id, *args, **env):
        return running.run(*self.argv(command, run_id, *args), cwd=self.folder, env={**self.settings, **env})

    def start(self, run_id, *args, **env):
        return self.run("start", run_id, *self.start_args(*args), **env)

    def wait(self, run_id, *args, **env):
        return self.run("wait", run_id, *args, **env)

    def status(self, run_id):
        return self.run("status", run_id).json()

    def results(self, run_id):
        """The text of all results, in order of the inputs."""
        return self.run("results", run_id).ok().out

    def rows(self, run_id):
        return [json.loads(line) for line in self.results(run_id).splitlines()]

    def events(self, run_id, name=None):
        lines = (self.artifacts / run_id / "events.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if name in (None, event["event"])]

    def popen(self, command, run_id, *args, **env):
        """Not waited for; its standard error goes to a file beside the store."""
        self.count = getattr(self, "count", 0) + 1
        log = (self.folder / f"stderr-{self.count}").open("w+")
        process = subprocess.Popen(self.argv(command, run_id, *args), cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=log, env=running.merged({**self.settings, **env}))
        process.log = log
        return process


def said(process):
    process.log.seek(0)
    return process.log.read()


def killed(code):
    return code == -signal.SIGKILL


def kill_points(*folders):
    """The names of the kill points in these folders of src/."""
    found = set()
    for folder in folders:
        for path in (paths.ROOT / "src" / folder).rglob("*.c"):
            found |= set(re.findall(r'LM_KILL_POINT\("([^"]+)"\)', path.read_text()))
    return found


def check_sent_once(provider, count):
    """The provider saw every item, and none in two batches unless it had not answered it in the first."""
    sent = {}
    for item in provider.items():
        sent.setdefault(item["custom_id"].split("-")[0], []).append(item["outcome"])
    assert len(sent) == count
    for index, outcomes in sent.items():
        assert "answered" not in outcomes[:-1], (index, outcomes)
    assert provider.summary()["needless"] == 0
