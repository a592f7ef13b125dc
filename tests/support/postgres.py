"""A real PostgreSQL for tests: made in a temporary folder, reached through a socket in it, gone afterwards.

    with postgres.running() as server:
        server.dsn                      # "postgresql:///lamina?host=...&user=..."
        server.sql("SELECT 1")          # [["1"]]: through psql

It listens on no port. initdb refuses root, so as root it runs as `postgres` or `nobody`. It ends when the test process does, however
that ends.
"""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import paths

READY = "database system is ready to accept connections"
SETTINGS = {
    "listen_addresses": "", "fsync": "off", "max_connections": "60", "shared_buffers": "32MB", "logging_collector": "off",
    "max_wal_size": "256MB", "unix_socket_permissions": "0777",
}
PR_SET_PDEATHSIG = 1


def binary(name):
    """A program of the server's package: Debian keeps them out of the PATH, by version."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    assert found, f"the program '{name}' of PostgreSQL is missing: ./check installs it (package postgresql)"
    return found


def other_user():
    """Options for subprocess that make a child somebody who may run the server."""
    if os.geteuid() != 0:
        return {}, None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}, entry


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


class Server:
    def __init__(self, folder, process):
        self.folder, self.process = folder, process
        self.dsn = f"postgresql:///lamina?host={folder}&user=lamina"
        self.log = []
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.log.append(line)
            if READY in line:
                self.ready.set()
        self.ready.set()  # it ended

    def wait(self):
        assert self.ready.wait(60) and self.process.poll() is None, "PostgreSQL does not start:\n" + "".join(self.log[-20:])

    def sql(self, text):
        """Rows of text, by psql."""
        done = subprocess.run([binary("psql"), "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.dsn, "-c", text],
                              check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


@contextlib.contextmanager
def running():
    """A server with an empty database."""
    user, entry = other_user()
    # not in TMPDIR: the path of a socket is short
    folder = Path(tempfile.mkdtemp(prefix="lm-pg-", dir=paths.OPEN))
    try:
        if entry:
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        folder.chmod(0o755)
        data = folder / "data"
        subprocess.run([binary("initdb"), "-D", data, "-U", "lamina", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                        "--no-instructions"], check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        process = subprocess.Popen([binary("postgres"), "-D", data, "-k", folder, *options], cwd="/", text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   preexec_fn=die_with_parent, **user)
        server = Server(folder, process)
        try:
            server.wait()
            make = server.dsn.replace("/lamina?", "/postgres?")
            subprocess.run([binary("psql"), "-Xq", "-d", make, "-c", "CREATE DATABASE lamina"], check=True, timeout=60)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            process.wait()
            server.reader.join()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
