"""Which files of tests the arguments after `./check NAME --` choose, and what of the arguments goes on to the test program.

    choices, options = split(["-k", "plain", "test_toml", "-x"])    (["test_toml"], ["-k", "plain", "-x"])
    chosen(choices, files)                                          the files of `files` that are chosen
"""
import difflib
import fnmatch
from pathlib import Path

# Options of pytest whose value is the next word. `--name=value` is one word anyway.
WITH_VALUE = {"-k", "-m", "-p", "-c", "-o", "-W", "-r", "--tb", "--maxfail", "--deselect", "--ignore", "--ignore-glob", "--durations",
              "--durations-min", "--capture", "--show-capture", "--log-level", "--log-cli-level", "--verbosity", "--rootdir",
              "--override-ini", "--color", "--pdbcls", "--lfnf", "--last-failed-no-failures", "--cache-show", "--basetemp"}


def split(args):
    """(what chooses files, what goes on to the test program)."""
    choices, options, takes = [], [], False
    for arg in args:
        if takes or (arg.startswith("-") and arg != "-"):
            options.append(arg)
            takes = not takes and arg in WITH_VALUE
        else:
            choices.append(arg)
    return choices, options


def value_of(options, name):
    """The last value of an option with a value, or None."""
    found = None
    for at, option in enumerate(options):
        if option == name and at + 1 < len(options):
            found = options[at + 1]
        elif option.startswith(name + "=") or (len(name) == 2 and option.startswith(name) and len(option) > 2 and option[1] != "-"):
            found = option[len(name):].removeprefix("=")
    return found


def names_of(item):
    """What a person may call a file: tests/text/test_toml.py, text/test_toml.py, test_toml.py, test_toml, toml; and
    tests/unit/os/test_file.c also os_test_file, as its program is called."""
    path = Path(item)
    below = item.removeprefix("tests/")
    names = {item, below, below.removeprefix("unit/"), path.name, path.stem,
             path.name.removeprefix("test_"), path.stem.removeprefix("test_")}
    if below.startswith("unit/"):
        names.add(f"{path.parent.name}_{path.stem}")
    return names


def is_choice(choice, item):
    """Does a choice name this file: its path or name, a folder it is in, a pattern, or a test of it (`file::test`)?"""
    name = choice.partition("::")[0]
    folder = name.removeprefix("./").rstrip("/")
    names = names_of(item)
    if folder in names or any(each.startswith(folder + "/") for each in names):
        return True
    return any(char in name for char in "*?[") and any(fnmatch.fnmatch(each, name) for each in names)


def chosen(choices, files):
    """Those of `files` that the choices name; all when there is no choice."""
    return [item for item in files if not choices or any(is_choice(choice, item) for choice in choices)]


def tests_of(choices, item):
    """The single tests that choices name in this file, as file::test; empty when the whole file is chosen."""
    mine = [choice for choice in choices if is_choice(choice, item)]
    if any("::" not in choice for choice in mine):
        return []
    return [f"{item}::{choice.partition('::')[2]}" for choice in mine]


def unknown(choices, files):
    """A sentence about the first choice that names no file, or None."""
    for choice in choices:
        if not any(is_choice(choice, item) for item in files):
            known = sorted({name for item in files for name in names_of(item)})
            near = difflib.get_close_matches(choice.partition("::")[0], known, 1)
            return f"no file of tests is called '{choice}'" + (f": did you mean '{near[0]}'?" if near else "")
    return None
