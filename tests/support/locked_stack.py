"""A stack whose locks are written here, as docs/formats/lock.md and pylock.md say: so nothing is resolved, and a lock can hold
anything. One runtime without packages, one application ("app") with those it is given."""

import hashlib
import io
import json
import tarfile

from wheels import wheel

VERSION = "3.11.11"
PLATFORMS = ("linux_x86_64", "linux_aarch64", "macosx_arm64", "macosx_x86_64", "win_amd64", "win_arm64")
LAUNCH = "launch/app_main.py"
SPEC = """\
[[runtimes]]
name = "base"
python_implementation = "cpython@{version}"
requirements = []

[[applications]]
name = "app"
runtime = "base"
requirements = {requirements}
launch_module = "{launch}"

[tool.lamina]
lock_urls = false
"""
ARCHIVE = """
[[tool.lamina.runtime_archives]]
implementation = "cpython@{version}"
platform = "{platform}"
path = "{path}"
sha256 = "{sha256}"
"""
UNIX = {"bin/python3.11": b"#!/bin/sh\n", "lib/python3.11/os.py": b"# not the real one\n"}
WINDOWS = {"python.exe": b"MZ", "Lib/os.py": b"# not the real one\n", "Lib/venv/scripts/nt/python.exe": b"MZ launcher",
    "Lib/venv/scripts/nt/pythonw.exe": b"MZ launcher without a console"}


