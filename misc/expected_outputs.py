#!/usr/bin/env python3
"""The committed expected outputs of the sample project: whether they are due, and making them again.

    misc/expected_outputs.py due                           a line for each reason to update them; exit code 1 when there is one
    misc/expected_outputs.py update [FILE] [--tests ARG]   make them again; the list of changed files goes to FILE too

`update` stops when a test that does not depend on the expected outputs fails, locks the sample project again, publishes it
for all platforms, runs the batch runner's sample, and replaces sample_project/requirements, expected_outputs/<platform> and
expected_outputs/batch when anything differs. It fails,
and writes nothing, when nothing changed: an update was expected. A changed input (a spec, a launch module, an injected
file) without any effect is no failure; it is recorded, and said. expected_outputs/state.json is that record.

  --tests ARG      only these tests first (an argument of `./check test --`; repeatable)
  --root DIR       the tree (default: this checkout)
  --lamina PROGRAM, --store DIR   default: what ./check builds and uses
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import published  # noqa: E402

# What outputs are made from, other than the code that makes them: a change there is an update.
INPUTS = [
    "sample_project/venvstacks.toml", "sample_project/launch_modules", "sample_project/support_modules",
    "sample_project/requirements", "sample_project/runtimes/SHA256SUMS", "src/layer/postinstall.py", "src/layer/interpreter.c",
    "sample_project/batch-runner/venvstacks.toml", "sample_project/batch-runner/launch_modules", "sample_project/batch-runner/inputs",
    "sample_project/batch-runner/cassette", "sample_project/batch-runner/requirements/cpython-3.11",
    "sample_project/batch-runner/requirements/framework-arrow", "misc/run_batch_sample.sh",
]
LAYOUT = ("src/steps/plan.c", re.compile(r"\bLAYER_LAYOUT = (\d+)"))
UV_PIN = ("misc/tools-requirements.txt", re.compile(r"^uv==(\S+)", re.MULTILINE))
REQUEST = re.compile(r"^# update: (.*)$", re.MULTILINE)
# name in config.toml: name for pkg-config
LIBRARIES = {"zstd": "libzstd", "zlib": "zlib", "liblzma": "liblzma", "libdeflate": "libdeflate"}


class Failure(Exception):
    """Ends the script with one sentence."""


class Tree:
    """The files of a checkout that this script reads and writes."""

    def __init__(self, root):
        self.root = root
        self.sample = root / "sample_project"
        self.spec = self.sample / "venvstacks.toml"
        self.expected = root / "expected_outputs"
        self.config_path = self.expected / "config.toml"
        self.state_path = self.expected / "state.json"

    def config(self):
        try:
            text = self.config_path.read_text(encoding="utf-8")
            return text, tomllib.loads(text)
        except OSError as error:
            raise Failure(f"cannot read {self.config_path}: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise Failure(f"{self.config_path}: {error}") from None

    def inputs(self):
        """SHA-256 of each input file, by path."""
        found = {}
        for name in INPUTS:
            path = self.root / name
            paths = sorted(path.rglob("*")) if path.is_dir() else [path]
            found.update({file.relative_to(self.root).as_posix(): published.digest(file) for file in paths
                          if file.is_file() and "__pycache__" not in file.parts})
        return found

    def state(self):
        """What the expected outputs depend on, as it is now."""
        text, config = self.config()
        return {"inputs": self.inputs(), "pins": published.leaves(config), "requests": REQUEST.findall(text)}

    def recorded(self):
        try:
            return json.loads(self.state_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Failure(f"cannot read {self.state_path}: {error}") from None


# ---- whether an update is due


def changes(was, now, kind):
    told = []
    for name in sorted(was.keys() | now.keys()):
        if name not in was:
            told.append(f"{kind}{name} is new")
        elif name not in now:
            told.append(f"{kind}{name} is gone")
        elif was[name] != now[name]:
            told.append(f"{kind}{name} changed" + (f" from {was[name]} to {now[name]}" if kind else ""))
    return told


def reasons(tree):
    """Why an update is due: (changed inputs and pins, new requests)."""
    was, now = tree.recorded(), tree.state()
    if was is None:
        return ["expected_outputs/state.json, the record of what they were made from, is not there"], []
    changed = changes(was["inputs"], now["inputs"], "") + changes(was["pins"], now["pins"], "pin ")
    requests = [f"requested in config.toml: {text}" for text in now["requests"] if text not in was["requests"]]
    return changed, requests


def wrong_pins(tree):
    """Pins that are not what this tree has."""
    _, config = tree.config()
    told = []
    for (name, pattern), section, key in ((LAYOUT, "lamina", "layer_layout"), (UV_PIN, "tools", "uv")):
        found = pattern.search((tree.root / name).read_text(encoding="utf-8"))
        pin = config.get(section, {}).get(key)
        if found and str(pin) != found[1]:
            told.append(f"{key} is {found[1]} in {name}, and {pin} in expected_outputs/config.toml")
    lines = (tree.sample / "runtimes" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    told += [f"runtime {line}, says sample_project/runtimes/SHA256SUMS against expected_outputs/config.toml"
             for line in changes(config.get("runtimes", {}), sums, "")]
    return told


def due(tree):
    changed, requests = reasons(tree)
    told = wrong_pins(tree) + changed + requests
    for line in told:
        print(line)
    if told:
        print("an update of the expected outputs is due: run misc/update_expected_outputs.sh and commit what it lists")
    return 1 if told else 0


# ---- making them again


def other_libraries(tree):
    """Pinned libraries of which this machine has another version."""
    _, config = tree.config()
    told = []
    for name, pin in config.get("libraries", {}).items():
        done = subprocess.run(["pkg-config", "--modversion", LIBRARIES.get(name, name)], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        here = done.stdout.strip() or "not there"
        if here != pin:
            told.append(f"{name} is {here} on this machine, and {pin} in expected_outputs/config.toml")
    return told


def run(argv, what, **options):
    code = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, **options).returncode
    if code != 0:
        raise Failure(f"{what}: exit code {code}")


def run_tests(tree, tests):
    print("tests that do not depend on the expected outputs", file=sys.stderr, flush=True)
    run([tree.root / "check", "test", "e2e", "--", "-m", "not expected_output", *tests], "stopped, nothing is changed: the tests failed",
        cwd=tree.root, stdout=sys.stderr)


def copy_sample(tree, folder):
    """A copy to lock and publish in; the runtime archives are links."""
    shutil.copytree(tree.sample, folder, ignore=shutil.ignore_patterns("runtimes", "_build", "_artifacts", "_export", "__pycache__"))
    (folder / "runtimes").mkdir()
    for path in (tree.sample / "runtimes").iterdir():
        (folder / "runtimes" / path.name).symlink_to(path)
    return folder / "venvstacks.toml"


def make(tree, lamina, store, scratch):
    """Lock and publish in `scratch`. Returns {folder of the tree: the new one}."""
    spec = copy_sample(tree, scratch / "sample_project")
    env = dict(os.environ, LAMINA_STATE=str(scratch / "state"))
    env["PATH"] = os.pathsep.join([str(tree.root / ".tools" / "bin"), env.get("PATH", os.defpath)])
    for name in ("SOURCE_DATE_EPOCH", "LAMINA_STORE", "LAMINA_RUNTIME_MIRROR"):
        env.pop(name, None)
    options = {"env": env, "stdout": sys.stderr}
    run([lamina, "lock", "-q", "--store", store, spec], "locking failed, nothing is changed", **options)
    run([lamina, "publish", "-q", "--store", store, "--platform", "all", "--output-dir", scratch / "out", spec],
        "publishing failed, nothing is changed", **options)
    made = {tree.sample / "requirements": spec.parent / "requirements"}
    for folder in sorted((scratch / "out").iterdir()):
        made[tree.expected / folder.name / published.METADATA] = folder / published.METADATA
    batch = tree.root / "misc" / "run_batch_sample.sh"
    if batch.exists():
        env.update(LAMINA=str(lamina), LAMINA_BATCH=str(lamina.parent / "lamina-batch"), LAMINA_STORE=str(store))
        run([batch, "--update", scratch / "batch"], "the batch runner's sample failed, nothing is changed", **options)
        made[tree.expected / "batch"] = scratch / "batch"
    return made


def changed_files(tree, made):
    """Paths in the tree of what was added, removed or changed, and folders of platforms that are gone."""
    changed = []
    gone = [folder for folder in tree.expected.glob(f"*/{published.METADATA}") if folder not in made]
    for folder, new in [*made.items(), *((folder, Path(os.devnull)) for folder in gone)]:
        before, after = published.files(folder), published.files(new)
        changed += [folder / name for name in before.keys() | after.keys()
                    if name not in before or name not in after or published.digest(before[name]) != published.digest(after[name])]
    return sorted(path.relative_to(tree.root).as_posix() for path in changed), gone


def replace(made, gone):
    for folder in gone:
        shutil.rmtree(folder.parent)
    for folder, new in made.items():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(new, folder)


def write_state(tree):
    tree.state_path.write_text(json.dumps(tree.state(), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def update(tree, options):
    wrong = wrong_pins(tree) + other_libraries(tree)
    if wrong:
        raise Failure("nothing is changed: the pins are not what is here; change one or the other\n  " + "\n  ".join(wrong))
    changed, requests = reasons(tree)
    for line in changed + requests:
        print(line, file=sys.stderr)
    run_tests(tree, options.tests)
    with tempfile.TemporaryDirectory(prefix="expected-outputs-") as scratch:
        made = make(tree, options.lamina, options.store, Path(scratch))
        paths, gone = changed_files(tree, made)
        if not paths and not changed:
            raise Failure("an update was requested, and nothing changed: withdraw the request in expected_outputs/config.toml"
                          if requests else "nothing changed: there was nothing to update")
        replace(made, gone)
    if not paths:
        print("no output changed; what did change has no effect on them", file=sys.stderr)
    write_state(tree)
    text = "".join(f"{path}\n" for path in [*paths, tree.state_path.relative_to(tree.root).as_posix()])
    print(text, end="")
    if options.file:
        options.file.write_text(text, encoding="utf-8")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["due", "update"])
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
    parser.add_argument("--tests", action="append", default=[], metavar="ARG")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--lamina", type=Path)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    tree = Tree(options.root.resolve())
    options.lamina = (options.lamina or tree.root / "zig-out" / "bin" / "lamina").resolve()
    options.store = (options.store or tree.root / ".tools" / "cache" / "lamina").resolve()
    try:
        return due(tree) if options.what == "due" else update(tree, options)
    except Failure as failure:
        print(f"expected_outputs: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
