"""What a terminal shows while lamina works, and that nothing of it is left behind."""

import re

import pytest

from fake_stack import HOST
from terminal import terminal

TABLE = """\
published  base             {base}  out/base.tar.zst
published  framework-low     {low}  out/framework-low@1.tar.zst
published  framework-plain  {plain}  out/framework-plain.tar.zst
published  app-one           {one}  out/app-one.tar.zst
published  app-two           {two}  out/app-two.tar.zst
published  app-three         {three}  out/app-three.tar.zst
lamina: 6 published, {total} in 'out', {loaded} downloaded, T s
"""
def without_time(text):
    """The seconds of the total are not the same twice."""
    return re.sub(r"\d+\.\d s$", "T s", text, flags=re.MULTILINE)


SIZE = re.compile(r"\d+(\.\d)? [kM]?B")


def publish(served, lamina, *options, **terminal_options):
    return terminal(lamina, "publish", *served.options, *options, served.stack.spec, "out", cwd=served.stack.folder,
        **terminal_options)


def table(text):
    """A table of results without its sizes."""
    return re.sub(" +", " ", SIZE.sub("SIZE", without_time(text)))


WANTED_TABLE = re.sub(" +", " ", re.sub(r"\{\w+\}", "SIZE", TABLE))


def test_a_download_has_a_live_line_that_leaves_nothing(served, lamina):
    stack = served()
    with publish(stack, lamina, columns=100) as shown:
        shown.wait_for(lambda text: "200 kB of 400 kB" in text)
        line = shown.screen.text.splitlines()[0]
        assert re.fullmatch(r"download  runtime\.tar +\[#{10}\.{10}\]   200 kB of 400 kB +\d+(\.\d)? [kM]?B/s", line), line
        assert 90 <= len(line) <= 99
        stack.go.set()
        assert shown.finish() == 0
        assert table(shown.screen.text) == WANTED_TABLE
        assert not [sequence for sequence in shown.screen.sequences if sequence.endswith("m")]  # no colour is needed for this


@pytest.mark.parametrize("columns, wanted", [
    (80, r"download  runtime\.tar +\[#{5}\.{5}\]   200 kB of 400 kB +\d+(\.\d)? [kM]?B/s"),
    (60, r"download  runtime\.tar +200 kB of 400 kB"),
    (30, r"download  runtime\.tar +50%"),
    (20, r"download  run   50%"),
    (6, r"downl"),
])
def test_narrow_terminals(served, lamina, columns, wanted):
    stack = served()
    with publish(stack, lamina, columns=columns) as shown:
        shown.wait_for(lambda text: re.match(wanted, text))
        assert len(shown.screen.text.splitlines()[0]) < columns
        stack.go.set()
        assert shown.finish() == 0
        assert "download  " not in shown.screen.text and "publish  " not in shown.screen.text


def test_a_terminal_made_narrower_and_wider_keeps_no_rubbish(served, lamina):
    stack = served()
    with publish(stack, lamina, columns=100) as shown:
        shown.wait_for(lambda text: "200 kB of 400 kB" in text)
        shown.resize(40, 24)  # the line is wrapped now, until it is drawn again
        assert len(shown.screen.lines) == 4
        shown.wait_for(lambda text: re.fullmatch(r"download  runtime\.tar +50%\n", text))
        shown.resize(90, 24)
        shown.wait_for(lambda text: re.fullmatch(r"download  runtime\.tar .*kB/s\n", text))
        stack.go.set()
        assert shown.finish() == 0
        assert table(shown.screen.text) == WANTED_TABLE


def test_more_steps_than_rows(served, lamina):
    packages = ["alpha", "beta", "gamma", "delta", "epsilon"]
    stack = served(*packages)
    stack.go.set()
    stack.stack.run("publish", *stack.options, "--include", "base", stack.stack.spec, stack.stack.out).ok()
    stack.go.clear()
    with publish(stack, lamina, columns=80, rows=5) as shown:
        shown.wait_for(lambda text: text.count("download  ") == 2 and text.endswith("...and more\n"))
        stack.go.set()
        assert shown.finish() == 0
        assert "..." not in shown.screen.text and "download  " not in shown.screen.text


