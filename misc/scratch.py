"""The folder in which all that ./check starts writes what does not stay.

It is in memory where there is room: tests make, flush and remove some hundred thousand small files, and on a disk that takes as much
time as everything else that they do. TMPDIR, when it is set, says where instead: `TMPDIR=/var/tmp ./check` writes to a disk.
"""
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 6 << 30  # bytes: twice of what the tests were seen to have there at a time
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
PREFIX = f"lamina-check-{os.getuid()}-"


def memory_left():
    """Bytes that can be had: of the machine, and of what a container may have."""
    found = [0]
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            found = [int(line.split()[1]) * 1024]
    for path in LIMITS:
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        found += [int(text)] if text.isdigit() else []
    return min(found)


def has_room(folder):
    """Whether tests can have `folder`, which is in memory: to write to, and to run programs from."""
    try:
        there = os.statvfs(folder)
        return (os.access(folder, os.W_OK | os.X_OK) and not there.f_flag & os.ST_NOEXEC
                and min(there.f_bavail * there.f_frsize, memory_left()) >= ROOM)
    except OSError:
        return False


def parent():
    if not os.environ.get("TMPDIR") and has_room(MEMORY):
        return MEMORY
    return Path(tempfile.gettempdir())


def is_over(folder):
    """Whether the ./check that made this folder has ended (killed, or it would have removed it): its process is not there, and
    nobody holds the folder's lock, perhaps in another container."""
    if Path(f"/proc/{folder.name.removeprefix(PREFIX)}").exists():
        return False
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(held)


def remove(folder):
    """A folder of tests, however deep they made it."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", folder], check=False)


def claim(folder):
    """Make our folder, and hold its lock to our end; remove what others of us have left beside it."""
    for other in folder.parent.glob(f"{PREFIX}*"):
        if re.fullmatch(r"\d+", other.name.removeprefix(PREFIX)) and is_over(other):
            remove(other)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    fcntl.flock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX)
