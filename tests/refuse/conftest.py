"""What must hold after a run that was refused."""

import tarfile

import pytest

from locked_stack import LockedStack, good
from wheels import CODE


@pytest.fixture
def stack(tmp_path):
    return LockedStack(tmp_path / "stack")


@pytest.fixture
def refused(run_lamina):
    """refused(stack, exit code, last lines of stderr, platform): publish, and see that this is all that comes of it; and that a good
    stack in the same folders, with the same store, is published afterwards. `whole`: nothing else may be said; `export`: the same
    of a tree on disk."""

    def refused(stack, code, text, platform="linux_x86_64", whole=False, export=False):
        for command in ("publish", "local-export") if export else ("publish",):
            result = run_lamina(*stack.argv(command, platform), env=stack.env())
            said = result.err.replace(str(stack.folder), "PROJECT")
            assert (result.code, result.out) == (code, ""), result
            assert said == text if whole else said.endswith("\n" + text) or said == text, result
            assert stack.left_behind(whole=("base",) if command == "local-export" else ()) == [], command
        recovers(stack)

    def recovers(stack):
        stack.repair()
        run_lamina(*stack.argv("publish", "linux_x86_64", "--format", "tar"), env=stack.env()).ok()
        with tarfile.open(stack.out / "app-app.tar") as archive:
            assert archive.extractfile("app-app/lib/python3.11/site-packages/demo/__init__.py").read() == CODE
        with tarfile.open(stack.out / "base.tar") as archive:
            assert archive.extractfile("base/lib/python3.11/os.py").read() == b"# not the real one\n"

    return refused
