"""Layers that do not need each other are resolved at the same time; what comes of it is as if they were not."""

import os
import shutil
import signal
import subprocess

import pytest

import isolation
from lock_stack import framework, on
from package_index import Index, native
from resolver import Resolver

WIDE = framework("one", "alpha") + framework("two", "beta") + framework("three", "gamma")
REPORT = ["lock py: 0 packages", "lock framework-one: 1 package", "lock framework-two: 1 package", "lock framework-three: 1 package"]


@pytest.fixture
def resolver(tmp_path):
    resolver = Resolver(tmp_path)
    yield resolver
    resolver.stop()


class Run:
    """`lamina lock` in a session of its own."""

    def __init__(self, stack, resolver, *options):
        self.before = isolation.descendants()  # servers of other tests
        self.process = subprocess.Popen([stack.lamina, "lock", "--store", stack.store, "--uv", resolver.program, *options, stack.spec],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def ends(self):
        """(exit code, lines of standard error), and no process is left."""
        _, err = self.process.communicate(timeout=60)
        assert not [pid for pid in isolation.descendants() - self.before if isolation.state(pid) not in "ZX"]
        return self.process.returncode, err.splitlines()

    def reports(self):
        """It ends well: what it said, without the last line, which has the time."""
        code, said = self.ends()
        assert code == 0, said
        return said[:-1]


@pytest.fixture
def lock(stack, resolver):
    """lock("--jobs", "2"): a Run of the stack, asking the test; killed at the end."""
    runs = []

    def start(*options):
        runs.append(Run(stack, resolver, *options))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.communicate()


def about(questions):
    return [question.packages for question in questions]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_all_at_the_same_time(stack, resolver, lock, order):
    """Whichever is done first, the report has the order of the spec."""
    stack.layers(WIDE)
    run = lock("--jobs", "4")
    questions = resolver.take(3)
    assert about(questions) == [["alpha"], ["beta"], ["gamma"]]
    for at in order:
        assert stack.files() == {}
        questions[at].solve()
    assert run.reports() == REPORT
    assert [stack.packages(f"framework-{name}") for name in ("one", "two", "three")] == [["alpha==1.0"], ["beta==1.0"], ["gamma==1.0"]]


def test_one_job_takes_one_after_the_other(stack, resolver, lock):
    stack.layers(WIDE)
    run = lock("--jobs", "1")
    for package in ("alpha", "beta", "gamma"):
        (question,) = resolver.take()
        assert question.packages == [package] and not resolver.is_asked()
        question.solve()
    assert run.reports() == REPORT


def test_no_more_than_jobs(stack, resolver, lock):
    stack.layers(WIDE)
    run = lock("--jobs", "2")
    first, second = resolver.take(2)
    assert about([first, second]) == [["alpha"], ["beta"]] and not resolver.is_asked()
    second.solve()
    (third,) = resolver.take()
    assert third.packages == ["gamma"]
    first.solve()
    third.solve()
    assert run.reports() == REPORT


def test_a_layer_waits_for_those_below_it(stack, resolver, lock):
    """It is told what they came to be locked as; and a layer that waits takes no other's place."""
    stack.layers(framework("low", "alpha") + framework("other", "beta") + framework("high", "gamma", below=on("low", "other"))
        + framework("side", "delta"))
    run = lock("--jobs", "3")
    low, other, side = resolver.take(3)
    assert about([low, other, side]) == [["alpha"], ["beta"], ["delta"]]
    low.solve("4.5")
    assert not resolver.is_asked()
    side.solve()
    assert not resolver.is_asked()
    other.solve("6.7")
    (high,) = resolver.take()
    assert (high.packages, high.pins) == (["gamma"], ["alpha==4.5", "beta==6.7"])
    high.solve("8.9")
    run.reports()
    assert stack.packages("framework-high") == ["alpha==4.5  # from framework-low", "beta==6.7  # from framework-other", "gamma==8.9"]


def test_a_chain_is_resolved_in_order(stack, resolver, lock):
    stack.layers(framework("a", "alpha") + framework("b", "beta", below=on("a")) + framework("c", "gamma", below=on("b")))
    run = lock("--jobs", "4")
    for package, pins in ("alpha", []), ("beta", ["alpha==1.0"]), ("gamma", ["alpha==1.0", "beta==1.0"]):
        (question,) = resolver.take()
        assert (question.packages, question.pins) == ([package], pins) and not resolver.is_asked()
        question.solve()
    run.reports()


# failures

def test_the_first_in_the_order_of_the_spec_is_told(stack, resolver, lock):
    """Although it is the second to fail. The third layer is not tried any more."""
    stack.layers(WIDE)
    run = lock("--jobs", "2")
    first, second = resolver.take(2)
    second.fail("beta is out of luck")
    assert run.process.poll() is None
    first.fail("alpha is out of luck")
    assert run.ends() == (1, ["lamina: layer 'one': alpha is out of luck"])
    assert not resolver.is_asked() and stack.files() == {}


def test_one_fails_and_those_before_it_do_not(stack, resolver, lock):
    """Nothing of them is written either."""
    stack.layers(WIDE)
    run = lock("--jobs", "2")
    first, second = resolver.take(2)
    second.fail("beta is out of luck")
    first.solve()
    assert run.ends() == (1, ["lamina: layer 'two': beta is out of luck"])
    assert not resolver.is_asked() and stack.files() == {}


def test_those_after_the_one_that_failed_are_ended(stack, resolver, lock):
    """Nobody waits for an answer that nobody wants."""
    stack.layers(WIDE)
    run = lock("--jobs", "3")
    first, second, third = resolver.take(3)
    second.fail("beta is out of luck")
    assert third.ended()
    assert run.process.poll() is None
    first.solve()
    assert run.ends() == (1, ["lamina: layer 'two': beta is out of luck"])
    assert stack.files() == {} and not list((stack.store / "tmp").glob("resolve-*"))


def test_what_comes_before_the_one_that_failed_is_still_tried(stack, resolver, lock):
    """A layer that had to wait is before it in the spec: its failure is the one that is told."""
    stack.layers(framework("low", "alpha") + framework("high", "beta", below=on("low")) + framework("side", "gamma"))
    run = lock("--jobs", "2")
    low, side = resolver.take(2)
    side.fail("gamma is out of luck")
    low.solve()
    (high,) = resolver.take()
    high.fail("beta is out of luck")
    assert run.ends() == (1, ["lamina: layer 'high': beta is out of luck"])


def test_what_stands_on_the_one_that_failed_is_not_tried(stack, resolver, lock):
    stack.layers(framework("low", "alpha") + framework("high", "beta", below=on("low")))
    run = lock("--jobs", "4")
    (low,) = resolver.take()
    low.fail("alpha is out of luck")
    assert run.ends() == (1, ["lamina: layer 'low': alpha is out of luck"])
    assert not resolver.is_asked()


# an end in the middle

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_an_interrupt_ends_all(stack, resolver, lock, number):
    stack.layers(WIDE)
    before = stack.files()
    run = lock("--jobs", "2")
    questions = resolver.take(2)
    run.process.send_signal(number)
    assert all(question.ended() for question in questions)
    assert run.ends() == (130, [f"lamina: layer 'one': running '{resolver.program}': interrupted"])
    assert stack.files() == before and not resolver.is_asked() and not list((stack.store / "tmp").glob("resolve-*"))


def test_killed_while_two_are_resolved(stack, resolver, lock):
    """kill -9 of lamina alone: both resolvers go too."""
    stack.layers(WIDE)
    run = lock("--jobs", "2")
    questions = resolver.take(2)
    run.process.kill()
    assert all(question.ended() for question in questions)
    run.process.communicate()
    run = lock("--jobs", "2")
    for question in resolver.take(2):
        question.solve()
    resolver.take()[0].solve()
    run.reports()
    assert not list((stack.store / "tmp").glob("resolve-*"))


# what they share

def test_one_runtime_is_unpacked_once(stack, resolver, lock, tmp_path):
    """By the first of the layers that need its interpreter; nobody is told that somebody waits."""
    stack.store = tmp_path / "own"
    stack.layers(WIDE)
    run = lock("--jobs", "3")
    for question in resolver.take(3):
        question.solve()
    unpacked, *rest = run.reports()
    assert unpacked.startswith("unpack runtime.tar: ") and rest == REPORT


def test_a_runtime_that_cannot_be_had(stack, resolver, lock, tmp_path):
    """Each of the layers finds that out; the first one tells."""
    stack.store = tmp_path / "own"
    stack.layers(WIDE)
    (stack.folder / "runtime.tar").unlink()
    run = lock("--jobs", "3")
    assert run.ends() == (1, [f"lamina: layer 'one': runtime 'cpython@3.11.11': the runtime archive '{stack.folder}/runtime.tar' does not exist"])


def test_the_same_bytes_for_any_number_of_jobs(stack, server, tmp_path):
    """With the real resolver: a lock of nothing, and one again after changes, with layers that share packages."""
    index = stack.index = Index(server, "main")
    packages = [f"package-{number}" for number in range(6)]
    for number, name in enumerate(packages):
        index.add(name, "1.0", requires=packages[:number][-2:])
        index.add(name, "2.0", native("linux_x86_64"), native("win_amd64"), requires=packages[:number][-1:])
    low = framework("low", "package-0") + framework("side", "package-1==1.0")
    stack.layers(low + "".join(framework(f"top{number}", name, below=on("low" if number % 2 else "side"))
        for number, name in enumerate(packages[2:])), platforms=["linux_x86_64", "win_amd64"], requirements=["package-0<2"])
    found = {}
    for jobs in "1", "2", "4":
        one = stack.folder.parent / f"jobs-{jobs}"
        shutil.copytree(stack.folder, one, symlinks=True)
        stack.folder, stack.spec = one, one / stack.spec.name
        said = []
        for options in ["--reset-lock", "*"], ["--reset-lock", "top*"]:
            said += stack.lock("--jobs", jobs, *options).ok().err.splitlines()[:-1]
            stack.spec.write_text(stack.spec.read_text().replace('"package-1==1.0"', '"package-1"'))
        found[jobs] = said, {name: data for name, (data, _) in stack.files().items()}
        stack.folder, stack.spec = tmp_path / "stack", tmp_path / "stack" / stack.spec.name
    assert len(found["1"][1]) == 4 * 7
    assert found["1"] == found["2"] == found["4"]
