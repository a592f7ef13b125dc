"""Keys come from the environment or a .env file, and stand nowhere. Other places that a run depends on: a full disk, PostgreSQL."""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import peer
import pytest

from full_disk import resize, tmpfs
from run import merged

CANARY = "sk-canary-4c1d9e77"
ROWS = [{"id": str(n), "text": f"text {n}"} for n in range(20)]


def said(result, code=1):
    assert (result.code, result.out) == (code, ""), result
    return result.err.rstrip("\n").splitlines()[-1].removeprefix("lamina-batch: ")


@pytest.fixture
def by_file(runner, provider):
    """A runner whose key is what its .env files say; the provider takes the canary only."""
    provider.faults(api_key=CANARY)
    runner.env["OPENAI_API_KEY"] = None
    return runner


def start(runner, folder, text):
    (folder / ".env").write_bytes(text)
    return runner.start(ROWS, env={"PWD": str(runner.folder)})


@pytest.mark.parametrize("text", [
    f"OPENAI_API_KEY={CANARY}\n", f"export OPENAI_API_KEY={CANARY}", f'# keys\r\n\r\nOPENAI_API_KEY = "{CANARY}"\r\n',
    f"OPENAI_API_KEY='{CANARY}' # mine\n", f"OPENAI_API_KEY={CANARY} # mine\nOTHER=x\n", f"\ufeffOPENAI_API_KEY={CANARY}\n",
    f"A='-----BEGIN\n\nx=\n-----END' # several lines\nB=\"\r\n\r\n\"\r\nOPENAI_API_KEY={CANARY}\n",
])
def test_spellings_of_a_dotenv_file(by_file, text):
    start(by_file, by_file.folder, text.encode()).ok()


def test_escapes_in_double_quotes(by_file):
    """As in a shell: of a quote, a dollar and a backslash the backslash goes, of another letter it stays; in single quotes all stay."""
    by_file.env["LAMINA_BATCH_DB"] = None
    start(by_file, by_file.folder, f"OPENAI_API_KEY={CANARY}\nLAMINA_BATCH_DB=\"{by_file.folder}/\\\"\\$\\\\\\q.db\"\n".encode()).ok()
    assert (by_file.folder / "\"$\\\\q.db").exists()
    start(by_file, by_file.folder, f"OPENAI_API_KEY={CANARY}\nLAMINA_BATCH_DB='{by_file.folder}/\\$.db'\n".encode()).ok()
    assert (by_file.folder / "\\$.db").exists()


def test_it_is_found_above(by_file):
    below = by_file.folder / "a" / "b"
    below.mkdir(parents=True)
    (by_file.folder / ".env").write_text(f"OPENAI_API_KEY={CANARY}\n")
    by_file.items(ROWS)
    by_file.folder, above = below, by_file.folder
    by_file.start(input=above / "items.jsonl").ok()
    (below / ".env").write_text("OPENAI_API_KEY=other\n")  # the nearest one counts
    assert "401" in said(by_file.start(run_id="s", input=above / "items.jsonl"))


def test_it_never_overrides(by_file):
    (by_file.folder / ".env").write_text("OPENAI_API_KEY=wrong\nLAMINA_BATCH_DB=/nowhere/x\n")
    by_file.start(ROWS, env={"OPENAI_API_KEY": CANARY}).ok()
    assert (by_file.folder / "runs.sqlite3").exists()


@pytest.mark.parametrize("text, message", [
    (f"OPENAI_API_KEY {CANARY}\n", "line 1 is not NAME=VALUE"),
    (f"A=b\nOPENAI_API_KEY='{CANARY}\n", "line 2 is not NAME=VALUE"),
    (f"\n\n1A={CANARY}\n", "line 3 is not NAME=VALUE"),
    (f'X="{CANARY}" more\n', "line 1 is not NAME=VALUE"),
    (f"A='\n\n'\nX='\n{CANARY}' more\n", "line 4 is not NAME=VALUE"),
    (f"A='\n\n'\n{CANARY}\n", "line 4 is not NAME=VALUE"),
    (f"A='\n{CANARY}\0'\n", "line 1 is not NAME=VALUE"),
    (f"X={CANARY}\0\n", "line 1 is not NAME=VALUE"),
])
def test_faults_name_the_line_and_no_value(by_file, text, message):
    result = start(by_file, by_file.folder, text.encode())
    assert said(result, 2) == f"{by_file.folder}/.env: {message}"


def files_with(folder, what):
    return [path for path in folder.rglob("*") if path.is_file() and what in path.read_bytes()]