def runtime_files(platform):
    return WINDOWS if platform.startswith("win") else UNIX


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def runtime_tar(files, more=()):
    """A tar of python/<path>; `more`: (TarInfo, bytes) as they are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(f"python/{path}")
            info.mode, info.size = 0o755, len(data)
            archive.addfile(info, io.BytesIO(data))
        for info, data in more:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def fields_hash(*fields):
    """SHA-256 over fields, each behind its length: docs/formats/lock.md."""
    hashed = hashlib.sha256()
    for field in fields:
        hashed.update(len(field.encode()).to_bytes(8, "little") + field.encode())
    return "sha256:" + hashed.hexdigest()


def wheel_line(name, data, **changes):
    """One wheel of a lock: {file name: bytes}, and what it says of them."""
    said = {"path": json.dumps(name), "size": len(data), "hashes": f'{{ sha256 = "{sha256(data)}" }}', **changes}
    return "    { " + ", ".join(f"{key} = {value}" for key, value in said.items() if value is not None) + " },\n"


def package(name, version, wheels):
    """A [[packages]] table; wheels: lines of wheel_line()."""
    return f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\nwheels = [\n{"".join(wheels)}]\n'


def pylock(*packages):
    head = '# Written by lamina. Do not edit: relock to change.\nlock-version = "1.0"\nrequires-python = "==3.11.*"\n'
    return head + 'created-by = "lamina"\n' + ("".join(packages) or "packages = []\n")


class LockedStack:
    """Files in one folder: venvstacks.toml with its locks, wheels/, runtimes/; lamina works with out/, store/ and state/."""

    def __init__(self, folder):
        self.folder, self.spec = folder, folder / "venvstacks.toml"
        self.wheels, self.out, self.store, self.state = (folder / name for name in ("wheels", "out", "store", "state"))
        self.requirements, self.archives = [], {}
        self.wheels.mkdir(parents=True)
        (folder / LAUNCH).parent.mkdir()
        (folder / LAUNCH).write_text("print('app')\n")
        for platform in PLATFORMS:
            self.put_runtime(platform, runtime_tar(runtime_files(platform)))

    def put_runtime(self, platform, data, digest=None, name=None):
        """The runtime archive of a platform; `digest`: another than it has."""
        path = f"runtimes/{name or platform + '.tar'}"
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_bytes(data)
        self.archives[platform] = (path, digest or sha256(data))

    def put_wheel(self, name, data):
        (self.wheels / name).write_bytes(data)

    def lock(self, *made, text=None):
        """Write the spec and its locks: the wheels (file name, bytes) in wheels/ and locked, or the lock file of the application
        as `text`."""
        by_project = {}
        for name, data in made:
            self.put_wheel(name, data)
            parts = name.split("-")
            project = (parts[0].replace("_", "-"), parts[1]) if len(parts) > 1 else ("demo", "1.0")
            by_project.setdefault(project, []).append(wheel_line(name, data))
        if text is None:
            text = pylock(*(package(*project, lines) for project, lines in sorted(by_project.items())))
        self.write(text)
        return self

    def write(self, text, meta=None):
        archives = [ARCHIVE.format(version=VERSION, platform=platform, path=path, sha256=digest)
            for platform, (path, digest) in sorted(self.archives.items())]
        spec = SPEC.format(version=VERSION, requirements=json.dumps(self.requirements), launch=LAUNCH)
        self.spec.write_text(spec + "".join(archives))
        digests = [field for platform in PLATFORMS if platform in self.archives
            for field in (platform, self.archives[platform][1], "")]
        platforms = "".join(f"{platform} " for platform in PLATFORMS) + "glibc 2.28 macos 13.0"
        empty = pylock()
        lower = self.write_lock("base", empty, [], ["lamina other inputs 1", "runtimes", f"cpython@{VERSION}", *digests, platforms,
            "", "index", "no urls"])
        self.write_lock("app-app", text, self.requirements, ["lamina other inputs 1", "applications", "cpython 3.11", platforms, "",
            "index", "no urls", "layer", "base", lower], meta)

    def write_lock(self, layer, text, requirements, other, meta=None):
        folder = self.folder / "requirements" / layer
        folder.mkdir(parents=True, exist_ok=True)
        text = text if isinstance(text, bytes) else text.encode()
        state = {"requirements_hash": "sha256:" + sha256(text),
            "lock_input_hash": fields_hash("lamina lock input 1", *sorted(requirements)),
            "other_inputs_hash": fields_hash(*other), "version_inputs_hash": fields_hash("lamina version inputs 1"),
            "lock_version": 1, "locked_at": "2026-06-01T00:00:00Z", **(meta if isinstance(meta, dict) else {})}
        (folder / f"pylock.{layer}.toml").write_bytes(text)
        (folder / f"pylock.{layer}.meta.json").write_text(meta if isinstance(meta, str) else json.dumps(state))
        return state["requirements_hash"]

    def repair(self):
        """A good stack again."""
        for platform in PLATFORMS:
            self.put_runtime(platform, runtime_tar(runtime_files(platform)))
        self.requirements = ["demo"]
        self.lock(good())

    def argv(self, command="publish", platform="linux_x86_64", *more):
        """Arguments of lamina for one platform, without the network."""
        return [command, "--store", self.store, "--local-wheels", self.wheels, "--no-index", "--platform", platform, *more,
            self.spec, self.out]

    def env(self):
        return {"LAMINA_STATE": self.state}

    def left_behind(self, whole=()):
        """Files that a refused run must not leave: any in out/, half-written ones and wrong sources in store/. `whole`: layers whose
        tree may be there (trees are made one after the other)."""
        allowed = [self.out / "__venvstacks__" / "env_metadata" / f"{layer}.json" for layer in whole]
        found = [str(p.relative_to(self.folder)) for p in self.out.rglob("*") if (p.is_symlink() or not p.is_dir())
            and p not in allowed and p.relative_to(self.out).parts[0] not in whole]
        for path in self.store.rglob("*"):
            below = path.relative_to(self.store)
            if path.is_dir():
                continue
            half = ".partial" in path.name or path.name.startswith(".") or below.parts[0] == "tmp"
            wrong = below.parts[0] == "sources" and below.parts[1] + below.name != sha256(path.read_bytes())
            if half or wrong:
                found.append(str(path.relative_to(self.folder)))
        return found


def good():
    """A wheel that nothing is wrong with, as `demo` 1.0."""
    return wheel()