def test_locking_leaves_a_line_where_no_table_tells_of_it(small, lamina):
    """`build` locks before it writes trees: its table is about these. `lock` has a table of locks."""
    where = ["--no-index", "--local-wheels", small.wheels, "--store", small.store, small.spec]
    small.edit('requirements = ["lowpkg"]\n\n[[frameworks]]', 'requirements = ["lowpkg==1.0"]\n\n[[frameworks]]')
    with terminal(lamina, "build", *where, cwd=small.folder) as shown:
        assert shown.finish() == 0
        lines = without_time(shown.screen.text).splitlines()
        assert lines[0] == "lock framework-low: 1 package, unchanged"
        assert [line.split()[:2] for line in lines[-7:-1]] == [["built", name] for name in (
            "base", "framework-low", "framework-plain", "app-one", "app-two", "app-three")]
        assert b"\x1b[32mlock\x1b[0m framework-low" in shown.raw
    with terminal(lamina, "lock", *where, cwd=small.folder) as shown:
        assert shown.finish() == 0
        assert without_time(shown.screen.text) == (
            "unchanged  base               0 packages  stack/requirements/base\n"
            "unchanged  framework-low      1 package   stack/requirements/framework-low\n"
            "unchanged  framework-plain    1 package   stack/requirements/framework-plain\n"
            "unchanged  app-one            1 package   stack/requirements/app-one\n"
            "unchanged  app-two            0 packages  stack/requirements/app-two\n"
            "unchanged  app-three          0 packages  stack/requirements/app-three\n"
            "lamina: 0 locked, 6 unchanged, T s\n")


def test_no_colour(served, lamina):
    stack = served()
    stack.go.set()
    with publish(stack, lamina, "-v", env={"NO_COLOR": "1"}) as shown:
        assert shown.finish() == 0
        assert not [sequence for sequence in shown.screen.sequences if sequence.endswith("m")]
        assert "download runtime.tar: 400 kB\n" in shown.screen.text  # with -v each finished step leaves its line


def test_an_empty_no_colour_is_none(served, lamina):
    stack = served()
    stack.go.set()
    with publish(stack, lamina, "-v", env={"NO_COLOR": ""}) as shown:
        assert shown.finish() == 0
        assert "32m" in shown.screen.sequences
        assert shown.screen.sequences.count("0m") == len([s for s in shown.screen.sequences if re.fullmatch(r"3\dm", s)])


@pytest.mark.parametrize("term", ["dumb", "", None])
def test_a_terminal_without_sequences_gets_plain_lines(served, lamina, term):
    stack = served()
    stack.go.set()
    with publish(stack, lamina, env={"TERM": term}) as shown:
        assert shown.finish() == 0
        assert shown.screen.sequences == []
        assert shown.screen.text.startswith("download runtime.tar: 400 kB\nunpack runtime.tar: 2 entries\n")


def test_plain_lines_where_there_is_no_terminal(served):
    stack = served()
    stack.go.set()
    result = stack.stack.run("publish", *stack.options, stack.stack.spec, "out", cwd=stack.stack.folder).ok()
    names = ["base", "framework-low", "framework-plain", "app-one", "app-two", "app-three"]
    lines = without_time(result.err).splitlines()
    assert lines[:2] == ["download runtime.tar: 400 kB", "unpack runtime.tar: 2 entries"]
    assert sorted(lines[2:-1]) == sorted(  # several at once: any may be done first
        f"publish {name}: written for {HOST}, build 1" for name in names)
    assert table(lines[-1] + "\n") == WANTED_TABLE.splitlines()[-1] + "\n"
    assert table(result.out).splitlines() == WANTED_TABLE.splitlines()[:-1]


def test_quiet_shows_nothing_but_errors(served, lamina):
    stack = served()
    with publish(stack, lamina, "-q") as shown:
        stack.go.set()
        assert shown.finish() == 0
        assert shown.raw == b""
    with publish(stack, lamina, "-q", "--include", "nothing") as shown:
        assert shown.finish() == 2
        assert shown.screen.text == "lamina: no layer matches 'nothing'; 'lamina show' lists them\n"


def test_an_interrupt_takes_the_live_line_away(served, lamina):
    stack = served()
    with publish(stack, lamina) as shown:
        shown.wait_for(lambda text: "200 kB of 400 kB" in text)
        shown.type("\x03")
        assert shown.finish() == 130
        assert shown.screen.text.replace("^C", "") == "lamina: interrupted\n"
        assert not [path for path in (stack.stack.folder / "out").rglob("*") if path.is_file()]
