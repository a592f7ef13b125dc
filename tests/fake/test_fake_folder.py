"""The folder of the fake provider is swept away while it runs: each call says so, and it lives."""

import json
import shutil

import pytest

from fake_provider import FakeProvider

OPENAI = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "x"}}
ANTHROPIC = {"requests": [{"custom_id": "a", "params": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}}]}
GEMINI = {"batch": {"displayName": "d", "inputConfig": {"requests": {"requests": [
    {"request": {"contents": [{"parts": [{"text": "x"}]}]}, "metadata": {"key": "a"}}]}}}}


@pytest.fixture
def swept(tmp_path):
    """Three batches, a file, and then no folder any more."""
    server = FakeProvider("--folder", tmp_path)
    server.file = server.upload([OPENAI]).json()["id"]
    server.batches = [server.create(server.file).json()["id"], server.call("POST", "/v1/messages/batches", ANTHROPIC).json()["id"],
        server.gemini("POST", "/v1beta/models/m:batchGenerateContent", GEMINI).json()["name"]]
    folder, = tmp_path.iterdir()
    shutil.rmtree(folder)
    yield server
    assert server.stop() == 0


def broken(answer):
    assert answer.status == 500, answer
    error = json.loads(answer.body)["error"]
    assert error["message"].startswith("the fake provider: cannot ") and error["message"].endswith("No such file or directory"), error


def test_each_call_says_so(swept):
    openai, anthropic, gemini = swept.batches
    broken(swept.content(swept.file))
    broken(swept.upload([OPENAI]))
    broken(swept.create(swept.file))
    broken(swept.call("GET", f"/v1/batches/{openai}"))
    broken(swept.call("POST", "/v1/messages/batches", ANTHROPIC))
    broken(swept.call("GET", f"/v1/messages/batches/{anthropic}"))
    broken(swept.gemini("POST", "/v1beta/models/m:batchGenerateContent", GEMINI))
    broken(swept.gemini("GET", f"/v1beta/{gemini}"))
    assert swept.call("GET", "/v1/files").json()["data"][0]["id"] == swept.file
    broken(swept.call("GET", "/_control/summary"))
