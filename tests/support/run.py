"""Running a program and looking at what it did."""

import json
import os
import signal
import subprocess

TIMEOUT_S = 100  # below the two minutes that ./check gives a file, so that the failing test is named


class Result:
    """Exit code, standard output and standard error (text) of a finished program."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __repr__(self):
        command = " ".join(self.argv)
        return f"$ {command}\nexit code {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}---"

    def ok(self):
        """This result, after asserting that it was a success."""
        assert self.code == 0, self
        return self

    def json(self):
        """Standard output as one JSON document, after asserting success."""
        return json.loads(self.ok().out)


def run(*argv, cwd=None, env=None, stdin="", timeout_s=TIMEOUT_S):
    """Run a program to its end. `env` is added to the environment (None as a value takes a name out); its whole
    process group is killed when it takes too long."""
    argv = [os.fspath(arg) for arg in argv]
    process = subprocess.Popen(argv, cwd=cwd, env=merged(env), text=True, encoding="utf-8", errors="surrogateescape",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = process.communicate(stdin, timeout=timeout_s)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        print(Result(argv, process.returncode, out, err))
        raise
    return Result(argv, process.returncode, out, err)


def merged(env):
    """The current environment with these changes."""
    everything = {**os.environ, **(env or {})}
    return {name: os.fspath(value) for name, value in everything.items() if value is not None}
