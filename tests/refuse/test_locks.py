"""Damaged locks, and locks that lie, through the program."""

import tomllib

import pytest

import bad_locks
from paths import CASES

DAMAGED = "lamina: a lock file is damaged: repair it, or remove it to lock the layer anew\n"
REFUSED = tomllib.loads((CASES / "locks" / "refused.toml").read_text(encoding="utf-8"))


def test_every_case_has_its_sentence():
    assert sorted([*bad_locks.CASES, *bad_locks.META]) == sorted(REFUSED)


@pytest.mark.parametrize("case", REFUSED)
def test_refused(stack, refused, case):
    stack.requirements = ["demo"]
    stack.put_wheel(bad_locks.NAME, bad_locks.DATA)
    text = bad_locks.CASES[case]() if case in bad_locks.CASES else bad_locks.text()
    stack.write(text, bad_locks.META.get(case))
    code, said = REFUSED[case]["exit_code"], REFUSED[case]["text"]
    refused(stack, code, said + (DAMAGED if ": error: " in said else ""), whole=code == 2)
