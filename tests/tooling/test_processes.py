"""misc/processes.py: nothing that ./check started lives on."""

import os
import select
import subprocess

import processes


def wait_gone(watch):
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    return bool(poll.poll(60_000))


def test_result_and_output(tmp_path):
    log = tmp_path / "log"
    code = processes.run(["sh", "-c", "echo out; echo err >&2; exit 7"], cwd=tmp_path, env=dict(os.environ), log=log, timeout_s=60)
    assert code == 7
    assert log.read_text() == "out\nerr\n"


def test_signal_and_missing_program(tmp_path):
    log = tmp_path / "log"
    assert processes.run(["sh", "-c", "kill -9 $$"], cwd=tmp_path, env=dict(os.environ), log=log, timeout_s=60) == -9
    assert processes.run(["./nothing"], cwd=tmp_path, env={}, log=log, timeout_s=60) == 127
    assert log.read_text() == "cannot run './nothing': No such file or directory\n"


def test_what_is_ending_is_not_left(tmp_path):
    # the child of a shell that is ended with it
    left = []
    code = processes.run(["sh", "-c", "sleep 600 & kill -9 $! $$"], cwd=tmp_path, env=dict(os.environ), log=tmp_path / "log",
                         timeout_s=60, left=left)
    assert (code, left) == (-9, [])


def test_timeout(tmp_path):
    code = processes.run(["sleep", "600"], cwd=tmp_path, env=dict(os.environ), log=tmp_path / "log", timeout_s=0.05)
    assert code is None


def test_tree_with_a_session_of_its_own_is_killed(tmp_path):
    # a child that left the process group; it tells its id through the pipe, so there is nothing to wait for but events
    process = subprocess.Popen(["sh", "-c", "setsid sh -c 'echo $$; exec sleep 600' & wait"], stdout=subprocess.PIPE,
                               start_new_session=True)
    child = int(process.stdout.readline())
    watch = os.pidfd_open(child)
    try:
        assert child in processes.descendants(process.pid)
        processes.end_tree(process)
        assert wait_gone(watch)
        process.wait(60)
    finally:
        os.close(watch)
        process.stdout.close()


def test_what_a_finished_program_left_in_its_group_is_killed(tmp_path):
    log = tmp_path / "log"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # the background process holds the write end; reading to the end means that it is gone
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    left = []
    code = processes.run(["sh", "-c", f"exec 9>'{fifo}'; sleep 600 & exit 0"], cwd=tmp_path, env=dict(os.environ), log=log,
                         timeout_s=60, left=left)
    assert code == 0 and left in (["sleep"], ["sh"])  # it may not have become sleep yet
    poll = select.poll()
    poll.register(reader, select.POLLHUP)
    assert poll.poll(60_000)
    os.close(reader)
