"""Bad runtime archives, pinned with the digest they have, through the program."""

import tomllib

import pytest

import bad_runtimes
from locked_stack import sha256
from paths import CASES

REFUSED = tomllib.loads((CASES / "runtimes" / "refused.toml").read_text(encoding="utf-8"))


def test_every_case_has_its_sentence():
    assert sorted(bad_runtimes.CASES) == sorted(REFUSED)


@pytest.mark.parametrize("case", bad_runtimes.CASES)
def test_refused(stack, refused, case):
    stack.put_runtime("linux_x86_64", bad_runtimes.CASES[case](), name="base.tar")
    stack.lock()
    refused(stack, 1, f"lamina: {REFUSED[case]['text']}\n", export=case == "traversal")


def test_another_digest(stack, refused):
    stack.put_runtime("linux_x86_64", bad_runtimes.GOOD, digest="0" * 64)
    stack.lock()
    refused(stack, 4, "lamina: layer 'base': 'PROJECT/runtimes/linux_x86_64.tar' has the SHA-256 "
        f"{sha256(bad_runtimes.GOOD)}, expected is {'0' * 64}\n")


def test_it_is_not_there(stack, refused):
    stack.lock()
    (stack.folder / "runtimes" / "linux_x86_64.tar").unlink()
    refused(stack, 1, "lamina: layer 'base': the runtime archive 'PROJECT/runtimes/linux_x86_64.tar' does not exist\n")


def test_it_is_a_folder(stack, run_lamina):
    stack.lock()
    archive = stack.folder / "runtimes" / "linux_x86_64.tar"
    archive.unlink()
    archive.mkdir()
    result = run_lamina(*stack.argv("publish", "linux_x86_64"), env=stack.env())
    assert (result.code, result.out, result.err) == (2, "", f"{stack.spec}:22:18: error: the runtime archive "
        f"'runtimes/linux_x86_64.tar' is a folder, not a file\nlamina: 1 error in '{stack.spec}'\n")
