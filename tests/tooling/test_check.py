"""./check as people and CI call it."""

import configparser


def test_list_names_every_environment(run, root):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(root / "check.ini", encoding="utf-8")
    out = run(root / "check", "list").ok().out
    assert [line.split()[0] for line in out.splitlines()] == parser.sections()


def test_wrong_calls(run, root):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(root / "check.ini", encoding="utf-8")
    labels = ", ".join(sorted({"all", *(label for name in parser.sections() for label in parser[name]["labels"].split())}))
    for args, text in [
        (["uint"], "check: there is no environment 'uint': did you mean 'unit'?\n"),
        (["zzzzz"], "check: there is no environment 'zzzzz'; see ./check list\n"),
        (["-m", "no"], f"check: no environment has the label 'no'; there are: {labels}\n"),
        (["-m", "fast", "unit"], "check: names and labels exclude each other\n"),
        (["test", "--", "zzzzzz.z"], "check: no file of tests is called 'zzzzzz.z'\n"),
        (["test", "xyzzyx"], "check: there is no environment 'xyzzyx'; see ./check list\n"),
        (["test", "--", "test_tomls"], "check: no file of tests is called 'test_tomls': did you mean 'test_toml'?\n"),
        (["unit", "-x"], "check: 'unit' takes names of files and no option '-x'\n"),
        (["--", "x"], "check: arguments after -- need the name of an environment before it\n"),
    ]:
        result = run(root / "check", *args)
        assert (result.code, result.out, result.err) == (2, "", text)


def test_ci_runs_check_and_nothing_else(root):
    lines = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines == ["#!/bin/sh", 'cd "$(dirname "$0")/.." && exec ./check -m ci']


def test_second_set_up_says_nothing(run, root):
    code = "import sys; sys.path.insert(0, 'misc'); import setup; setup.prepare('check')"
    result = run("python3", "-c", code, cwd=root)
    assert (result.code, result.out, result.err) == (0, "", "")


def test_one_static_check_from_another_folder(run, root, tmp_path):
    result = run(root / "check", "zig-format", cwd=tmp_path).ok()
    assert result.out.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"


def test_demo_usage(run, root):
    assert run(root / "demo", "--help").ok().out.startswith("Builds lamina and publishes the sample project's stack")
    assert run(root / "demo", "a", "b").code == 2
