"""docs/errors.md and docs/batch-errors.md: their examples are messages of the source, and each source with messages is in one."""

import fnmatch
import re

import paths
import pytest

SRC = paths.ROOT / "src"
CALL = re.compile(r"\b(?:lm_err_set|lm_err_sys|lm_err_wrap|lm_diags_add|lm_emit_warning|lm_spec_error|lm_spec_warning|lm_toml_fail"
    r"|lm_lock_fail|lm_fd_fail|lm_reader_fail)\w*\(")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"(\s*PRI\w+)?')
CONVERSION = re.compile(r"%(?:[-0 #+]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j)?[a-zA-Z]|%)")
# Helpers of programs and libraries, not errors of a run; and what only lamina-batch uses.
NO_MESSAGES = {"base/*", "os/kill_point*", "os/time.c"}
# What only lamina-batch has.
OF_BATCH = {"batch/*", "fake/*", "programs/lamina-batch/*", "net/call*", "text/json_scan*", "text/json_instance*", "db/postgres/*", "os/child_stream*"}


class Document:
    def __init__(self, program, name, codes, at_least):
        self.program, self.codes, self.at_least = program, codes, at_least
        self.text = (paths.ROOT / "docs" / name).read_text(encoding="utf-8")

    def examples(self):
        start = re.compile(rf"\n(?=\S*?(?:{self.program}: |warning: |:\d+(?::\d+)?: ))")
        for block in re.findall(r"^```text\n(.*?)^```", self.text, re.MULTILINE | re.DOTALL):
            yield from start.split(block.rstrip("\n"))

    def holds(self, source):
        """Whether the messages of a source belong here."""
        return any(fnmatch.fnmatch(source, glob) for glob in OF_BATCH) == (self.program == "lamina-batch")


@pytest.fixture(params=[
    ("lamina", "errors.md", ["1", "2", "3", "4", "130"], 80), ("lamina-batch", "batch-errors.md", ["1", "2", "130"], 60),
], ids=lambda param: param[0])
def document(request):
    return Document(*request.param)



def literals(text):
    """String literals, those that stand side by side as one."""
    out, end = [], None
    for found in LITERAL.finditer(text):
        whole = found[1] + ("u" if found[2] else "")
        gap = text[end:found.start()] if end is not None else None
        if gap is not None and re.fullmatch(r"(?:\s|LM_\w+)*", gap):
            out[-1] += whole
        else:
            out.append(whole)
        end = found.end()
    return [text.replace('\\"', '"').replace("\\\\", "\\").replace("\\n", "\n") for text in out]


def pattern(text):
    """What a format can become."""
    parts, at = [], 0
    for found in CONVERSION.finditer(text):
        parts += [re.escape(text[at:found.start()]), "%" if found[0] == "%%" else ".*"]
        at = found.end()
    return "".join([*parts, re.escape(text[at:])])


def sources():
    """{path below src: text} of what has messages."""
    found = {}
    for path in sorted(SRC.rglob("*.c")):
        name = path.relative_to(SRC).as_posix()
        text = path.read_text(encoding="utf-8")
        if CALL.search(text) and not any(fnmatch.fnmatch(name, glob) for glob in NO_MESSAGES):
            found[name] = text
    return found


def test_every_example_is_a_message_of_the_source(document):
    known = []
    appended = set()
    for source in sources().values():
        appended |= set(re.findall(r'\blm_err_append\(err, "([^"%]+)"\)', source))
        # behind what lm_err_sys is given stands what the system says
        of_system = {text for call in re.findall(r"\blm_err_sys\((.*?)\);", source, re.DOTALL) for text in literals(call)}
        for text in literals(source):
            if len(CONVERSION.sub("", text)) >= 6:
                known.append(re.compile(pattern(text) + (": .*" if text in of_system else ""), re.DOTALL))
    all_examples, unknown = list(document.examples()), []
    assert len(all_examples) > document.at_least
    for message in all_examples:
        rest = re.sub(rf"^(?:{document.program}|warning|\S+?:\d+(?::\d+)?: (?:error|warning)): ", "", message)
        assert rest != message, message
        rest = re.sub(r"^layer '[^']*': ", "", rest)
        for text in appended:
            rest = rest.removesuffix(text)
        # what went wrong stands last, behind what was being done: some part at the end is a format of the source
        tails = [rest, re.sub(": (?:error|warning): ", ": ", message)] + [rest[found.end():] for found in re.finditer(": ", rest)]
        if not any(regex.fullmatch(tail) for tail in tails for regex in known):
            unknown.append(message)
    assert not unknown, unknown


def test_every_source_of_messages_is_named(document):
    named = " ".join(re.findall(r"<!-- sources: (.*?) -->", document.text)).split()
    assert len(named) == len(set(named))
    have = [source for source in sources() if document.holds(source)]
    missing = [name for name in have if not any(fnmatch.fnmatch(name, glob) for glob in named)]
    assert not missing, missing
    useless = [glob for glob in named if not fnmatch.filter(have, glob)]
    assert not useless, useless


def test_every_exit_code_is_explained(document):
    table = re.findall(r"^\| (\d+) \|", document.text, re.MULTILINE)
    assert table == document.codes
