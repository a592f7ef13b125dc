"""misc/changed.ini: from the files that changed to the tests that cover them, for `./check changed`."""
import fnmatch
import re
import subprocess
from pathlib import Path

import tables
from tables import Wrong

NAME = "misc/changed.ini"
BASE = "main"


def git(root, *args):
    done = subprocess.run(["git", *args], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Wrong(f"git {args[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return done.stdout


def changed_files(root, base):
    """(commit, files): files of the tree that differ from where this branch left `base`, the new and the removed ones too."""
    commit = git(root, "merge-base", base, "HEAD").strip()
    names = git(root, "diff", "--name-only", "-z", commit, "--") + git(root, "ls-files", "-z", "--others", "--exclude-standard")
    return commit, sorted({name for name in names.split("\0") if name})


# ---- the table


def rows(root):
    return tables.read(Path(root) / NAME, NAME)


def matches(row, file):
    """A row is for a folder and all below it, for a file, or for a pattern (`*` stands for `/`, too)."""
    return file == row.key or file.startswith(row.key.rstrip("/") + "/") or fnmatch.fnmatch(file, row.key)


def says(name, is_module):
    """Matches a Python file that imports a module of tests/support, or names a program of tests/tools."""
    name = re.escape(name)
    return re.compile(rf"^\s*(?:from {name} import|import {name}\b)" if is_module else rf"""["']{name}["']""", re.MULTILINE)


def users(root, name, is_module):
    """Files of pytest tests, or folders with a conftest.py, that use a module of tests/support or a program of tests/tools, themselves
    or through a module of tests/support."""
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in Path(root, "tests").rglob("*.py")
             if "cases" not in path.parts}
    seen, queue, found = set(), [says(name, is_module)], set()
    while queue:
        use = queue.pop()
        for path, text in texts.items():
            if path in seen or not use.search(text):
                continue
            seen.add(path)
            if path.parent.name == "support":
                queue.append(says(path.stem, True))
            elif path.name == "conftest.py":
                found.add(path.parent.relative_to(root).as_posix())
            elif path.name.startswith("test_"):
                found.add(path.relative_to(root).as_posix())
    return found


def by_itself(root, file):
    """What needs no row: a test covers itself, conftest.py its folder, what tests share those that use it."""
    path = Path(file)
    parent = path.parent.as_posix()
    if not file.startswith("tests/"):
        return set()
    if re.fullmatch(r"test_.*\.(py|c)", path.name):
        return {file} if Path(root, file).exists() else set()
    if path.name == "conftest.py" or path.parent.parent.as_posix() == "tests/unit":
        return {parent}
    if parent == "tests/support" and path.suffix == ".h":
        return {"tests/unit"}
    if parent in ("tests/support", "tests/tools"):
        return users(root, path.stem, path.suffix == ".py")
    return set()


def without_covered(words):
    """Without the files and folders that are in a folder of the set."""
    return {word for word in words if not any(word.startswith(other + "/") for other in words)}


def covering(root, file, table):
    """What covers a file: {paths below tests/, names of environments}; empty when nobody knows."""
    found = by_itself(root, file)
    for row in table:
        if matches(row, file):
            found |= set(row.words)
    return without_covered(found)


def plan(root, files, environments):
    """({environment: its arguments}, [(file, what covers it)]) for the changed files. `environments` are check.ini's."""
    table = rows(root)
    told = [(file, sorted(covering(root, file, table))) for file in files]
    arguments = {}
    for file, words in told:
        for word in words:
            if word in environments:
                each = arguments.setdefault(word, set())
                if environments[word].each and file in environments[word].every():
                    each.add(file)
                continue
            if word == "tests" or word.startswith("tests/unit"):
                arguments.setdefault("unit", set()).add(word)
            if not word.startswith("tests/unit"):
                arguments.setdefault("test", set()).add(word)
    for name in [name for name, each in arguments.items() if environments[name].each == "tested-docs" and not each]:
        del arguments[name]  # a document without commands
    return {name: sorted(without_covered(each)) for name, each in arguments.items()}, told
