"""misc/selection.py and misc/environments.py: what the arguments after `./check NAME --` choose."""

import pytest

import environments
import selection

FILES = ["tests/layer/test_deploy.py", "tests/text/test_toml.py", "tests/unit/os/test_file.c", "tests/unit/text/test_toml.c"]
DEPLOY, TOML, FILE_C, TOML_C = FILES
CHOICES = {
    "tests/text": [TOML], "tests/text/": [TOML], "./tests/text": [TOML], "text": [TOML, TOML_C], "layer": [DEPLOY],
    "tests/text/test_toml.py": [TOML], "text/test_toml.py": [TOML], "test_toml.py": [TOML], "test_toml": [TOML, TOML_C],
    "toml": [TOML, TOML_C], "deploy": [DEPLOY], "os_test_file": [FILE_C], "tests/unit": [FILE_C, TOML_C], "os": [FILE_C],
    "tests/text/test_toml.py::test_x[a-b]": [TOML], "test_toml.py::test_x": [TOML], "*deploy*": [DEPLOY], "test_*": FILES,
    "tests/*/test_t*.py": [TOML], "tests/te": [], "tests": FILES, "nothing": [], "test_toml.pyx": [],
}


@pytest.mark.parametrize("choice", CHOICES)
def test_choice(choice):
    assert selection.chosen([choice], FILES) == CHOICES[choice]


def test_no_choice_is_all():
    assert selection.chosen([], FILES) == FILES


def test_single_tests():
    assert selection.tests_of(["deploy.py::a", "toml.py::a", "text/test_toml.py::b[x::y]"], TOML) == [
        f"{TOML}::a", f"{TOML}::b[x::y]"]
    assert selection.tests_of(["test_toml.py::a", "tests/text"], TOML) == []
    assert selection.tests_of([], TOML) == []


SPLIT = {
    "-k plain test_toml -x": (["test_toml"], ["-k", "plain", "-x"]),
    "-kplain -m unit --lf": ([], ["-kplain", "-m", "unit", "--lf"]),
    "--maxfail=2 a --tb long b": (["a", "b"], ["--maxfail=2", "--tb", "long"]),
    "": ([], []),
    "-k": ([], ["-k"]),
}


@pytest.mark.parametrize("words", SPLIT)
def test_split(words):
    assert selection.split(words.split()) == SPLIT[words]


def test_value_of_an_option():
    for words, want in [("-m unit", "unit"), ("-m unit -m slow", "slow"), ("-munit", "unit"), ("-m=unit", "unit"), ("-x", None),
                        ("-m", None), ("--maxfail 1", None)]:
        assert selection.value_of(words.split(), "-m") == want, words


def test_unknown_choice():
    assert selection.unknown(["text", "toml"], FILES) is None
    assert selection.unknown(["text", "test_tomls"], FILES) == "no file of tests is called 'test_tomls': did you mean 'test_toml'?"
    assert selection.unknown(["zzzzzzz"], FILES) == "no file of tests is called 'zzzzzzz'"


def test_expressions_that_ask_for_a_tier():
    for expression, want in [("unit", True), ("unit and not slow", True), ("contract or unit", True), ("(unit)", True),
                             ("not slow", False), ("contract", False), ("not unit", False), ("unit or not slow", False),
                             ("unit and", False), ("__import__('os')", False)]:
        assert environments.picks(expression, "unit") is want, expression
