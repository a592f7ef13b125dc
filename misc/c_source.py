"""Looking at C sources without a compiler: enough for lints."""
import re

TOKEN = re.compile(
    r"""(?P<comment>//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|(?<![0-9A-Za-z_])'(?:[^'\\\n]|\\.)*')
      | (?P<number>\.?[0-9](?:[eEpP][+-]|'?[0-9A-Za-z_]|\.)*)
      | (?P<word>[A-Za-z_][0-9A-Za-z_]*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL)


def spaces(text):
    """As many lines, and nothing on them."""
    return re.sub(r"[^\n]", " ", text)


def blank(text, literals=True):
    """The text with comments, and with `literals` strings and characters too, replaced by spaces."""
    hidden = {"comment", "string"} if literals else {"comment"}
    return "".join(spaces(match[0]) if match.lastgroup in hidden else match[0] for match in TOKEN.finditer(text))


def without_directives(text):
    """The text without preprocessor lines."""
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda match: spaces(match[0]), text, flags=re.MULTILINE)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def words(text):
    """(word, line, what follows it without white space, what goes before it) for each identifier of blanked text."""
    line, last = 1, 0
    for match in TOKEN.finditer(text):
        if match.lastgroup == "word":
            line += text.count("\n", last, match.start())
            last = match.start()
            yield match[0], line, text[match.end():match.end() + 80].lstrip()[:1], text[max(0, match.start() - 80):match.start()].rstrip()[-2:]


def functions(text):
    """(name, first line, last line) of each function body in blanked text, from its opening to its closing brace."""
    text = without_directives(text)
    depth, start, name, line = 0, None, "", 1
    for at, c in enumerate(text):
        if c == "\n":
            line += 1
        elif c == "{":
            if depth == 0 and text[:at].rstrip().endswith(")"):
                start, name = line, name_before(text, at)
            depth += 1
        elif c == "}":
            depth -= 1
            if depth == 0 and start is not None:
                yield name, start, line
                start = None


def name_before(text, at):
    """The name in front of the parameters that end before `at`."""
    at, depth = text.rindex(")", 0, at), 0
    while at >= 0:
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            break
        at -= 1
    found = re.search(r"([A-Za-z_]\w*)\s*$", text[max(0, at - 200):at])
    return found[1] if found else "?"
