"""Running a program with a time limit and without letting anything of it live on."""
import ctypes
import os
import select
import signal
import subprocess
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
ENDING_S = 3  # what is about to end may take this long


def adopt_orphans():
    """Become the parent of orphaned descendants, so that they can be found and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def parents():
    """Parent of each running process."""
    table = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            if fields[0] != "Z":
                table[int(entry.name)] = int(fields[1])
    return table


def descendants(pid):
    """All processes below `pid`, the nearest first."""
    table = parents()
    found, queue = [], [pid]
    while queue:
        above = queue.pop(0)
        below = [child for child, parent in table.items() if parent == above]
        found += below
        queue += below
    return found


def kill_below(pid):
    """Kill all descendants until there are none (they may be starting more). Returns the names of those killed."""
    names = []
    for _ in range(50):
        below = descendants(pid)
        if not below:
            break
        for child in below:
            try:
                names.append(Path(f"/proc/{child}/comm").read_text(encoding="utf-8", errors="replace").strip())
                os.kill(child, signal.SIGKILL)
            except (OSError, ProcessLookupError):
                pass
        time.sleep(0.01)
    return names


class Running:
    """Programs that were started and are not waited for yet, so that an interrupt can end them."""

    started = set()

    @classmethod
    def end_all(cls):
        for process in list(cls.started):
            end_tree(process)


def end_tree(process):
    """Kill a process that has not been waited for (its id is still its own), its group and its descendants. It is stopped first, so
    that it does not go on with what the end of its children means to it."""
    try:
        os.kill(process.pid, signal.SIGSTOP)
    except ProcessLookupError:
        pass
    kill_below(process.pid)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def session(leader):
    """The other processes of a session, without those that have ended: {pid: name}."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != leader:
            try:
                name, _, rest = Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
            except OSError:
                continue
            fields = rest.split()
            if int(fields[3]) == leader and fields[0] not in "ZX":
                found[int(entry.name)] = name.partition("(")[2]
    return found


def still_there(leader):
    """Names of processes of a session whose leader has ended, and that do not end within a moment."""
    names = []
    deadline = time.monotonic() + ENDING_S
    for pid, name in sorted(session(leader).items()):
        try:
            watch = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            poll = select.poll()
            poll.register(watch, select.POLLIN)
            if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
                names.append(name)
        finally:
            os.close(watch)
    return names


def run(argv, *, cwd, env, log, timeout_s, left=None):
    """Run to the end with output into the file `log`. Returns the exit code (negative: the signal) or None after a
    timeout. Either way nothing of its process group is left; what had to be ended although the program was done is added to
    the list `left`, by name."""
    with open(log, "wb") as out:
        try:
            process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            out.write(f"cannot run '{argv[0]}': {error.strerror}\n".encode())
            return 127
    Running.started.add(process)
    try:
        watch = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(watch, select.POLLIN)
            ended = poll.poll(timeout_s * 1000)
        finally:
            os.close(watch)
        if ended and left is not None:
            left += still_there(process.pid)
        end_tree(process)
        code = process.wait()
        return code if ended else None
    finally:
        Running.started.discard(process)
