"""Mounts that only one program sees."""

import os
import shlex
import shutil
import subprocess

import pytest

from run import run


def need():
    """Skip the test where mounting in a namespace of its own is not allowed."""
    tried = shutil.which("unshare") and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True, check=False)
    if not tried or tried.returncode != 0:
        pytest.skip("no permission to mount in a namespace of its own")


def enter(script, *argv, **options):
    """Run shell commands (mounts) in a mount namespace of its own, then a program there. Returns its Result."""
    command = " ".join(shlex.quote(os.fspath(arg)) for arg in argv)
    return run("unshare", "--mount", "sh", "-ec", f"{script}; exec {command}", **options)
