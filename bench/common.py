"""What the benchmarks share: the program, built once; measured processes; a place in docs/performance.md."""
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "misc"))
import setup  # noqa: E402

BENCH = ROOT / ".tools" / "bench"
SAMPLE = ROOT / "sample_project"
LAMINA = BENCH / "bin" / "lamina"
DOCUMENT = ROOT / "docs" / "performance.md"


def prepare():
    """Build lamina as it is released and get the sample's runtimes. Returns the environment for everything that is measured."""
    setup.prepare("demo")
    BENCH.mkdir(parents=True, exist_ok=True)
    env = setup.environment()
    env.update(LAMINA_STORE=str(BENCH / "store"), LAMINA_STATE=str(BENCH / "state"))
    subprocess.run([ROOT / "misc" / "fetch_runtimes", "-q"], env=env, check=True)
    subprocess.run(["zig", "build", "-Doptimize=safe", "-p", BENCH], cwd=ROOT, env=env, check=True)
    return env


def measure(command, env, cwd=ROOT, code=0):
    """Run to the end: wall seconds, CPU seconds of it and its children, largest process in MiB."""
    log = BENCH / "last.log"
    with open(log, "wb") as out:
        start = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        sys.exit(f"bench: {command[0]} failed with exit code {process.returncode}, see {log}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}


def median(results):
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def write(script, text):
    """Put the table into docs/performance.md, where it says that this script writes."""
    begin, end = f"<!-- {script} writes from here -->\n", "<!-- to here -->\n"
    head, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}")
