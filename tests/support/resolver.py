"""A resolver that asks the test what to answer, so that a test says which layers are resolved when, and how they come out.

Each run of it is a Question: the test takes it, sees what it was asked and answers, in any order. No test waits for time to
pass: a question that does not come fails the test, and one that came too early is seen when the next is taken."""

import contextlib
import json
import select
import socket
import sys
import tomllib

PATIENCE_S = 60  # until a question that must come counts as not coming

PROGRAM = """\
#!{python} -I
import json, pathlib, socket
with socket.create_connection(("127.0.0.1", {port})) as connection:
    connection.sendall(json.dumps(pathlib.Path("pyproject.toml").read_text()).encode() + b"\\n")
    with connection.makefile() as file:
        answer = json.loads(file.readline())
    if "lock" in answer:
        pathlib.Path("pylock.toml").write_text(answer["lock"])
    raise SystemExit(answer.get("error"))
"""
LOCK = """\
lock-version = "1.0"
created-by = "test"
"""
PACKAGE = """
[[packages]]
name = "{name}"
version = "{version}"
wheels = [{{ url = "https://wheels.example/{name}-{version}-py3-none-any.whl", size = 1000, hashes = {{ sha256 = "{digest}" }} }}]
"""


class Question:
    """A resolver that waits for its answer. packages: what the layer requires; pins: what the layers below it have."""

    def __init__(self, connection):
        connection.settimeout(PATIENCE_S)
        self.connection, self.file = connection, connection.makefile()
        project = tomllib.loads(json.loads(self.file.readline()))
        self.packages = project["project"]["dependencies"]
        self.pins = project["tool"]["uv"]["constraint-dependencies"]

    def solve(self, version="1.0"):
        """Answer with this version of all that is required, and of what is pinned the pinned one."""
        packages = [(name, version) for name in self.packages] + [tuple(pin.split("==")) for pin in self.pins]
        self.answer(lock=LOCK + "".join(PACKAGE.format(name=name, version=number, digest="7" * 64)
            for name, number in sorted(packages)))

    def fail(self, text):
        self.answer(error=f"error: {text}")

    def answer(self, **parts):
        self.connection.sendall(json.dumps(parts).encode() + b"\n")
        assert self.ended()

    def ended(self):
        """Wait until it has ended, by itself or not."""
        with contextlib.suppress(ConnectionResetError):
            assert self.file.readline() == ""
        return True


class Resolver:
    def __init__(self, folder):
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.server.settimeout(PATIENCE_S)
        self.program = folder / "uv"
        self.program.write_text(PROGRAM.format(python=sys.executable, port=self.server.getsockname()[1]))
        self.program.chmod(0o755)
        self.taken = []

    def take(self, count=1):
        """The next questions, sorted by what they are about: as many as that are open at the same time."""
        questions = [Question(self.server.accept()[0]) for _ in range(count)]
        self.taken += questions
        return sorted(questions, key=lambda question: question.packages)

    def is_asked(self):
        """Whether there is a question that was not taken."""
        return bool(select.select([self.server], [], [], 0)[0])

    def stop(self):
        for question in self.taken:
            question.file.close()
            question.connection.close()
        self.server.close()
