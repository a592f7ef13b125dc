"""A small stack (support/fake_stack.py) that is locked and published once per file; each test gets copies."""

import contextlib
import json
import shutil

import pytest

pytest.register_assert_rewrite("handmade")

import private
import fake_stack


@pytest.fixture(scope="session")
def template(tmp_path_factory, lamina):
    stack = fake_stack.SmallStack(tmp_path_factory.mktemp("template") / "small", lamina)
    stack.make()
    with contextlib.ExitStack() as stack_of_contexts:
        patch = stack_of_contexts.enter_context(pytest.MonkeyPatch.context())
        private.enter(patch, tmp_path_factory.mktemp("session"))
        stack.lock()
        stack.publish()
        stack.publish("-p", fake_stack.HOST, "-p", "win_amd64", out=stack.folder / "two")
    return stack


@pytest.fixture
def small(template, tmp_path):
    """The stack with its locks, and with what was published for this machine in .out; .two has two platforms."""
    stack = template.copy(tmp_path / "small")
    shutil.copytree(template.out, stack.out)
    stack.two = stack.folder / "two"
    shutil.copytree(template.folder / "two", stack.two)
    return stack


@pytest.fixture
def b(small):
    """A copy of small.out, to be changed."""
    return shutil.copytree(small.out, small.folder / "b")


@pytest.fixture
def diff(run_lamina, small):
    """diff(a, b) -> the JSON report; by default small.out against the folder `b` beside it."""

    def compare(a=None, b=None, code=3):
        result = run_lamina("diff", "--json", a or small.out, b or small.folder / "b")
        assert (result.code, result.err) == (code, ""), result
        report = json.loads(result.out)
        assert report["equal"] is (code == 0)
        return report

    return compare


@pytest.fixture
def check(small):
    """check(expected, ...) -> the JSON report of `lamina check` on the small stack."""

    def run(expected=None, *args, code=3, env=None):
        result = small.run("check", "--json", "--no-index", "--local-wheels", small.wheels, "--store", small.store,
            "--expected", expected or small.out, *args, small.spec, env=env)
        assert result.code == code, result
        report = json.loads(result.out)
        assert report["equal"] is (code == 0)
        return report

    return run
