"""Small stacks for the tests of locking."""

import json
import tomllib

import package_index
from run import run

ALL = tuple(package_index.TAGS)
HOST = "linux_x86_64"
OTHER_DIGEST = "5" * 64
RUNTIME = "cpython-3.11.11-x86_64-unknown-linux-gnu-install_only.tar"


class Stack:
    """A spec in a folder: a head (runtime, uv and lamina tables), then layers."""

    def __init__(self, lamina, runtimes, folder, store, index=None):
        self.lamina, self.folder, self.store, self.index = lamina, folder, store, index
        folder.mkdir(parents=True)
        self.spec = folder / "venvstacks.toml"
        self.archive = runtimes / RUNTIME
        digests = (line.split() for line in (runtimes / "SHA256SUMS").read_text().splitlines())
        self.digest = {name: digest for digest, name in digests}[RUNTIME]

    def layers(self, text, *, runtime="", requirements=(), platforms=(HOST,), uv=None, lamina="", indexes=None,
            archives=None):
        """Write the spec: a runtime "py" with these keys, the layers of `text`, and [tool.uv] and [tool.lamina]."""
        if indexes is None:
            indexes = f'[[tool.uv.index]]\nname = "main"\nurl = "{self.index.url()}"\ndefault = true\n' if self.index else ""
        if uv is None:
            uv = 'exclude-newer = "2026-06-01T00:00:00Z"'
        self.spec.write_text(f"""\
[[runtimes]]
name = "py"
python_implementation = "cpython@3.11.11"
requirements = {json.dumps(list(requirements))}
platforms = {json.dumps(list(platforms))}
{runtime}
{text}
[tool.uv]
{uv}
{indexes}
[tool.lamina]
{lamina}
{self.archives() if archives is None else archives}""")
        return self

    def archives(self):
        """Runtime archives for all platforms. Only the host's is read when a lock is made."""
        return "".join(f"""\
[[tool.lamina.runtime_archives]]
implementation = "cpython@3.11.11"
platform = "{platform}"
path = "{self.link() if platform == HOST else f"{platform}.tar"}"
sha256 = "{self.digest if platform == HOST else OTHER_DIGEST}"
""" for platform in ALL)

    def link(self):
        """The runtime archive beside the spec, so that no path of this machine is in it."""
        link = self.folder / "runtime.tar"
        if not link.is_symlink():
            link.symlink_to(self.archive)
        return link.name

    def run(self, command, *args, **options):
        return run(self.lamina, command, "--store", self.store, *args, self.spec, **options)

    def lock(self, *args, **options):
        return self.run("lock", *args, **options)

    def status(self):
        """{build name: its part of the status document}"""
        document = self.run("show", "--json").json()
        return {layer["name"]: layer for kind in ("runtimes", "frameworks", "applications") for layer in document[kind]}

    def path(self, layer, kind="pylock"):
        name = {"pylock": f"pylock.{layer}.toml", "meta": f"pylock.{layer}.meta.json", "packages": f"packages-{layer}.txt",
            "requirements": f"requirements-{layer}.in"}[kind]
        return self.folder / "requirements" / layer / name

    def text(self, layer, kind="pylock"):
        return self.path(layer, kind).read_text(encoding="utf-8")

    def pylock(self, layer):
        return tomllib.loads(self.text(layer))

    def meta(self, layer):
        return json.loads(self.text(layer, "meta"))

    def packages(self, layer):
        """The lines of packages-<layer>.txt after its comment."""
        return self.text(layer, "packages").splitlines()[1:]

    def wheels(self, layer, package):
        """File names of the wheels of a package."""
        (found,) = [p for p in self.pylock(layer)["packages"] if p["name"] == package]
        return [wheel.get("path") or wheel["url"].rsplit("/", 1)[1] for wheel in found["wheels"]]

    def files(self):
        """{path: (bytes, modification time)} of everything below requirements/."""
        root = self.folder / "requirements"
        return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(root.rglob("*")) if path.is_file()}


def framework(name, *requirements, below='runtime = "py"', more=""):
    return f'[[frameworks]]\nname = "{name}"\n{below}\nrequirements = {json.dumps(list(requirements))}\n{more}\n'


def application(name, *requirements, below='runtime = "py"', module=None, more=""):
    return (f'[[applications]]\nname = "{name}"\n{below}\nlaunch_module = "{module or name}.py"\n'
        f"requirements = {json.dumps(list(requirements))}\n{more}\n")


def on(*frameworks):
    return f"frameworks = {json.dumps(list(frameworks))}"
