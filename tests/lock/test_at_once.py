"""Two at once, and an end in the middle."""

import os
import re
import select
import signal
import subprocess
import threading

import pytest

import web
from lock_stack import framework


@pytest.fixture
def slow(stack, index):
    """A locked stack whose index stops at package beta until `slow.go` is set; `slow.asked` is set when it was asked for it."""
    index.add("alpha", "1.0")
    index.add("beta", "1.0")
    stack.layers(framework("one", "alpha") + framework("two", "beta"))
    stack.lock().ok()
    index.add("alpha", "2.0")
    index.add("beta", "2.0")
    stack.asked, stack.go = threading.Event(), threading.Event()
    page = index.page

    def wait(handler, name):
        if name == "beta":
            stack.asked.set()
            stack.go.wait(60)
        page(handler, name)

    index.page = wait
    yield stack
    stack.go.set()


@pytest.fixture
def start(lamina):
    """start(stack, *options): a lock run of its own session, as a Popen; killed at the end."""
    running = []

    def run(stack, *options, **popen):
        process = subprocess.Popen([lamina, "lock", "--store", stack.store, *options, stack.spec], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **popen)
        running.append(process)
        return process

    yield run
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def session(leader):
    """Process ids of a session, without zombies."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                state, _, _, its_session = file.read().rsplit(")", 1)[1].split()[:4]
        except OSError:
            continue
        if int(its_session) == leader and state != "Z":
            found.append(int(entry))
    return found


def test_the_second_waits_and_says_for_what(slow, start):
    first = start(slow, "--reset-lock", "*")
    assert slow.asked.wait(60)
    second = start(slow)
    line = second.stderr.readline()
    assert re.fullmatch(rf"warning: .*waiting for process {first.pid}, which is locking '{slow.spec}'.*\n", line), line
    before = slow.files()
    assert second.poll() is None and before == slow.files()
    slow.go.set()
    for process in (first, second):
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    # the second has seen what the first wrote, and kept it
    assert slow.packages("framework-one") == ["alpha==2.0"] and slow.packages("framework-two") == ["beta==2.0"]


def test_the_second_need_not_wait_for_another_stack(slow, stack, start, tmp_path):
    first = start(slow, "--reset-lock", "*")
    assert slow.asked.wait(60)
    other = tmp_path / "other.toml"
    other.write_text(slow.spec.read_text().replace('"beta"', '"alpha"').replace('"runtime.tar"', f'"{stack.folder.name}/runtime.tar"'))
    second = subprocess.run([slow.lamina, "lock", "--store", slow.store, other], capture_output=True, text=True, timeout=60)
    assert second.returncode == 0, second.stderr
    assert first.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_an_interrupt(slow, start, number):
    """Exit code 130, no process left, all files as they were, and the next run succeeds."""
    before = slow.files()
    process = start(slow, "--reset-lock", "*")
    assert slow.asked.wait(60)
    assert len(session(process.pid)) > 1  # the resolver runs
    process.send_signal(number)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("lamina: ") and "interrupted" in err
    assert session(process.pid) == []
    assert slow.files() == before
    slow.go.set()
    slow.lock("--reset-lock", "*").ok()
    assert slow.packages("framework-two") == ["beta==2.0"]
    assert not list((slow.store / "tmp").glob("resolve-*"))


def test_an_interrupt_while_waiting_for_another(slow, start):
    first = start(slow, "--reset-lock", "*")
    assert slow.asked.wait(60)
    second = start(slow)
    assert "waiting" in second.stderr.readline()
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=15)
    assert second.returncode == 130
    assert first.poll() is None
    slow.go.set()
    assert first.wait(60) == 0


def test_killed_at_once(slow, start):
    """kill -9 of lamina alone: the resolver goes too, and nobody waits for the dead."""
    before = slow.files()
    process = start(slow, "--reset-lock", "*")
    assert slow.asked.wait(60)
    children = [pid for pid in session(process.pid) if pid != process.pid]
    watches = [os.pidfd_open(pid) for pid in children]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=15)
    for watch in watches:  # readable when that process has ended
        assert select.select([watch], [], [], 15)[0]
        os.close(watch)
    assert slow.files() == before
    slow.go.set()
    slow.lock().ok()
    assert slow.files() == before


def test_an_interrupt_while_a_build_locks(slow, start, tmp_path):
    """Nothing is built then."""
    slow.layers(framework("one", "alpha") + framework("two", "beta>=1"))
    before = slow.files()
    process = subprocess.Popen([slow.lamina, "build", "--store", slow.store, "--build-dir", tmp_path / "built", slow.spec], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert slow.asked.wait(60)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130
    assert session(process.pid) == [] and slow.files() == before and not (tmp_path / "built").exists()


def test_an_interrupt_while_a_runtime_is_downloaded(stack, server, start, tmp_path):
    """To learn its digest: what came so far is in nobody's way."""
    data = b"x" * 100_000
    server.answers["/runtime.tar"] = [web.hang(data, 1000)]
    program = tmp_path / "uv"
    url = server.url("/cpython-3.11.11-x86_64-unknown-linux-gnu-install_only.tar")
    server.answers["/cpython-3.11.11-x86_64-unknown-linux-gnu-install_only.tar"] = [web.hang(data, 1000)]
    program.write_text(f"#!/bin/sh\necho '[{{\"url\": \"{url}\"}}]'\n")
    program.chmod(0o755)
    stack.store = tmp_path / "own"
    stack.layers("", archives="")
    process = start(stack, "--uv", program)
    assert server.arrived.wait(60)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130 and session(process.pid) == [] and stack.files() == {}