def test_the_key_is_nowhere(runner, provider, program):
    """Not in files, output or the list of processes, also when the provider repeats it in what it says."""
    env = {**runner.env, "OPENAI_API_KEY": CANARY}
    runner.env = env
    heard = []

    def call(*args, **options):
        result = runner(*args, **options)
        heard.append(result.out + result.err)
        return result

    provider.faults({"on": "openai.batches.create", "nth": 1, "do": "status", "status": 401,
                     "body": {"error": {"message": f"Incorrect API key provided: {CANARY}.", "code": "invalid_api_key"}}},
                    {"on": "openai.batches.get", "nth": 1, "do": "status", "status": 500, "body": f"Bearer {CANARY} is tired"},
                    {"on": "batch", "nth": 1, "do": "wait", "polls": 60}, polls=0)
    runner.items(ROWS)
    options = {"run_id": "r", "input": "items.jsonl", "id_field": "id", "prompt_field": "text", "model": "m",
               "poll_interval_sec": 0.02, "base_backoff_sec": 0.01, "adopt_grace_sec": 0}
    refused = call("start", "-v", **options)
    assert refused.code == 1 and "Incorrect API key provided" in refused.err, refused
    call("start", "-v", **options).ok()
    process = subprocess.Popen([program, "wait", "--run-id", "r", "-v"], cwd=runner.folder, env=merged(env), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert CANARY.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    heard += process.communicate(timeout=60)
    assert process.returncode == 0, heard[-1]
    for words in (["status"], ["list"], ["results"], ["export-artifacts", "--destination-dir", "out"], ["prune-artifacts"]):
        call(*words, **({} if words == ["list"] else {"run_id": "r"})).ok()
    assert CANARY not in "".join(heard)
    assert files_with(runner.folder, CANARY.encode()) == []
    assert (runner.folder / "runs_artifacts" / "r" / "events.jsonl").stat().st_size > 0


def test_answers_that_repeat_the_key(runner, provider):
    """Raw answers are kept as they came, but for the key."""
    runner.env = {**runner.env, "OPENAI_API_KEY": CANARY}
    provider.faults({"on": "row", "every": 5, "do": "error", "status": 400, "message": f"for {CANARY}"},
                    {"on": "row", "every": 2, "do": "text", "text": f"your key is {CANARY}, and {CANARY}"})
    runner.finished(ROWS)
    stars = "*" * len(CANARY)
    assert f"your key is {stars}, and {stars}" in [row["output_text"] for row in runner.results()]
    runner("export-artifacts", "--destination-dir", "out", run_id="r").ok()
    assert files_with(runner.folder, CANARY.encode()) == []
    raw = [path.name for path in files_with(runner.folder / "out", stars.encode())]
    assert "000001_output.jsonl" in raw and "000001_error.jsonl" in raw


# ---- a provider that repeats the key, escaped as JSON may be

LONG = "sk-c4n/ry+4c1d9e77=Zz"
FORMS = {
    "as it is": LONG,
    "slash": LONG.replace("/", "\\/"),
    "slash, twice": LONG.replace("/", "\\\\\\/"),
    "codes": LONG.replace("=", "\\u003d").replace("+", "\\u002B"),
    "codes, twice": LONG.replace("=", "\\\\u003D").replace("+", "\\\\u002b").replace("s", "\\\\u0073"),
    "codes, thrice": LONG.replace("=", "\\\\\\\\u003d"),
    "every character": "".join(f"\\u{ord(c):04x}" for c in LONG),
}
REPEATS = [{"id": str(n), "text": json.dumps({"said": f"it is @@, {n} times @@"})} for n in range(20)]


@contextlib.contextmanager
def repeating(provider, form, *endings):
    """The provider behind a proxy that puts this form for each @@ of an answer. Its downloads, in turn, end as these functions of the
    connection and the body say; then they are whole."""
    left = list(endings)

    def script(connection, proxy):
        while request := connection.read_request():
            head, sent = request
            (method, path, _), *lines = (line.split(" ", 2) for line in head.split("\r\n"))
            headers = {name[:-1]: " ".join(value) for name, *value in lines}
            answer = provider.call(method, path, sent or None, headers)
            body = answer.body.replace(b"@@", form.encode()) if method == "GET" else answer.body
            if path.endswith("/content") and left:
                left.pop(0)(connection, proxy, body)
                return
            connection.answer(body, f"{answer.status} x", [f"Content-Type: {answer.headers['content-type']}"])

    with peer.serve(script) as proxy:
        yield proxy.url("")


def unescaped(data):
    """Bytes as who reads JSON in JSON in JSON sees them, more or less."""
    data = re.sub(rb"\\+u00([0-9a-fA-F]{2})", lambda found: bytes.fromhex(found[1].decode()), data)
    return re.sub(rb"\\+(.)", rb"\1", data)


def files_that_tell(folder, key=LONG):
    return [path for path in folder.rglob("*") if path.is_file() for data in [path.read_bytes()]
            if key.encode() in data or key.encode() in unescaped(data)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_the_key_as_json_may_write_it(runner, provider, name, form):
    stars = "*" * len(form)
    with repeating(provider, form) as url:
        runner.env |= {f"{name.upper()}_API_KEY": LONG, f"{name.upper()}_BASE_URL": url}
        runner.finished(REPEATS, provider=name)
    assert [json.loads(row["output_text"])["said"] for row in runner.results()] == [
        f"it is {stars}, {n} times {stars}" for n in range(20)]
    runner("export-artifacts", "--destination-dir", "out", run_id="r").ok()
    assert files_that_tell(runner.folder) == []
    assert stars.encode() in next((runner.folder / "out").rglob("000001_output.jsonl")).read_bytes()


def test_an_error_that_repeats_an_error(runner, provider):
    """The words of a server that passes on another's."""
    inner = json.dumps({"error": f"no such key: {LONG}, sorry"}).replace("/", "\\/")
    runner.env["OPENAI_API_KEY"] = LONG
    provider.faults({"on": "openai.batches.create", "do": "status", "status": 401, "body": {"error": {"message": inner}}})
    assert said(runner.start(REPEATS)).endswith('the provider answered 401: {"error": "no such key: REDACTED, sorry"}')
    assert files_that_tell(runner.folder) == []


def test_a_long_error_whose_end_is_the_key(runner, provider):
    """Words are cut when the key is gone: not within it."""
    runner.env |= {"GEMINI_API_KEY": LONG, "GEMINI_BASE_URL": provider.url}
    provider.faults({"on": "batch", "do": "fail", "message": "x" * 500 + LONG})
    runner.start(REPEATS, provider="gemini", max_attempts=1, base_backoff_sec=0.01).ok()
    runner("wait", run_id="r")
    told = runner("status", run_id="r").ok()
    assert files_that_tell(runner.folder, "x" * 100 + LONG[:3]) == []
    assert LONG[:3] not in told.out and [path.name for path in files_that_tell(runner.folder, "x" * 500 + "REDACTED")] != []


def test_space_around_the_key(runner, provider):
    """Servers do not see it."""
    provider.faults({"on": "row", "do": "text", "text": f"it is {LONG}"}, api_key=LONG)
    runner.env["OPENAI_API_KEY"] = f" {LONG} \t"
    runner.finished(REPEATS)
    assert {row["output_text"] for row in runner.results()} == {f"it is {'*' * len(LONG)}"}
    assert files_that_tell(runner.folder) == []


def partial(runner):
    """What of an answer is there."""
    return b"".join(path.read_bytes() for path in runner.folder.rglob(".*output.jsonl.*.partial"))


@pytest.mark.parametrize("form", ["as it is", "codes"])
def test_a_wait_killed_while_it_downloads(runner, provider, program, form):
    """In the middle of a key: neither that nor those before are there."""
    form = FORMS[form]
    bodies = []

    def stand_still(connection, proxy, body):
        end = body.rindex(form.encode()) + len(form) - 1
        bodies.append(body[:end])
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:end])
        proxy.over.wait()

    with repeating(provider, form, stand_still) as url:
        runner.env |= {"OPENAI_API_KEY": LONG, "OPENAI_BASE_URL": url}
        provider.faults({"on": "batch", "do": "wait", "polls": 1})
        runner.start(REPEATS).ok()
        process = subprocess.Popen([program, "wait", "--run-id", "r"], cwd=runner.folder, env=merged(runner.env),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not bodies or len(partial(runner)) < len(bodies[0]) - len(form) + 1:
                assert process.poll() is None
        finally:
            process.kill()
            process.wait()
        assert files_that_tell(runner.folder) == []
        assert partial(runner) == bodies[0][:1 - len(form)].replace(form.encode(), b"*" * len(form))
        runner("wait", run_id="r").ok()
        assert partial(runner) == b""
    assert f"19 times {'*' * len(form)}" in runner.results()[19]["output_text"]
    assert files_that_tell(runner.folder) == []


@pytest.mark.parametrize("form", ["as it is", "slash, twice"])
def test_a_download_cut_within_the_key(runner, provider, form):
    """What comes then is whole again."""
    form = FORMS[form]

    def cut(connection, proxy, body):
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:body.index(form.encode()) + 9])
        assert files_that_tell(runner.folder) == []

    with repeating(provider, form, cut, cut) as url:
        runner.env |= {"OPENAI_API_KEY": LONG, "OPENAI_BASE_URL": url}
        runner.finished(REPEATS, base_backoff_sec=0.01)
    stars = "*" * len(form)
    assert [json.loads(row["output_text"])["said"] for row in runner.results()] == [
        f"it is {stars}, {n} times {stars}" for n in range(20)]
    assert files_that_tell(runner.folder) == []


