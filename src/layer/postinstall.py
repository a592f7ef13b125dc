"""Finish a layer on the machine it was unpacked on.

    <runtime layer>/bin/python <this layer>/postinstall.py

Needs nothing but the runtime's Python. What it does may be repeated at any time, and must be after the stack was moved:

* reads share/venv/metadata/venvstacks_layer.json,
* writes pyvenv.cfg and sitecustomize.py (not for a runtime layer), which tell Python where the layers below are,
* compiles the layer's modules. The compiled files are checked by the hash of their source, because the times of
  unpacked files are pinned and say nothing.
"""

import importlib.util
import json
import os
import py_compile
import sys
import warnings
from pathlib import Path

CONFIG = "share/venv/metadata/venvstacks_layer.json"
SITECUSTOMIZE = '''\
"""Where the layers below this one are. Written by postinstall.py: run it again when the stack was moved."""

import os
import sys
from site import addsitedir

PYLIB_DIRS = {pylib}
DYNLIB_DIRS = {dynlib}

for folder in PYLIB_DIRS:
    addsitedir(folder)
if hasattr(os, "add_dll_directory"):
    for folder in DYNLIB_DIRS:
        if os.path.isdir(folder):
            os.add_dll_directory(folder)
# bin/python may be a script that sets the library path and goes on to "python_": children are to start with it, too
if os.path.basename(sys.executable or "") == "python_":
    sys.executable = os.path.join(os.path.dirname(sys.executable), "python")
'''


class LayerError(Exception):
    """A sentence for the user."""


class Layer:
    def __init__(self, root):
        self.root = root
        try:
            config = json.loads((root / CONFIG).read_bytes())
        except (OSError, ValueError) as why:
            raise LayerError(f"cannot read {str(root / CONFIG)!r}: {why}") from why
        try:
            self.python = self._path(config["python"])
            self.base_python = self._path(config["base_python"])
            self.site_dir = self._path(config["site_dir"])
            self.pylib_dirs = [self._path(text) for text in config["pylib_dirs"]]
            self.dynlib_dirs = [self._path(text) for text in config["dynlib_dirs"]]
            self.py_version = config["py_version"]
            if not isinstance(self.py_version, str):
                raise TypeError("'py_version' is not a string")
        except (KeyError, TypeError) as why:
            raise LayerError(f"{str(root / CONFIG)!r} is not what this script knows: {why!r}") from why

    def _path(self, text):
        """Absolute, links not resolved, and inside the folder that holds all layers."""
        path = Path(os.path.abspath(self.root / text))
        if self.root.parent not in path.parents:
            raise LayerError(f"path {text!r} of the layer leads out of {str(self.root.parent)!r}")
        return path

    @property
    def is_runtime(self):
        return self.python == self.base_python

    def check(self):
        running = "%d.%d" % sys.version_info[:2]
        if self.py_version.split(".")[:2] != running.split("."):
            raise LayerError(f"the layer is for Python {self.py_version}, and this is {running}: "
                             f"run this script with {str(self.base_python)!r}")
        if not self.base_python.is_file():
            raise LayerError(f"the runtime layer is not there: no {str(self.base_python)!r}")
        for path in [self.base_python, *self.pylib_dirs]:
            if "\n" in str(path) or "\r" in str(path):
                raise LayerError(f"Python cannot work in a folder with a line break in its name: {str(path)!r}")


def write_if_changed(path, text):
    """Replace a file whole, or not at all."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        if path.read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_pyvenv_cfg(layer):
    write_if_changed(layer.root / "pyvenv.cfg",
                     f"home = {layer.base_python.parent}\n"
                     "include-system-site-packages = false\n"
                     f"version = {layer.py_version}\n"
                     f"executable = {layer.base_python}\n")


def write_sitecustomize(layer):
    def listed(paths):
        return "".join(["[", *(f"\n    {ascii(str(path))}," for path in paths), "\n]" if paths else "]"])

    write_if_changed(layer.site_dir / "sitecustomize.py",
                     SITECUSTOMIZE.format(pylib=listed(layer.pylib_dirs), dynlib=listed(layer.dynlib_dirs)))


def sources(folder):
    """All modules below a folder, sorted; links are not followed."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [os.path.join(parent, name) for name in files if name.endswith(".py")]
    return sorted(path for path in found if not os.path.islink(path))


def is_compiled(source, compiled):
    """Is there a file compiled from just this source, to be checked by hash?"""
    try:
        with open(compiled, "rb") as file:
            head = file.read(16)
        if head[:8] != importlib.util.MAGIC_NUMBER + b"\x03\0\0\0":
            return False
        with open(source, "rb") as file:
            return head[8:16] == importlib.util.source_hash(file.read())
    except OSError:
        return False


def compile_one(job):
    """The sentence of a fault that must not pass, or None. Text that is no Python (templates, tests) is left alone."""
    source, name = job
    compiled = importlib.util.cache_from_source(source, optimization="")
    if is_compiled(source, compiled):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # the name inside does not depend on where the layer is; Python puts the place in when it loads the file
            py_compile.compile(source, compiled, dfile=name, doraise=True, quiet=2,
                               invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    except py_compile.PyCompileError:
        return None
    except OSError as why:
        return f"cannot compile {source!r}: {why}"
    return None


def in_processes(jobs):
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor() as pool:
        return [fault for fault in pool.map(compile_one, jobs, chunksize=32) if fault]


def compile_all(layer):
    top = layer.site_dir.relative_to(layer.root).parts[0]
    jobs = [(path, os.path.relpath(path, layer.root)) for path in sources(layer.root / top)]
    faults = None
    if len(jobs) > 64 and (os.cpu_count() or 1) > 1:
        try:
            faults = in_processes(jobs)
        except (ImportError, NotImplementedError, OSError, RuntimeError):
            faults = None  # no semaphores or no processes here: do it ourselves
    if faults is None:
        faults = [fault for fault in map(compile_one, jobs) if fault]
    if faults:
        raise LayerError(faults[0] if len(faults) == 1 else f"{faults[0]} (and {len(faults) - 1} more)")


def main():
    try:
        layer = Layer(Path(os.path.abspath(__file__)).parent)
        layer.check()
        if not layer.is_runtime:
            write_pyvenv_cfg(layer)
            write_sitecustomize(layer)
        compile_all(layer)
    except (LayerError, OSError) as why:
        sys.exit(f"postinstall: {why}")


if __name__ == "__main__":
    main()
