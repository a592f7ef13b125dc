"""What must hold before pytest files run, so that a red run speaks of the tests and not of a mistake in how they were started.

    check_programs(build)        the programs of that folder belong to this checkout, and start
    list_tests(argv, log, env)   all tests can be listed

A `NotReady` says in one sentence what does not hold.
"""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_S = 30
LIST_S = 100
MOST_ERRORS = 5
NOTHING_CHOSEN = 5  # pytest's exit code


class NotReady(Exception):
    """One sentence."""


def check_programs(build, root=ROOT):
    """The programs in the folder `build` are this checkout's own, and start; so is every other build beside it."""
    if not (root / build / "bin" / "lamina").exists():
        raise NotReady(f"{build}/bin/lamina is not there: build it, for example with ./check build")
    programs = sorted((root / build / "bin").iterdir())
    for path in [*programs, *sorted(root.glob("zig-out*"))]:
        if not path.resolve().is_relative_to(root.resolve()):
            raise NotReady(f"{path.relative_to(root)} is {path.resolve()}, of another checkout: remove it and run ./check build")
    version = re.search(r'\.version = "([^"]+)"', (root / "build.zig.zon").read_text(encoding="utf-8"))
    for program in programs:
        check_start(program, program.relative_to(root), version[1] if version else "")


def check_start(program, name, version):
    """The program starts, and is of this version."""
    try:
        done = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=START_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotReady(f"{name} --version does not end") from None
    except OSError as error:
        raise NotReady(f"{name} does not start: {error.strerror}") from None
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        raise NotReady(f"{name} does not start: exit code {done.returncode}: {said[-200:]}")
    if version and version not in said.split():
        raise NotReady(f"{name} is version '{said}' and not {version}, so it was built from other sources")


def why_not_listed(output):
    """What pytest says of why it could not collect, in one sentence."""
    broken = re.findall(r"^_+ ERROR collecting (\S+) _+$(.*?)(?=^_+ ERROR|^[=!-])", output, re.MULTILINE | re.DOTALL)
    if broken:
        reasons = re.findall(r"^E {2,}(.+)$", broken[0][1], re.MULTILINE) or broken[0][1].strip().splitlines()[-1:]
        more = f" (and {len(broken) - 1} more files)" if len(broken) > 1 else ""
        return f"tests/{broken[0][0]}: {reasons[0]}{more}"
    errors = re.findall(r"(?:^|collecting \.\.\. )(?:ERROR: (?!usage)|[^\n:]+: error: )(.+)$", output, re.MULTILINE)
    return "; ".join(errors[:MOST_ERRORS]) or (output.strip().splitlines() or ["pytest said nothing"])[-1]


def list_tests(argv, log, env):
    """Run pytest so that it writes the ids of the chosen tests beside its log. Returns them: file::test, from the top of the tree."""
    ids = log.with_suffix(".txt")
    try:
        done = subprocess.run([*argv, "--collect-only", f"--list-to={ids}"], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIST_S, check=False)
        said, output = None, done.stdout
    except subprocess.TimeoutExpired as late:
        said, output = f"that took more than {LIST_S} seconds", late.output or b""
    log.write_bytes(output)
    if said is None and (done.returncode not in (0, NOTHING_CHOSEN) or not ids.exists()):
        said = why_not_listed(output.decode(errors="replace"))
    if said is not None:
        raise NotReady(f"the tests cannot be listed: {said} (log: {log.relative_to(ROOT)})")
    return ids.read_text(encoding="utf-8").splitlines()
