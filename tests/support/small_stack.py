"""A stack that is locked, built and published in a second: a runtime that is a script, wheels of a few files.

Its runtime archive hands over to the python3.11 of PATH, so that the resolver and postinstall.py have one to run."""

import hashlib
import io
import random
import tarfile

import wheelhouse

LOCAL = ("--no-index", "--local-wheels", "../wheels")  # options, when the wheels are beside the folder of the spec
UV = 'exclude-newer = "2030-01-01T00:00:00Z"'  # what `locked_at` becomes: two locks have the same bytes
VERSION = "3.11.11"
SEED = 20240601
LARGE = 13 << 20  # of one file: it has a segment of its own
LAYERS = """\
[[runtimes]]
name = "small-runtime"
python_implementation = "cpython@3.11.11"
requirements = ["alpha"]
platforms = ["linux_x86_64", "linux_aarch64"]

[[frameworks]]
name = "middle"
runtime = "small-runtime"
versioned = true
requirements = ["beta"]

[[applications]]
name = "first"
frameworks = ["middle"]
requirements = ["gamma"]
launch_module = "launch/first_app.py"

[[applications]]
name = "second"
runtime = "small-runtime"
requirements = []
launch_module = "launch/second_app.py"
support_modules = ["launch/shared_code.py"]
"""
DATA_LAYERS = """\
[[runtimes]]
name = "small-runtime"
python_implementation = "cpython@3.11.11"
requirements = ["{package}"]
platforms = ["linux_x86_64", "linux_aarch64"]

[[applications]]
name = "data"
runtime = "small-runtime"
requirements = []
launch_module = "launch/data"
"""  # a runtime with a package, an application that is a folder
SPEC = """\
{layers}
[tool.uv]
{uv}

[tool.lamina]
lock_urls = false

{archives}
"""
ARCHIVE = """\
[[tool.lamina.runtime_archives]]
implementation = "cpython@{version}"
platform = "{platform}"
{place}
sha256 = "{sha256}"
"""


def noise(size):
    """Bytes that do not compress, the same every time."""
    return random.Random(SEED).randbytes(size)


def make_runtime(path, files=()):
    """An archive in the shape of a runtime. `files`: more of (name, bytes). Returns its SHA-256."""
    script = b'#!/bin/sh\nexec python3.11 "$@"\n'
    members = [("bin/python3.11", script), ("lib/python3.11/os.py", b"# not the real one\n" * 50)]
    members += [(f"lib/python3.11/part_{number}.py", b"value = %d\n" % number) for number in range(20)]
    with tarfile.open(path, "w") as archive:
        for name, data in [*members, *files]:
            member = tarfile.TarInfo(f"python/{name}")
            member.mode, member.size, member.mtime = 0o755, len(data), 1_700_000_000
            archive.addfile(member, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_wheels(folder, large=LARGE):
    """alpha, beta (with a file of `large` bytes, for a segment of its own), gamma (which needs beta)."""
    folder.mkdir(parents=True, exist_ok=True)
    many = {f"alpha/part_{number}.py": b"number = %d\n" % number for number in range(30)}
    wheelhouse.make_wheel(folder, "alpha-1.0", {"alpha/__init__.py": b"", **many})
    wheelhouse.make_wheel(folder, "beta-2.0", {"beta/__init__.py": b"", "beta/noise.bin": noise(large)})
    wheelhouse.make_wheel(folder, "gamma-3.0", {"gamma/__init__.py": b"import beta\n",
        "gamma-3.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: gamma\nVersion: 3.0\nRequires-Dist: beta\n"})


def write_spec(folder, uv="", runtime_url=None, runtime_files=(), layers=LAYERS):
    """The spec, its modules and its runtime archive (for the spec, at a URL if one is given). Returns the spec's path."""
    (folder / "launch").mkdir(parents=True, exist_ok=True)
    (folder / "launch" / "first_app.py").write_text("print('first')\n")
    (folder / "launch" / "second_app.py").write_text("import shared_code\nshared_code.tell()\n")
    (folder / "launch" / "shared_code.py").write_text("def tell():\n    print('second')\n")
    digest = make_runtime(folder / "runtime.tar", runtime_files)
    place = 'path = "runtime.tar"' if runtime_url is None else f'url = "{runtime_url}"'
    archives = "\n".join(ARCHIVE.format(version=VERSION, platform=platform, sha256=digest, place=place)
        for platform in ("linux_x86_64", "linux_aarch64"))
    (folder / "venvstacks.toml").write_text(SPEC.format(layers=layers, uv=uv, archives=archives))
    return folder / "venvstacks.toml"
