"""docs/errors.md: its examples are messages of the source, and each source with messages is in it."""

import fnmatch
import re

import paths

SRC = paths.ROOT / "src"
DOCUMENT = (paths.ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
CALL = re.compile(r"\b(?:lm_err_set|lm_err_sys|lm_err_wrap|lm_diags_add|lm_emit_warning|lm_spec_error|lm_spec_warning|lm_toml_fail"
    r"|lm_lock_fail|lm_fd_fail|lm_reader_fail)\w*\(")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
CONVERSION = re.compile(r"%(?:[-0 #+]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j)?[a-zA-Z]|%)")
# Helpers of programs and libraries, not errors of a run; and what only lamina-batch uses.
NO_MESSAGES = {"base/*", "os/kill_point*", "os/time.c", "batch/*", "fake/*", "programs/lamina-batch/*", "net/call*", "text/json_scan*",
    "db/postgres/*", "os/child_stream*"}


def literals(text):
    """String literals, those that stand side by side as one."""
    out, end = [], None
    for found in LITERAL.finditer(text):
        gap = text[end:found.start()] if end is not None else None
        if gap is not None and re.fullmatch(r"(?:\s|PRI\w+|LM_\w+)*", gap):
            out[-1] += ("u" if "PRI" in gap else "") + found[1]
        else:
            out.append(found[1])
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


def examples():
    for block in re.findall(r"^```text\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL):
        for message in re.split(r"\n(?=\S*?(?:lamina: |warning: |:\d+:\d+: ))", block.rstrip("\n")):
            yield message


def test_every_example_is_a_message_of_the_source():
    known = []
    for source in sources().values():
        # behind what lm_err_sys is given stands what the system says
        of_system = {text for call in re.findall(r"\blm_err_sys\((.*?)\);", source, re.DOTALL) for text in literals(call)}
        for text in literals(source):
            if len(CONVERSION.sub("", text)) >= 6:
                known.append(re.compile(pattern(text) + (": .*" if text in of_system else ""), re.DOTALL))
    all_examples, unknown = list(examples()), []
    assert len(all_examples) > 80
    for message in all_examples:
        rest = re.sub(r"^(?:lamina|warning|\S+?:\d+:\d+: (?:error|warning)): ", "", message)
        assert rest != message, message
        rest = re.sub(r"^layer '[^']*': ", "", rest)
        # what went wrong stands last, behind what was being done: some part at the end is a format of the source
        tails = [rest] + [rest[found.end():] for found in re.finditer(": ", rest)]
        if not any(regex.fullmatch(tail) for tail in tails for regex in known):
            unknown.append(message)
    assert not unknown, unknown


def test_every_source_of_messages_is_named():
    named = " ".join(re.findall(r"<!-- sources: (.*?) -->", DOCUMENT)).split()
    assert len(named) == len(set(named))
    have = sources()
    missing = [name for name in have if not any(fnmatch.fnmatch(name, glob) for glob in named)]
    assert not missing, missing
    useless = [glob for glob in named if not fnmatch.filter(have, glob)]
    assert not useless, useless


def test_every_exit_code_is_explained():
    table = re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)
    assert table == ["1", "2", "3", "4", "130"]
