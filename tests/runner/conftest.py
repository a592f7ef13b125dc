"""lamina-batch as its users call it."""

import json

import paths
import pytest
from fake_provider import FakeProvider
from run import run as run_program


@pytest.fixture(scope="session")
def program():
    path = paths.BUILD / "bin" / "lamina-batch"
    assert path.exists(), f"{path} is not built: run ./check test, or zig build"
    return path


@pytest.fixture(scope="session")
def lamina_batch(program):
    """lamina_batch("status", "--run-id", "r", cwd=..., env=...) -> Result."""
    return lambda *args, **options: run_program(program, *args, **options)


@pytest.fixture
def provider():
    server = FakeProvider()
    yield server
    server.stop()


class Runner:
    """Runs in a folder of their own, on the fake provider. Options of a command are keywords: run_id="r" is --run-id r, a list is
    the option several times, True a switch."""

    def __init__(self, program, folder, url):
        self.program, self.folder = program, folder
        self.env = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": url, "LAMINA_BATCH_DB": str(folder / "runs.sqlite3")}

    def __call__(self, command, *args, env=None, **options):
        words = []
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                words += [f"--{name.replace('_', '-')}"] + ([] if one is True else [str(one)])
        return run_program(self.program, command, *args, *words, cwd=self.folder, env={**self.env, **(env or {})})

    def items(self, rows, name="items.jsonl"):
        (self.folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return name

    def start(self, rows=None, run_id="r", **options):
        if rows is not None:
            options.setdefault("input", self.items(rows))
        options = {"id_field": "id", "prompt_field": "text", "model": "m", "poll_interval_sec": 0, "adopt_grace_sec": 0, **options}
        if "prompt_template" in options:
            del options["prompt_field"]
        return self("start", run_id=run_id, **options)

    def finished(self, rows, **options):
        """A run that is through: its summary."""
        self.start(rows, **options).ok()
        return self("wait", run_id=options.get("run_id", "r")).ok().json()

    def results(self, **options):
        told = self("results", run_id="r", **options).ok()
        return [json.loads(line) for line in told.out.split("\n")[:-1]]


@pytest.fixture
def runner(program, provider, tmp_path):
    return Runner(program, tmp_path, provider.url)


@pytest.fixture
def alone(program, tmp_path):
    """A runner without a provider."""
    return Runner(program, tmp_path, "http://127.0.0.1:9")
