"""Small stacks for tests of the command line."""

import contextlib
import hashlib
import shutil
import threading

import pytest

import private
import fake_stack
import web as web_server
import wheelhouse

RUNTIME_SIZE = 400_000


@pytest.fixture(scope="session")
def locked(session_environment, tmp_path_factory, lamina):
    """A small stack (support/fake_stack.py), locked, that tests only read from: they publish into folders of their own."""
    with session_environment():
        stack = fake_stack.SmallStack(tmp_path_factory.mktemp("locked") / "small", lamina)
        stack.make()
        stack.lock()
    return stack


@pytest.fixture
def small(locked, tmp_path):
    """A locked small stack of the test's own."""
    return locked.copy(tmp_path / "small")


def page(body):
    def send(handler):
        web_server.head(handler, 200, {"Content-Type": "text/html", "Content-Length": len(body)})
        handler.wfile.write(body)
    return send


@pytest.fixture(scope="session")
def session_environment(tmp_path_factory):
    """with session_environment(): what runs in it has an environment of its own, as each test has."""

    @contextlib.contextmanager
    def enter():
        with pytest.MonkeyPatch.context() as patch:
            private.enter(patch, tmp_path_factory.mktemp("session"))
            yield

    return enter


class Served:
    """The small stack with its runtime on a web server, and wheels of one more framework in an index there. Downloads stop half way
    until `go` is set, once `hold` is called."""

    def __init__(self, folder, lamina, server, packages=()):
        self.web, self.go, self.held = server, threading.Event(), False
        name = "".join(("/", *packages, "runtime.tar"))  # one server for all stacks of a file
        self.go.set()
        self.stack = stack = fake_stack.SmallStack(folder, lamina)
        stack.make()
        archive = stack.spec.parent / f"{fake_stack.HOST}.tar"
        old = hashlib.sha256(archive.read_bytes()).hexdigest()
        body = archive.read_bytes().ljust(RUNTIME_SIZE, b"\0")  # zero blocks behind the end of a tar are allowed
        server.answers[name] = [self.answer(body)]
        stack.edit(old, hashlib.sha256(body).hexdigest())
        stack.edit(f'path = "{fake_stack.HOST}.tar"', f'url = "{server.url(name)}"')
        stack.edit("lock_urls = false", "lock_urls = true")
        if packages:
            self.add_index(packages)

    def add_index(self, packages):
        folder = self.stack.folder / "served"
        folder.mkdir()
        for name in packages:
            wheelhouse.make_wheel(folder, f"{name}-1.0", {f"{name}.bin": hashlib.shake_128(name.encode()).digest(100_000)})
        for path in folder.iterdir():
            name, body = path.name.split("-")[0], path.read_bytes()
            link = (f'<a href="/files/{path.name}#sha256={hashlib.sha256(body).hexdigest()}" data-core-metadata="true">'
                f"{path.name}</a>")
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
            self.web.answers[f"/files/{path.name}.metadata"] = [web_server.content(metadata)]
            self.web.answers[f"/simple/{name}/"] = [page(f"<html><body>{link}</body></html>".encode())]
            self.web.answers[f"/files/{path.name}"] = [self.answer(body)]
        self.stack.edit('requirements = ["plainpkg"]', f'requirements = ["plainpkg", {", ".join(map(repr, packages))}]')
        self.stack.edit('exclude-newer = "2026-06-01T00:00:00Z"\n', f'find-links = ["{self.stack.wheels}"]\n')
        self.stack.spec.write_text(self.stack.spec.read_text()
            + f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{self.web.url("/simple")}"\ndefault = true\n')

    def answer(self, body):
        def send(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            half = len(body) // 2 if self.held else 0
            handler.wfile.write(body[:half])
            handler.wfile.flush()
            self.go.wait()
            handler.wfile.write(body[half:])
        return send

    def hold(self):
        self.held = True
        self.go.clear()
        shutil.rmtree(self.stack.store, ignore_errors=True)


@pytest.fixture(scope="module")
def served_stacks(session_environment, tmp_path_factory, lamina):
    """served_stacks(*packages) -> Served, locked: made once for the tests of a file."""
    with session_environment(), web_server.serve() as server:
        made = {}

        def make(*packages):
            if packages not in made:
                stack = made[packages] = Served(tmp_path_factory.mktemp("served"), lamina, server, packages)
                index = [] if packages else ["--no-index", "--local-wheels", stack.stack.wheels]
                stack.options = [*index, "--store", stack.stack.store]
                stack.stack.run("lock", *stack.options, stack.stack.spec).ok()
            return made[packages]

        yield make
        for stack in made.values():
            stack.go.set()


@pytest.fixture
def served(served_stacks):
    """served(*packages) -> Served, held, with an empty store and nothing published."""
    used = []

    def make(*packages):
        stack = served_stacks(*packages)
        used.append(stack)
        shutil.rmtree(stack.stack.out, ignore_errors=True)
        stack.hold()
        return stack

    yield make
    for stack in used:
        stack.go.set()
