"""A locked stack whose runtime and wheels are on a server of ours, which can hold one of them back."""

import contextlib
import shutil

import package_index
import small_stack
import web
import wheels
from survive import Place, wait_until

LAYERS = """\
[[runtimes]]
name = "small-runtime"
python_implementation = "cpython@3.11.11"
requirements = []
platforms = ["linux_x86_64", "linux_aarch64"]

[[frameworks]]
name = "left"
runtime = "small-runtime"
requirements = ["alpha"]

[[frameworks]]
name = "right"
runtime = "small-runtime"
requirements = ["beta"]
"""
ALPHA, BETA = "alpha-1.0-py3-none-any.whl", "beta-2.0-py3-none-any.whl"
HOLD_S = 20  # at most
NOISE = 3 << 20  # of each wheel: more than a connection holds in its buffers
HOST = ("--platform", "linux_x86_64")


class ServedStack:
    """`place` is locked and has an empty store. record: as wheels.wheel() has it."""

    def __init__(self, folder, program, server, record=None):
        self.server, self.place = server, Place(folder / "place", program)
        self.index = package_index.Index(server, "main")
        spec = small_stack.write_spec(self.place.project, small_stack.UV, server.url("/runtime.tar"), layers=LAYERS)
        spec.write_text(spec.read_text().replace("lock_urls = false\n", ""))
        self.wheels = {}
        for name, version in (("alpha", "1.0"), ("beta", "2.0")):
            files = {f"{name}/__init__.py": b"", f"{name}/noise.bin": small_stack.noise(NOISE)}
            file_name, data = wheels.wheel(files, name=name, version=version, record=record)
            self.index.offer(name, file_name, data)
            self.index.answer(f"{self.path(file_name)}.metadata", package_index.metadata_of(data))
            self.wheels[file_name] = data
        self.runtime = (self.place.project / "runtime.tar").read_bytes()
        self.reset()
        self.place.run("lock", spec, UV_DEFAULT_INDEX=self.index.url()).ok()
        (self.place.project / "runtime.tar").unlink()
        self.empty_store(self.place)

    def reset(self):
        self.serve("/runtime.tar", web.content(self.runtime))
        for name, data in self.wheels.items():
            self.serve(name, web.content(data))
        self.server.requests.clear()

    def serve(self, what, *answers):
        self.server.answers[what if what.startswith("/") else self.path(what)] = list(answers)

    def path(self, wheel):
        return f"/{self.index.place}/files/{wheel}"

    def url(self, wheel):
        return self.server.url(self.path(wheel))

    @staticmethod
    def empty_store(place):
        for folder in (place.store, place.state):
            shutil.rmtree(folder, ignore_errors=True)


class Held:
    """Answers that wait for `condition`; `seen` says of each whether it became so. A client that gets nothing hangs up after 30 s."""

    def __init__(self, condition):
        self.condition, self.seen = condition, []

    def then(self, answer):
        def held(handler):
            self.seen.append(False)
            with contextlib.suppress(AssertionError):
                self.seen[-1] = bool(wait_until(self.condition, "what the server waits for", HOLD_S))
            answer(handler)

        return held


def staged(place, layer, folder=""):
    """Is the new archive of a layer there, whole, waiting for the others? Its listing is written after it."""
    return lambda: (place.out / folder / "__venvstacks__" / "staging" / f"{layer}.entries").exists()
