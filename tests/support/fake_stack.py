"""A stack that is built in a moment: runtimes that do not run, wheels made here, locked without any index.

    runtime `base` (no wheels)
    framework `low` (versioned; wheel `lowpkg`)   framework `plain` (wheel `plainpkg`)
    application `one` on both, `two` on `plain`, `three` on the runtime; `one` and `two` share a support module
"""

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile

import deploy
import wheelhouse
from run import run

HOST = f"linux_{os.uname().machine}"
POSIX = ["bin/python3.11", "lib/python3.11/os.py"]
WINDOWS = ["python.exe", "Lib/venv/scripts/nt/python.exe", "Lib/venv/scripts/nt/pythonw.exe"]
SPEC = """\
[[runtimes]]
name = "base"
python_implementation = "cpython@3.11.11"
requirements = []
platforms = ["{host}", "win_amd64"]

[[frameworks]]
name = "low"
runtime = "base"
versioned = true
requirements = ["lowpkg"]

[[frameworks]]
name = "plain"
runtime = "base"
requirements = ["plainpkg"]

[[applications]]
name = "one"
frameworks = ["low", "plain"]
requirements = ["lowpkg"]
launch_module = "one.py"
support_modules = ["shared.py"]

[[applications]]
name = "two"
frameworks = ["plain"]
requirements = []
launch_module = "two"
support_modules = ["shared.py", "other.py"]

[[applications]]
name = "three"
runtime = "base"
requirements = []
launch_module = "three.py"

[tool.uv]
exclude-newer = "2026-06-01T00:00:00Z"

[tool.lamina]
lock_urls = false
"""
MODULES = {
    "one.py": "print('one')\n", "two/__init__.py": "", "two/__main__.py": "print('two')\n", "three.py": "print(3)\n",
    "shared.py": "SHARED = 1\n", "other.py": "OTHER = 1\n",
}
LAYERS = ["base", "framework-low", "framework-plain", "app-one", "app-two", "app-three"]


def fake_runtime(path, names):
    """Write a runtime archive; the resolver gets this Python to look at. Returns its SHA-256."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            body = f"#!/bin/sh\nexec '{sys.executable}' \"$@\"\n".encode() if name.startswith("bin/") else name.encode()
            member = tarfile.TarInfo(f"python/{name}")
            member.mode, member.size = 0o755, len(body)
            archive.addfile(member, io.BytesIO(body))
    return hashlib.sha256(path.read_bytes()).hexdigest()


class SmallStack:
    def __init__(self, folder, lamina):
        self.folder, self.lamina = folder, lamina
        self.out, self.store, self.wheels = folder / "out", folder / "store", folder / "wheels"
        self.spec = folder / "stack" / "venvstacks.toml"

    def copy(self, folder):
        """The same stack in another place, with its locks and sources; no store and no output."""
        for name in ("wheels", "stack"):
            shutil.copytree(self.folder / name, folder / name)
        return SmallStack(folder, self.lamina)

    def make(self):
        """Write wheels, modules, runtime archives and spec."""
        self.wheels.mkdir(parents=True)
        (self.spec.parent / "two").mkdir(parents=True)
        self.add_wheel("lowpkg-1.0")
        self.add_wheel("plainpkg-1.0")
        for name, text in MODULES.items():
            self.write(name, text)
        text = SPEC.format(host=HOST)
        for platform, names in ((HOST, POSIX), ("win_amd64", WINDOWS)):
            digest = fake_runtime(self.spec.parent / f"{platform}.tar", names)
            text += (f'\n[[tool.lamina.runtime_archives]]\nimplementation = "cpython@3.11.11"\nplatform = "{platform}"\n'
                f'path = "{platform}.tar"\nsha256 = "{digest}"\n')
        self.spec.write_text(text)

    def add_wheel(self, stem, text=""):
        name = stem.split("-", 1)[0]
        wheelhouse.make_wheel(self.wheels, stem, {f"{name}.py": f"VERSION = {stem!r}\n{text}".encode()})

    def write(self, name, text):
        (self.spec.parent / name).write_text(text)

    def edit(self, old, new):
        text = self.spec.read_text()
        assert text.count(old) == 1
        self.spec.write_text(text.replace(old, new))

    def run(self, *args, **options):
        return run(self.lamina, *args, **options)

    def lock(self, *args):
        """Lock what needs it again."""
        return self.run("lock", "--if-needed", "--no-index", "--local-wheels", self.wheels, "--store", self.store, *args,
            self.spec).ok()

    def command(self, name, *args, out=None, store=None):
        return self.run(name, "--no-index", "--local-wheels", self.wheels, "--store", store or self.store, *args, self.spec,
            out or self.out)

    def publish(self, *args, **options):
        """{layer: what happened}, for one platform."""
        result = self.command("publish", "--json", *args, **options).json()
        return {item["layer_name"]: item["state"] for item in result["outputs"]}

    def metadata(self, out=None):
        """{layer: its metadata}, from the manifest, which must agree with the files of the layers."""
        out = out or self.out
        found = {layer["layer_name"]: layer for layer in deploy.layers(out)}
        for name, layer in found.items():
            assert json.loads((out / "__venvstacks__/env_metadata" / f"{name}.json").read_text()) == layer
            archive = (out / layer["archive_name"]).read_bytes()
            assert layer["archive_size"] == len(archive)
            assert layer["archive_hashes"] == {"sha256": hashlib.sha256(archive).hexdigest()}
        return found

    def builds(self, out=None):
        return {name: layer["archive_build"] for name, layer in self.metadata(out).items()}

    def forget_store(self):
        shutil.rmtree(self.store)


def snapshot(folder):
    """{path: (bytes or link target, inode, time, mode)}: equal exactly when nothing was written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        body = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (body, info.st_ino, info.st_mtime_ns, info.st_mode)
    return found


def changed(before, after):
    """Names of files that differ in any way between two snapshots; folders do not count."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)
        and (after.get(name) or before[name])[0] is not None}
