"""Ending a program at a chosen instant, and what must hold of what it leaves behind."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import isolation
import run as running

# Linux counts the memory of the process that forked for the child, too: a small one stands between.
MEASURE = """\
import os, resource, sys
code = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""
PATIENCE_S = 30  # until something that must happen counts as not happening


class Place:
    """A project with everything a run reads or writes: `project` (with locks), `out`, `trees`, `store`, `state`, `tmp`."""

    def __init__(self, folder, program):
        self.folder, self.program = Path(folder), program
        self.project, self.store, self.state, self.tmp = (
            self.folder / name for name in ("project", "store", "state", "tmp"))
        self.out, self.trees, self.wheels = self.folder / "out", self.folder / "trees", self.folder / "wheels"
        self.spec = self.project / "venvstacks.toml"
        self.settings = {}  # more of the environment
        self.tmp.mkdir(parents=True, exist_ok=True)

    def copy(self, folder):
        """The same in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = Place(folder, self.program)
        other.settings.update(self.settings)
        return other

    def env(self, **more):
        return {"LAMINA_STORE": self.store, "LAMINA_STATE": self.state, "TMPDIR": self.tmp, **self.settings, **more}

    def argv(self, *args):
        return [os.fspath(arg) for arg in (self.program, *args)]

    def run(self, *args, **env):
        return running.run(*self.argv(*args), env=self.env(**env))

    def peak(self, *args):
        """Run, with success; the most memory, in bytes, that the program had at a time."""
        result = running.run(sys.executable, "-c", MEASURE, *self.argv(*args), env=self.env()).ok()
        return int(result.out.splitlines()[-1])

    def start(self, *args, **env):
        """A run in a session of its own, not waited for."""
        return subprocess.Popen(self.argv(*args), env=running.merged(self.env(**env)), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def session(pid):
    """The processes of a session that we started, without zombies: {pid: command line}. What loses its parent becomes our child."""
    found = {}
    for child in isolation.descendants() | isolation.descendants():  # one whose parent ends meanwhile is seen the second time
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == pid and fields[0] not in "ZX":
                found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
    return found


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Wait for something that has no event of its own."""
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still not so: {what}"
        time.sleep(0.005)
    return value


def wait_alone(pid):
    """Wait until nothing of a session is left."""
    wait_until(lambda: not session(pid), f"no process left of {session(pid)}")


def killed_at(place, point, *args):
    """Run until the named point (see src/os/kill_point.h), where the program ends as by kill -9; then nothing of it is left."""
    process = place.start(*args, LAMINA_KILL_POINT=point)
    out, err = process.communicate(timeout=running.TIMEOUT_S)
    assert process.returncode == -signal.SIGKILL, f"{point}: exit code {process.returncode}\n{out}{err}"
    wait_alone(process.pid)


def trace(place, *args):
    """Run to the end; the points that were passed, in order, as (name, how many times until then)."""
    path = place.folder / "trace"
    place.run(*args, LAMINA_KILL_TRACE=path).ok()
    seen, points = {}, []
    for name in path.read_text().splitlines():
        seen[name] = seen.get(name, 0) + 1
        points.append((name, seen[name]))
    path.unlink()
    return points


def is_litter(path):
    """What a run may leave when it is killed, and what nobody reads."""
    return any(part in ("staging", "tmp") or part.endswith((".partial", ".old", ".new", ".bad"))
        for part in path.parts)


