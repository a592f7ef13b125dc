"""A test that leaves a process, a listening port, or a file outside of its folder behind fails. Loaded as a plugin by conftest.py.

Below ./check all that tests of a file can write to are the folders that the file was given, which are looked at after each test, and
caches of what is known by digest: see misc/confined. What fixtures of a file or of the run started before the test is theirs; they end it
later."""

import ctypes
import os
import select
import signal
import time
from pathlib import Path

import pytest

PR_SET_CHILD_SUBREAPER = 36
ENDING_S = 3  # what is being ended may take this long to be gone
LISTENING = "0A"
# What others leave: pytest, and in shared memory programs that were killed.
OF_OTHERS = ("pytest-of-", "faketime_", "sem.faketime_", "PostgreSQL.")
# Homes and temporary folders of the whole file, from ./check; a test has its own.
OF_THE_FILE = ("LAMINA_CHECK_PRIVATE", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")


def pytest_configure(config):
    # what loses its parent becomes a child of ours, so that it is found
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    below_check = "LAMINA_CHECK_PRIVATE" in os.environ
    config.private_folders = [Path(os.environ[name]) for name in OF_THE_FILE] if below_check else []
    config.private_folders += [Path(name) for name in os.environ.get("LAMINA_CHECK_CONFINED", "").split(":") if name]


# ---- processes


def children(pid):
    """Children of a process: of all its threads."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii").split())
    except OSError:
        pass  # it has ended
    return found


def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def descendants():
    found, queue = set(), [os.getpid()]
    while queue:
        below = children(queue.pop())
        found.update(below)
        queue += below
    return found


def shown(pid):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return words[:200] or Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "?"


def wait_gone(pid, deadline):
    """Whether a process is gone before the deadline."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        return bool(poll.poll(max(0, deadline - time.monotonic()) * 1000))
    finally:
        os.close(watch)


def reap(pids):
    """Take notice of the end of those that have ended: they were adopted, or nobody asks for them any more."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def left_processes(before):
    """Processes that are new and do not end. They are ended."""
    new = descendants() - before
    if not new:
        return []
    deadline = time.monotonic() + ENDING_S
    left = [f"the process {pid}: {shown(pid)}" for pid in sorted(new) if state(pid) not in "ZX" and not wait_gone(pid, deadline)]
    for pid in new:
        try:
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid, time.monotonic() + ENDING_S)
        except ProcessLookupError:
            pass
    reap(new)
    return left


# ---- ports


def ports():
    """Ports that this process listens on."""
    mine = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            mine.add(target[len("socket:["):-1])
    found = set()
    for table in ("tcp", "tcp6") if mine else ():
        try:
            lines = Path("/proc/self/net", table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTENING and fields[9] in mine:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found


# ---- files


def listing(folders):
    """Names directly in these folders."""
    return {entry.path for folder in folders for entry in os.scandir(folder) if not entry.name.startswith(OF_OTHERS)}


# ---- the test


@pytest.fixture(autouse=True)
def leaves_nothing(request, private_environment):
    folders = request.config.private_folders
    processes_before, ports_before, names_before = descendants(), ports(), listing(folders)
    yield
    left = left_processes(processes_before)
    left += [f"a listening port: {port}" for port in sorted(ports() - ports_before)]
    left += [f"a file outside of its folder: {path}" for path in sorted(listing(folders) - names_before)]
    left += [f"a file in its working folder: {name}" for name in sorted(os.listdir(private_environment / "cwd"))]
    if left:
        pytest.fail("the test left behind:\n" + "\n".join(f"  {each}" for each in left), pytrace=False)