KEY_OF = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}


@pytest.mark.parametrize("source", ["environment", ".env"])
@pytest.mark.parametrize("name", KEY_OF)
def test_the_key_is_in_no_list_of_processes(runner, provider, program, name, source):
    """Neither arguments nor environment of the program show it while it works, and the provider got it."""
    provider.faults({"on": "batch", "do": "wait", "polls": 100000}, api_key=CANARY)
    runner.env |= {"OPENAI_API_KEY": None, f"{name.upper()}_BASE_URL": provider.url}
    if source == ".env":
        (runner.folder / ".env").write_text(f"{KEY_OF[name]}={CANARY}\n")
    else:
        runner.env[KEY_OF[name]] = CANARY
    runner.start(ROWS, provider=name, poll_interval_sec=0.01).ok()
    polls = len(provider.log())
    process = subprocess.Popen([program, "wait", "--run-id", "r"], cwd=runner.folder, env=merged(runner.env),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(provider.log()) == polls:  # until it has called the provider
            assert process.poll() is None
        for what in "cmdline", "environ":
            shown = Path(f"/proc/{process.pid}/{what}").read_bytes()
            assert shown and CANARY.encode() not in shown, what
    finally:
        process.kill()
        process.wait()
    assert files_with(runner.folder, CANARY.encode()) == ([runner.folder / ".env"] if source == ".env" else [])


@pytest.mark.parametrize("words", [{"input": "items.parquet"}, {"structured_output_class": "module:Class"}])
def test_programs_that_are_started_get_no_key(runner, words):
    """The layer's Python needs none."""
    (runner.folder / "items.parquet").write_bytes(b"PAR1")
    python = runner.folder / "python"
    python.write_text("#!/bin/sh\nenv >seen\nexit 1\n")
    python.chmod(0o755)
    runner.env |= {name: CANARY for name in (*KEY_OF.values(), "GOOGLE_API_KEY")}
    runner.env["LAMINA_BATCH_DB"] = f"{runner.folder}/{CANARY}.sqlite3"
    assert runner.start(ROWS, python=python, **words).code != 0
    seen = (runner.folder / "seen").read_text()
    assert "PATH=" in seen and CANARY not in seen


# ---- a full disk


@pytest.mark.parametrize("size", ["96k", "256k", "400k"])
def test_a_full_disk(runner, provider, size):
    rows = [{"id": str(n), "text": f"{n} " + "x" * 500} for n in range(600)]
    runner.items(rows)
    place = runner.folder / "disk"
    with tmpfs(place, size):
        runner.env["LAMINA_BATCH_DB"] = str(place / "runs.sqlite3")
        result = runner.start(input="items.jsonl")
        while result.code == 0 and not result.json()["status"].startswith("completed"):
            result = runner("wait", run_id="r")
        assert "No space left on device" in said(result) or "disk is full" in said(result), result
        resize(place, "64m")
        runner.start(input="items.jsonl").ok()
        assert runner("wait", run_id="r").json()["completed_items"] == 600
        assert provider.summary()["needless"] == 0
        assert [row["output_text"] for row in runner.results()] == [row["text"] for row in rows]


# ---- PostgreSQL


def test_everything_on_postgresql(runner, postgres_server):
    runner.env |= {"LAMINA_BATCH_DB": postgres_server.dsn, "LAMINA_BATCH_DB_SCHEMA": "keys",
                   "LAMINA_BATCH_ARTIFACTS": str(runner.folder / "artifacts"), "OPENAI_API_KEY": CANARY}
    assert runner.finished(ROWS, max_requests=7)["completed_items"] == 20
    assert [row["output_text"] for row in runner.results()] == [row["text"] for row in ROWS]
    told = runner("export-artifacts", run_id="r", destination_dir="out").json()
    assert len(told["exported_artifact_paths"]) == 6
    runner("prune-artifacts", run_id="r", include_raw_output_artifacts=True).ok()
    assert [row["output_text"] for row in runner.results()] == [row["text"] for row in ROWS]
    assert postgres_server.sql("SELECT count(*) FROM keys.items") == [["20"]]
    tables = [row[0] for row in postgres_server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'keys'")]
    assert {"runs", "items", "batches"} <= set(tables)
    for table in tables:
        assert postgres_server.sql(f"SELECT count(*) FROM keys.{table} AS t WHERE t::text LIKE '%{CANARY}%'") == [["0"]], table
    assert said(runner("pause", run_id="r")) == "run 'r' is finished"
    assert said(runner("status", run_id="q")) == "there is no run 'q', did you mean 'r'?"


def test_a_server_that_is_not_there(runner, tmp_path):
    runner.env["LAMINA_BATCH_DB"] = f"postgresql://me:{CANARY}@/x?host={tmp_path}"
    result = runner("list")
    assert result.code == 1 and result.out == "" and CANARY not in result.err, result
    assert os.fspath(tmp_path) in result.err
