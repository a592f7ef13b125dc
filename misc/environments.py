"""The environments of check.ini: what they run, in which order, and with which arguments."""
import configparser
import difflib
import functools
import itertools
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import scratch
import selection
import setup

ROOT = Path(__file__).resolve().parent.parent
# homes and temporary folders of what we start: outside of the checkout, whose git ignores would reach into them
PRIVATE = scratch.parent() / f"{scratch.PREFIX}{os.getpid()}"
LISTS = {"{c}": ["*.c", "*.h"], "{sh}": ["*.sh", "demo", ".ci/run"], "{man}": ["man/*.[0-9]"], "{docs}": ["*.md", ":!tests/cases"]}
MARKS = ("slow", "expected_output", "network")  # what a test may have besides its tier
EVERYTHING, ASKED_FOR = "all", "manual"  # `-m all` is what does not have the label `manual`


class Wrong(Exception):
    """A wrong call of ./check, or a wrong check.ini."""


# ---- files of the tree


def tracked(patterns):
    """Files of git, the new ones too, that match and are there."""
    told = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
                          cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    return sorted({name for name in told.split("\0") if name and (ROOT / name).is_file()})


def is_shell_script(name):
    with open(ROOT / name, "rb") as file:
        first = file.readline()
    return name.endswith(".sh") or (first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b"bash", b" sh")))


def listed(placeholder):
    if placeholder == "{sh}":
        return [name for name in tracked(["check", "demo", ".ci", "misc", "tests", "bench", "*.sh"]) if is_shell_script(name)]
    return tracked(LISTS[placeholder])


@functools.cache
def items(each):
    """What an environment runs for, one command each."""
    if each == "unit-tests":
        return tracked(["tests/unit/*/test_*.c"])
    if each == "pytest-files":
        return tracked(["tests/**/test_*.py"])
    if each == "tested-docs":
        return [name for name in tracked(LISTS["{docs}"]) if "<!-- tested" in (ROOT / name).read_text(encoding="utf-8")]
    raise Wrong(f"check.ini: unknown 'each = {each}'")


def key_of(item):
    return item.replace("/", "-").rpartition(".")[0]


def stem_of(item):
    path = Path(item)
    return f"{path.parent.name}_{path.stem}" if item.startswith("tests/unit/") else path.stem


# ---- one environment


@dataclass
class Unit:
    """One command of an environment."""

    title: str
    key: str  # of its log and its folders
    argv: list
    item: str = ""


@dataclass
class Plan:
    """What an environment is to run now: all, or what the arguments after -- choose."""

    choices: list = field(default_factory=list)  # files, folders, patterns
    options: list = field(default_factory=list)  # for the test program


