"""The fake provider as a process, and what a client of it needs: `lamina-batch fake-provider`, see docs/fake-provider.md."""

import contextlib
import http.client
import json
import os
import signal
import subprocess

import paths

KEYS = {"Authorization": "Bearer test-key", "x-api-key": "test-key", "anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-key": "test-key"}
BOUNDARY = "0123456789abcdef"


class Answer:
    """Status, headers (names in small letters) and body of an answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers}\n{self.body[:2000]!r}"

    def json(self):
        assert self.status == 200, self
        return json.loads(self.body)

    def lines(self):
        assert self.status == 200, self
        return [json.loads(line) for line in self.body.splitlines()]


class FakeProvider:
    """A running one. `url` is what a client gets as the base of all addresses; the API of OpenAI is at `url` + "/v1"."""

    def __init__(self, *args, program=None, faults=None, env=None):
        program = program or paths.BUILD / "bin" / "lamina-batch"
        argv = [os.fspath(program), "fake-provider", *map(os.fspath, args)]
        if faults is not None:
            argv += ["--faults", json.dumps(faults)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env)
        self.first_line = self.process.stdout.readline()
        assert self.first_line.startswith("listening on http://127.0.0.1:"), (self.first_line, self.process.wait())
        self.url = self.first_line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self, by=signal.SIGTERM):
        """End it; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        code = self.process.wait(60)
        self.process.stdout.close()
        return code

    # ---- calls

    def call(self, method, path, body=None, headers=None, timeout_s=30):
        """One call on a connection of its own. What goes wrong is http.client's or the socket's exception."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)) as connection:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            connection.request(method, path, body, KEYS if headers is None else headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def gemini(self, method, path, body=None, headers=None):
        return self.call(method, path, body, {**GEMINI, **(headers or {})})

    # ---- OpenAI, in one step each

    def upload(self, rows, **options):
        """Upload rows (objects, or the bytes of a file). Returns the answer."""
        data = rows if isinstance(rows, bytes) else "".join(json.dumps(row) + "\n" for row in rows).encode()
        body = form(data)
        return self.call("POST", "/v1/files", body, {**KEYS, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, **options)

    def create(self, file_id, endpoint="/v1/responses", metadata=None, **options):
        return self.call("POST", "/v1/batches", {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h",
                                                 "metadata": metadata}, **options)

    def submit(self, rows, **options):
        """Upload and create. Returns the id of the batch."""
        return self.create(self.upload(rows).json()["id"], **options).json()["id"]

    def poll(self, batch_id):
        return self.call("GET", f"/v1/batches/{batch_id}").json()

    def content(self, file_id, **options):
        return self.call("GET", f"/v1/files/{file_id}/content", **options)

    def run(self, rows, **options):
        """Submit and poll once. Returns the batch, its answers and its errors."""
        batch = self.poll(self.submit(rows, **options))
        both = [batch["output_file_id"], batch["error_file_id"]]
        answers, errors = ([] if file is None else self.content(file).lines() for file in both)
        return batch, answers, errors

    # ---- control

    def faults(self, *rules, **settings):
        """Replace what shall go wrong."""
        return self.call("POST", "/_control/faults", {**settings, "faults": list(rules)}).json()

    def log(self):
        return self.call("GET", "/_control/log").lines()

    def items(self):
        return self.call("GET", "/_control/items").lines()

    def summary(self):
        return self.call("GET", "/_control/summary").json()

    def reset(self):
        self.call("POST", "/_control/reset").json()


def form(data, purpose="batch", name="items.jsonl"):
    """The body of an upload to OpenAI."""
    head = (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n"
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n"
            "Content-Type: application/jsonl\r\n\r\n")
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def responses(*prompts, **body):
    """Rows for /v1/responses, with ids row-1, row-2, ..."""
    return [{"custom_id": f"row-{n}", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": prompt, **body}}
            for n, prompt in enumerate(prompts, 1)]


def text_of(row):
    """The text of an answer of /v1/responses."""
    return row["response"]["body"]["output"][0]["content"][0]["text"]


@contextlib.contextmanager
def fake_provider(*args, **options):
    provider = FakeProvider(*args, **options)
    try:
        yield provider
    finally:
        provider.stop()
