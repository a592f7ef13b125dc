"""File systems of their own for tests of full disks. They need root."""

import contextlib
import os
import subprocess

import pytest


@contextlib.contextmanager
def mounted(folder, *options):
    """A file system, or a view of one, mounted over a folder."""
    if os.geteuid() != 0:
        pytest.skip("mounting file systems needs root")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *options, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def tmpfs(folder, size):
    """A file system of its own, in memory, of `size` bytes."""
    return mounted(folder, "-t", "tmpfs", "-o", f"size={size},mode=755", "none")


def resize(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