class Environment:
    def __init__(self, name, section):
        self.name = name
        self.about = section["about"]
        self.labels = section["labels"].split()
        self.command = section["command"]
        self.needs = section.get("needs", "").split()
        self.each = section.get("each", "")
        self.counts = section["counts"]
        self.tier = section.get("tier", "")
        self.marks = section.get("marks", "")
        self.select = section.get("select", "")
        self.first = section.get("first", "").split()
        self.timeout_s = section.getint("timeout_s")
        self.suite_s = section.getint("suite_s", 0)
        self.env = dict(line.split("=", 1) for line in section.get("env", "").split("\n") if line)
        self.plan = Plan()

    @property
    def is_pytest(self):
        return self.each == "pytest-files"

    @property
    def build(self):
        """The folder whose programs are tested."""
        return self.env.get("LAMINA_TEST_BUILD", "zig-out")

    def take(self, args):
        """The arguments after -- are for this environment."""
        if not self.each:
            self.plan = Plan(options=args)
            return
        choices, options = selection.split(args)
        if options and not self.is_pytest:
            raise Wrong(f"'{self.name}' takes names of files and no option '{options[0]}'")
        self.plan = Plan(choices, options)

    def every(self):
        """All files that it has one command for."""
        return items(self.each)

    def files(self):
        """The chosen files, those that take long first: nothing else is left to run beside the last one."""
        found = selection.chosen(self.plan.choices, items(self.each))
        return sorted(found, key=lambda item: self.first.index(item) if item in self.first else len(self.first))

    def words(self, files, key):
        """The command with its placeholders replaced; {item} becomes `files`. None when a list of it is empty."""
        argv = []
        for word in shlex.split(self.command):
            if word in LISTS:
                names = listed(word)
                if not names:
                    return None
                argv += names
            elif word == "{item}":
                argv += files
            else:
                for mark, value in (("{python}", setup.PYTHON), ("{item}", " ".join(files)), ("{stem}", stem_of((files or [""])[0])),
                                    ("{junit}", self.log_folder() / f"{key}.xml"), ("{cache}", self.cache_folder(key))):
                    word = word.replace(mark, str(value))
                argv.append(word)
        expression = self.expression() if self.is_pytest else ""
        return argv + self.plan.options + (["-m", expression] if expression else [])

    def expression(self):
        """Which tests, for pytest -m: `marks` and `select` as far as the arguments do not speak of the same, and what they say."""
        given = selection.value_of(self.plan.options, "-m")
        named = self.plan.choices or any(option.startswith(("-k", "--lf", "--last-failed")) for option in self.plan.options)
        ours = [term for terms in (self.marks, "" if named else self.select) for term in terms.split(" and ") if term]
        if given is None:
            return " and ".join(ours)
        return " and ".join([term for term in ours if term.split()[-1] not in re.findall(r"\w+", given)] + [f"({given})"])

    def targets(self, item):
        """What of a file runs: single tests when the arguments name some."""
        return (selection.tests_of(self.plan.choices, item) if self.is_pytest else []) or [item]

    def units(self, files=None):
        """The commands to run, for these files (None: all chosen ones)."""
        if not self.each:
            argv = self.words([], self.name)
            return [Unit(self.name, self.name, argv)] if argv else []
        units = []
        for item in self.files() if files is None else files:
            key = key_of(item)
            units.append(Unit(stem_of(item), key, self.words(self.targets(item), key), item))
        return units

    def log_folder(self):
        return setup.LOG / "check" / self.name

    def cache_folder(self, key):
        """What pytest remembers of a file between runs, in whichever environment: what failed."""
        return setup.TOOLS / "pytest" / key

    def environment(self, private):
        """Tests see a HOME and folders of their own; builds keep the machine's compiler caches."""
        env = setup.environment()
        env.setdefault("ZIG_GLOBAL_CACHE_DIR", os.path.join(env.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "zig"))
        for name, folder in (("HOME", "home"), ("TMPDIR", "tmp"), ("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state")):
            (private / folder).mkdir(parents=True, exist_ok=True)
            env[name] = str(private / folder)
        # what is known by digest is shared between runs: downloads of the resolver and of Go, lamina's store
        env["XDG_CACHE_HOME"] = str(setup.CACHE)
        for name, value in go_settings().items():
            env.setdefault(name, value)
        uv_settings = Path(os.path.expanduser("~/.config/uv/uv.toml"))
        if uv_settings.exists():
            env.setdefault("UV_CONFIG_FILE", str(uv_settings))
        env["PATH"] = os.pathsep.join([str(setup.BIN), *interpreter_folders(), env["PATH"]])
        env.update(CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONDONTWRITEBYTECODE="1", LAMINA_CHECK_PRIVATE=str(private), **self.env)
        return env


