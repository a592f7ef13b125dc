"""The man page of lamina-batch says what --help says, and what the source reads."""

import re

import paths
import pytest

PAGE = (paths.ROOT / "man" / "lamina-batch.1").read_text(encoding="utf-8")
INTERNAL = {"LAMINA_KILL_POINT", "LAMINA_KILL_TRACE"}


def section(title):
    return re.split(r"^\.Sh ", PAGE.split(f"\n.Sh {title}\n")[1], flags=re.MULTILINE)[0]


@pytest.fixture(scope="module")
def overview(lamina_batch):
    return lamina_batch("--help").ok().out


def commands(overview):
    return re.findall(r"^  (\S+) +", overview.split("Commands:\n")[1].split("\n\n")[0], re.MULTILINE)


def test_every_command_is_on_the_page(overview):
    listed = commands(overview)
    assert len(listed) == 18
    assert re.findall(r"^\.It Cm (\S+)$", section("COMMANDS"), re.MULTILINE) == listed


def test_options(overview, lamina_batch):
    of_help, texts = set(), []
    for command in commands(overview)[:-2]:
        text = lamina_batch("help", command).ok().out
        texts.append(text)
        text = re.sub(r"^Examples:\n.*?\n\n", "", text, flags=re.MULTILINE | re.DOTALL)
        rows = re.findall(r"^  (?:-(.), |    )--(\[no-\])?([\w-]+)(?: ([A-Z|:]+))?(?:  | |$)", text, re.MULTILINE)
        assert len(rows) == len(re.findall(r"^  (?:-.,|   ) --", text, re.MULTILINE)) > 2
        of_help |= {(letter, name, argument, no != "") for letter, no, name, argument in rows}
    of_page = set()
    for item in re.findall(r"^\.It Fl (.*)$", section("OPTIONS"), re.MULTILINE):
        names = item.split(" , Fl ")
        letter = names.pop(0).partition(" ")[0] if not names[0].startswith("-") else ""
        name, _, argument = names[0].removeprefix("-").partition(" Ar ")
        of_page.add((letter, name, argument, len(names) == 2))
    assert of_page == of_help
    assert all(len(line) <= 80 for text in [overview, *texts] for line in text.splitlines())


def test_every_variable_is_documented():
    read = set()
    for path in (paths.ROOT / "src" / "programs" / "lamina-batch").glob("*.c"):
        text = path.read_text(encoding="utf-8")
        read |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', text))
    assert {"LAMINA_BATCH_DB", "OPENAI_API_KEY", "XDG_STATE_HOME"} < read
    told = set(re.findall(r"\b[A-Z][A-Z_]+\b", " ".join(re.findall(r"^\.It Ev (.*)$", section("ENVIRONMENT"), re.MULTILINE))))
    assert read - INTERNAL <= told


def test_exit_codes(lamina_batch):
    told = lamina_batch("help", "wait").ok().out.split("Exit status: ")[1]
    codes = re.findall(r"(?:^|, )(\d+) ", told.replace(",\n", ", "))
    assert codes == re.findall(r"^\.It (\d+)$", section("EXIT STATUS"), re.MULTILINE)
