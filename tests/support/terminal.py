"""A terminal for programs under test: a pty, and as much of an emulator as lamina needs. What it does not know is an error."""

import codecs
import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time

from run import merged

SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


class Screen:
    """The lines of a terminal that keeps everything that scrolled out of it above. Narrowing wraps lines, as most do."""

    def __init__(self, columns):
        self.columns = columns
        self.lines, self.row, self.column = [""], 0, 0
        self.pending = ""
        self.sequences = []  # all that were seen, e.g. "2A", "J", "31m"

    def feed(self, text):
        text, self.pending = self.pending + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = SEQUENCE.match(text, at)
                if not found:
                    assert len(text) - at < 12, f"not a sequence that lamina may send: {text[at:]!r}"
                    self.pending = text[at:]
                    return
                self.sequence(found[1], found[2])
                at = found.end()
            else:
                self.character(text[at])
                at += 1

    def sequence(self, number, kind):
        self.sequences.append(number + kind)
        if kind == "A":
            assert 0 < int(number) <= self.row, f"up {number} from row {self.row}"
            self.row -= int(number)
        elif kind == "J":
            assert number == "", number
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        else:
            assert kind == "m", kind

    def character(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        else:
            assert char.isprintable(), repr(char)
            if self.column == self.columns:  # wraps
                self.row, self.column = self.row + 1, 0
                if self.row == len(self.lines):
                    self.lines.append("")
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + char + line[self.column + 1:]
            self.column += 1

    def resize(self, columns):
        """Wrap what is too long now. The cursor is at the beginning of the line below the last one."""
        assert self.row == len(self.lines) - 1 and self.column == 0
        wrapped = []
        for line in self.lines:
            wrapped += [line[at:at + columns] for at in range(0, max(len(line), 1), columns)]
        self.columns, self.lines, self.row = columns, wrapped, len(wrapped) - 1

    @property
    def text(self):
        return "\n".join(self.lines)


class Terminal:
    def __init__(self, argv, columns=80, rows=24, env=None, cwd=None):
        self.master, slave = os.openpty()
        self.screen, self.decoder, self.raw = Screen(columns), codecs.getincrementaldecoder("utf-8")(), b""
        self.set_size(columns, rows)
        env = merged({"TERM": "xterm", **(env or {})})
        self.process = subprocess.Popen([os.fspath(arg) for arg in argv], env=env, cwd=cwd,
            preexec_fn=lambda: os.login_tty(slave))
        os.close(slave)

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.set_size(columns, rows)
        self.screen.resize(columns)

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, deadline):
        """What comes next, to the screen. False at the end."""
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came; the screen has\n{self.screen.text}"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: everybody closed it
            data = b""
        self.raw += data
        self.screen.feed(self.decoder.decode(data))
        return data != b""

    def wait_for(self, condition, timeout_s=60):
        """Until condition(text of the screen) holds."""
        deadline = time.monotonic() + timeout_s
        while not condition(self.screen.text):
            assert self.read(deadline), f"it ended; the screen has\n{self.screen.text}"

    def finish(self, timeout_s=60):
        """Read to the end; the exit code."""
        deadline = time.monotonic() + timeout_s
        while self.read(deadline):
            pass
        return self.process.wait(timeout_s)


@contextlib.contextmanager
def terminal(*argv, **options):
    """Run a program in a terminal; it is killed at the end."""
    running = Terminal(argv, **options)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        os.close(running.master)