def files(folder, litter=False):
    """{path below: SHA-256, or the target of a link} of what readers see; with `litter` of everything else."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in names + [name for name in folders if os.path.islink(os.path.join(parent, name))]:
            path = Path(parent, name)
            below = path.relative_to(folder)
            if is_litter(below) != litter:
                continue
            if name == "pyvenv.cfg" or name.startswith("sitecustomize."):
                found[str(below)] = "made by postinstall.py, names its own place"
            else:
                found[str(below)] = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def litter(place):
    """Everything a finished run should not have left, in all folders of a place."""
    found = [str(place.folder / name) for name in files(place.folder, litter=True)]
    for parent, folders, names in os.walk(place.folder):
        found += [os.path.join(parent, name) for name in folders if name == "staging" or name.endswith((".partial", ".old", ".new"))]
    found += [str(path) for path in place.tmp.iterdir()]
    found += [str(path) for path in (place.store / "tmp").glob("*")]
    return found


def artifacts(place):
    """The rows of the catalogue, but for when they were written."""
    path = place.state / "catalogue.sqlite"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT place, layer, platform, archive_digest, inputs_hash, archive_build FROM artifacts")
        return sorted((os.path.relpath(row[0], place.folder), *row[1:]) for row in rows)


def check_readable(out, states):
    """What a reader of an output folder may rely on at any instant (ARCHITECTURE.md, "What a reader may rely on").

    states: the allowed ones, as files() gave them"""
    now = files(out)
    for name, digest in now.items():
        allowed = [state.get(name) for state in states]
        assert digest in allowed, f"{name} is neither as it was nor as it should become"
    manifest = out / "__venvstacks__" / "venvstacks.json"
    described = {}
    for path in sorted((out / "__venvstacks__" / "env_metadata").glob("*.json")):
        layer = described[path.name] = json.loads(path.read_bytes())
        archive = out / layer["archive_name"]
        assert archive.stat().st_size == layer["archive_size"], f"{path.name} describes another archive"
        assert now[layer["archive_name"]] == layer["archive_hashes"]["sha256"], f"{path.name} describes another archive"
    if manifest.exists():
        layers = json.loads(manifest.read_bytes())["layers"]
        for layer in (layer for kind in layers.values() for layer in kind):
            if described.get(f"{layer['layer_name']}.json") == layer:
                assert now[layer["archive_name"]] == layer["archive_hashes"]["sha256"]


# Points that a run passes many times, and what they leave differs in nothing but a number.
ALIKE = {"tree: file written", "unpack: bytes", "folder: made", "folder: entry removed", "download: bytes written"}


# How often these are passed is the network's choice: the last one of one run may not come in the next, so one in the middle.
VARYING = {"download: bytes written"}


def chosen(points, every):
    """Of points that are alike, the first, the second and the last; of others too, unless every one is asked for."""
    last = {name: n // 2 if name in VARYING else n for name, n in points}
    return [f"{name}#{n}" for name, n in points if (every and name not in ALIKE) or n in (1, 2, last[name])]


def survives(before, program, folder, args, check, every):
    """Kill at each point of a run; check what is left; run again; compare with a run that nobody disturbed.

    before   the Place as it is before the run
    program  with kill points
    folder   for copies of the place
    args     the run, from its place
    check    of what is left, from the place and {folder: files} of the undisturbed run
    every    each passing of each point; else those that tell most"""
    before.program = program
    undisturbed = before.copy(folder / "undisturbed")
    points = trace(undisturbed, *args(undisturbed))
    want = {name: files(getattr(undisturbed, name)) for name in ("project", "out", "trees")}
    assert litter(undisturbed) == []

    def one(point):
        place = before.copy(folder / re.sub(r"\W+", "-", point))
        killed_at(place, point, *args(place))
        check(place, want)
        result = place.run(*args(place))
        assert result.code == 0, result
        for name, state in want.items():
            assert files(getattr(place, name)) == state, f"the {name} folder differs"
        assert artifacts(place) == artifacts(undisturbed)
        assert litter(place) == []
        shutil.rmtree(place.folder)

    failures = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for point, future in [(point, pool.submit(one, point)) for point in chosen(points, every)]:
            try:
                future.result()
            except AssertionError as why:
                failures.append(f"killed at {point!r}: {why}")
    assert not failures, "\n".join([f"{len(failures)} points", *failures])
    return {name for name, _ in points}
