"""lamina-batch in the hands of a test: a folder with inputs, a store, and a fake provider to send to."""

import contextlib
import hashlib
import json
import os
import re
import signal
import sqlite3
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
    """The program, one store, and the provider at `url`. The store is an SQLite file, or a schema of a PostgreSQL server."""

    def __init__(self, folder, url, program=None, server=None, schema=None):
        self.folder, self.url, self.server, self.schema = folder, url, server, schema
        self.program = program or paths.BUILD / "bin" / "lamina-batch"
        self.artifacts, self.exports = folder / "artifacts", folder / "exports"
        self.export_args = ("--destination-dir", self.exports)
        self.db = server.dsn if server else folder / "db.sqlite3"
        self.store = ("--db-path", self.db, "--artifacts", self.artifacts)
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

    def results(self, run_id, form="jsonl"):
        """The text of all results, in order of the inputs."""
        return self.run("results", run_id, "--format", form).ok().out

    def rows(self, run_id):
        return [json.loads(line) for line in self.results(run_id).splitlines()]

    def export(self, run_id, *args, **env):
        return self.run("export-artifacts", run_id, *self.export_args, *args, **env)

    def nonce(self, run_id):
        """The random number of a run, from the store itself."""
        if self.server:
            return self.server.sql(f"SELECT nonce FROM {self.schema}.runs WHERE run_id = '{run_id}'")[0][0]
        with contextlib.closing(sqlite3.connect(self.db)) as connection:
            return connection.execute("SELECT nonce FROM runs WHERE run_id = ?", [run_id]).fetchone()[0]

    def outcome(self, run_id):
        """All that leaves a run, as JSON lines and as CSV: results, and the files of an export as comparable() gives them."""
        nonce = self.nonce(run_id)
        return {form: (self.results(run_id, form), self.exported(run_id, nonce, form)) for form in ("jsonl", "csv")}

    def exported(self, run_id, nonce, form):
        self.export(run_id, "--format", form).ok()
        assert [path.name for path in self.exports.iterdir() if path.name.startswith(f".{run_id}.")] == []
        folder = self.exports / run_id
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return comparable(files, run_id, nonce)

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


def intent(run_id, nonce, seq):
    """The 8 digits by which a batch is known in its requests: docs/formats/batch-run.md, Exports."""
    return hashlib.sha256(f"{nonce}:{run_id}:{seq}".encode()).hexdigest()[:8]


def comparable(files, run_id, nonce):
    """The files of an export, as two runs of the same rows have them, byte for byte.

    Two things of an export are a run's own: its id, in manifest.json, and, in raw files, the last 8 digits of each custom_id. They come
    from a random number of the run, so that no provider ever sees two batches of one name. These digits, and no others, become
    "<intent>" when they are those of that run and batch; and the manifest, whose digests follow from them, has to have those of the
    files beside it, before they are left out. Nothing else is touched.
    """
    manifest = json.loads(files["manifest.json"])
    assert manifest.pop("run_id") == run_id
    assert manifest["files"] == {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                                 for name, data in files.items() if name != "manifest.json"}
    for entry in manifest["files"].values():
        del entry["sha256"]
    same = {"manifest.json": manifest}
    for name, data in files.items():
        seq = re.fullmatch(r"(?:requests|outputs)/(\d{6})\D*\.jsonl", name)
        if seq:
            digits = f'-{intent(run_id, nonce, int(seq[1]))}"'.encode()
            assert data.count(digits) == data.count(b'"custom_id"') == data.count(b"\n") > 0, name
            same[name] = data.replace(digits, b'-<intent>"')
        elif name != "manifest.json":
            same[name] = data
    return same


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
