"""The man pages say what --help says, and what the source reads."""

import re
import shlex

import pytest

import paths

COMMANDS = ["lock", "build", "publish", "local-export", "show", "check", "diff", "store", "unpack", "artifacts"]
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
# of tests and of the system, not of users
INTERNAL = {"LAMINA_KILL_POINT", "LAMINA_KILL_TRACE", "TMPDIR"}


def page(name):
    return (paths.ROOT / "man" / f"{name}.1").read_text(encoding="utf-8")


def section(text, title):
    return re.split(r"^\.Sh ", text.split(f"\n.Sh {title}\n")[1], flags=re.MULTILINE)[0]


def options_of_page(text):
    """{name: (letter, argument, has an opposite)}"""
    found = {}
    for item in re.findall(r"^\.It Fl (.*)$", section(text, "OPTIONS"), re.MULTILINE):
        names = item.split(" , Fl ")
        letter = names.pop(0) if not names[0].startswith("-") else ""
        name, _, argument = names[0].removeprefix("-").partition(" Ar ")
        if letter:
            letter, _, same = letter.partition(" Ar ")
            assert same == argument
        assert names[1:] in ([], [f"-no-{name}"]), item
        found[name] = (letter, argument, len(names) == 2)
    return found


def options_of_help(text):
    rows = re.findall(r"^  (?:-(.), |    )--(\[no-\])?([\w-]+)(?: ([A-Z|]+))?(?:  |$)", text, re.MULTILINE)
    return {name: (letter, argument, no != "") for letter, no, name, argument in rows}


@pytest.mark.parametrize("command", COMMANDS)
def test_page_and_help_have_the_same_options(run_lamina, command):
    text = run_lamina(command, "--help").ok().out
    options = options_of_help(text)
    assert len(options) == len(re.findall(r"^  (?:-.,|   ) --", text, re.MULTILINE)) > 3
    assert options_of_page(page(f"lamina-{command}")) == options


@pytest.mark.parametrize("command", COMMANDS)
def test_page_and_help_have_the_same_groups(run_lamina, command):
    titles = re.findall(r"^([A-Z][\w ]+):$", run_lamina(command, "--help").ok().out, re.MULTILINE)
    titles = [title for title in titles if title != "Examples"]
    assert re.findall(r"^\.Ss (.*)$", section(page(f"lamina-{command}"), "OPTIONS"), re.MULTILINE) == titles


@pytest.mark.parametrize("name", ["lamina", *(f"lamina-{command}" for command in COMMANDS)])
def test_sections(name):
    titles = re.findall(r"^\.Sh (.*)$", page(name), re.MULTILINE)
    assert titles == [title for title in SECTIONS if title in titles]
    assert set(SECTIONS) - set(titles) <= {"FILES"}
    assert page(name).splitlines()[1] == f".Dt {name.upper()} 1"


def test_every_page_is_named_by_the_others():
    names = {path.stem for path in (paths.ROOT / "man").glob("*.1")}
    assert names == {"lamina", "lamina-batch", *(f"lamina-{command}" for command in COMMANDS)}
    for name in names:
        assert set(re.findall(r"^\.Xr (\S+) 1", section(page(name), "SEE ALSO"), re.MULTILINE)) == names - {name}


def test_every_command_is_on_the_main_page(run_lamina):
    listed = re.findall(r"^  (\S+)  ", run_lamina("--help").ok().out.split("Commands:\n")[1].split("\n\n")[0], re.MULTILINE)
    assert re.findall(r"^\.It Cm (\S+)$", page("lamina"), re.MULTILINE) == listed


def test_every_variable_is_documented():
    read = set()
    for path in [*(paths.ROOT / "src/programs/lamina").glob("*.c"), *(paths.ROOT / "src/programs/common").glob("*.c")]:
        text = path.read_text(encoding="utf-8")
        read |= set(re.findall(r'(?:getenv|from_env|own_folder)\((?:run, )?"(\w+)"', text))
    assert {"LAMINA_STORE", "NO_COLOR", "XDG_STATE_HOME"} < read
    told = {name: set(re.findall(r"\b([A-Z][A-Z_]+|https?_proxy|no_proxy)\b", " ".join(re.findall(r"^\.It Ev (.*)$", page(name),
        re.MULTILINE)))) for name in ("lamina", *(f"lamina-{command}" for command in COMMANDS))}
    assert read - INTERNAL <= set.union(*told.values())
    of_check = {name for name in read if name.endswith("_TEST_EXPORT") or name.endswith("_TEST_ARTIFACTS")}
    assert read - INTERNAL - of_check <= told["lamina"]
    assert of_check <= told["lamina-check"]


def examples(text):
    """The lamina commands of a page."""
    joined = section(text, "EXAMPLES").replace("\\\n", " ")
    return [line for line in re.findall(r"^(?:\.Dl )?(lamina .*?)(?: \||$)", joined, re.MULTILINE)]


@pytest.mark.parametrize("name", ["lamina", *(f"lamina-{command}" for command in COMMANDS)])
def test_examples_are_valid_commands(run_lamina, name):
    found = examples(page(name))
    assert found
    for line in found:
        args = shlex.split(line)[1:]
        if args[0] != "completion":
            assert run_lamina(args[0], "--help", *args[1:]).ok().out.startswith(f"Usage: lamina {args[0]} ")


@pytest.mark.parametrize("command", COMMANDS)
def test_exit_codes_of_page_and_help(run_lamina, command):
    told = run_lamina(command, "--help").ok().out.split("Exit status: ")[1]
    codes = re.findall(r"^\.It (\d+)$", section(page(f"lamina-{command}"), "EXIT STATUS"), re.MULTILINE)
    assert codes == re.findall(r"(?:^|, )(\d+) ", told.replace(",\n", ", "))