@functools.cache
def interpreter_folders():
    """Where the python3.11 that tests start is, when PATH has but a script of a version manager that looks for it, which takes longer
    than what most of them do with it. It is that of this PATH all the same."""
    found = shutil.which("python3.11")
    if found is None:
        return []
    with open(found, "rb") as file:
        if file.read(2) != b"#!":
            return []
    done = subprocess.run([found, "-c", "import os, sys; print(os.path.dirname(sys.executable))"], text=True, cwd="/",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return [done.stdout.strip()] if done.returncode == 0 else []


@functools.cache
def go_settings():
    """Where Go keeps modules and gets them from; it would look for that in the HOME that tests do not see."""
    names = ["GOMODCACHE", "GOPROXY", "GOSUMDB"]
    env = setup.environment()
    env.setdefault("GOENV", os.path.join(env.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "go", "env"))
    try:
        with tempfile.TemporaryDirectory() as config:
            # or it starts a process of its own, which reports on it and may be there when we have ended
            telemetry = Path(config, "go", "telemetry")
            telemetry.mkdir(parents=True)
            (telemetry / "mode").write_text("off", encoding="ascii")
            told = subprocess.run(["go", "env", *names], cwd="/", env={**env, "XDG_CONFIG_HOME": config}, check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {name: value for name, value in zip(names, told) if value}


# ---- choosing


def load():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "check.ini", encoding="utf-8")
    return {name: Environment(name, parser[name]) for name in parser.sections()}


def named(everything, names):
    for name in names:
        if name not in everything:
            near = difflib.get_close_matches(name, everything, 1)
            raise Wrong(f"there is no environment '{name}'" + (f": did you mean '{near[0]}'?" if near else "; see ./check list"))
    return set(names)


def labelled(everything, labels):
    known = {label for environment in everything.values() for label in environment.labels} | {EVERYTHING}
    for label in labels:
        if label not in known:
            raise Wrong(f"no environment has the label '{label}'; there are: {', '.join(sorted(known))}")
    return {name for name, environment in everything.items() if set(labels) & set(environment.labels)
            or (EVERYTHING in labels and ASKED_FOR not in environment.labels)}


def with_needs(everything, chosen):
    """The chosen environments and all that they need, in the order of check.ini."""
    found, queue = set(chosen), list(chosen)
    while queue:
        for need in everything[queue.pop()].needs:
            if need not in found:
                found.add(need)
                queue.append(need)
    return [environment for name, environment in everything.items() if name in found]


def holds(expression, marks):
    """Does an expression for pytest's -m choose a test with these marks? None: it is no expression, and pytest will say so."""
    tokens = re.findall(r"[()]|[^\s()]+", expression)
    text = " ".join(token if token in ("and", "or", "not", "(", ")") else str(token in marks) for token in tokens)
    try:
        with warnings.catch_warnings(action="ignore"):
            return bool(eval(text, {"__builtins__": {}}))  # nothing but True, False, and, or, not
    except (SyntaxError, TypeError):
        return None


def picks(expression, tier):
    """Does it ask for this tier by name? `unit` and `unit and not slow` do, `not slow` does not."""
    return bool(holds(expression, {tier})) and not holds(expression, set())


def may_pick(expression, tier):
    """Can it choose any test of this tier, whatever else that is marked as?"""
    marks = [set(each) for size in range(len(MARKS) + 1) for each in itertools.combinations(MARKS, size)]
    return any(holds(expression, {tier, *more}) in (True, None) for more in marks)


def give_arguments(everything, names, args):
    """The arguments after the names go to these environments. Returns the names of those that run: a tier that pytest is asked
    for with -m may have tests in other environments, too."""
    chosen = [everything[name] for name in names]
    for environment in chosen:
        environment.take(args)
    for environment in chosen:
        expression = selection.value_of(environment.plan.options, "-m") if environment.is_pytest else None
        if expression and not environment.plan.choices:
            names = names | {other.name for other in everything.values() if other.tier and picks(expression, other.tier)}
    files = [item for environment in chosen if environment.each for item in items(environment.each)]
    choices = [choice for environment in chosen for choice in environment.plan.choices]
    problem = selection.unknown(choices, files)
    if problem:
        raise Wrong(problem)
    return {name for name in names if not everything[name].plan.choices or everything[name].files()}
