"""What the benchmarks share: the program, built once; measured processes; tables, raw figures and places in documents for them."""
import datetime
import hashlib
import json
import os
import platform
import re
import shutil
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
LAMINA_BATCH = BENCH / "bin" / "lamina-batch"
DOCUMENT = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "bench" / "results"
# how a program says its version, where it is not `PROGRAM --version`; the first number with a point is taken
VERSION = {"lamina": [LAMINA, "--version"], "lamina-batch": [LAMINA_BATCH, "--version"], "openssl": ["openssl", "version"],
           "unzip": ["unzip", "-v"]}


def prepare():
    """Build lamina as it is released and get the sample's runtimes. Returns the environment for everything that is measured."""
    setup.prepare("demo")
    BENCH.mkdir(parents=True, exist_ok=True)
    env = setup.environment()
    env.update(LAMINA_STORE=str(BENCH / "store"), LAMINA_STATE=str(BENCH / "state"))
    subprocess.run([ROOT / "misc" / "fetch_runtimes", "-q"], env=env, check=True)
    build(env)
    return env


def build(env, *steps):
    subprocess.run(["zig", "build", *steps, "-Doptimize=safe", "-p", BENCH], cwd=ROOT, env=env, check=True)


def need(packages):
    """Ends the program when one of {program: package of Debian} is not there."""
    missing = [package for program, package in packages.items() if shutil.which(program) is None]
    if missing:
        sys.exit(f"bench: not installed: apt-get install {' '.join(missing)}")


def measure(command, env, cwd=ROOT, code=0):
    """Run to the end: wall seconds, CPU seconds of it and its children, largest process in MiB."""
    log = BENCH / f"last-{os.getpid()}.log"
    with open(log, "wb") as out:
        start = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        sys.exit(f"bench: {command[0]} failed with exit code {process.returncode}, see {log}")
    log.unlink()
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": round(wall, 3), "cpu": round(cpu, 3), "memory": round(usage.ru_maxrss / 1024, 1)}


def median(results):
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def size_of(folder, suffix):
    return sum(path.stat().st_size for path in Path(folder).rglob(f"*{suffix}"))


# ---- the machine


def first_number(command, env):
    try:
        told = subprocess.run(list(map(str, command)), env=env, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT).stdout
    except OSError:
        return None
    found = re.search(r"\d+\.\d[\w.]*", told) or re.search(r"\d+", told)
    return found and found[0]


def processor():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def digest_of(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] if Path(path).exists() else None


def machine(env, *programs):
    """Facts without which figures say nothing, and the versions of these programs."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    versions = {name: first_number(VERSION.get(name, [name, "--version"]), env) for name in programs}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE).stdout
    return {"date": datetime.date.today().isoformat(), "commit": commit.strip(), "program": digest_of(LAMINA), "processor": processor(),
            "processors": os.cpu_count(),
            "memory_gib": round(memory / 2**30), "kernel": platform.release(), "python": platform.python_version(),
            "load_before": round(os.getloadavg()[0], 1), "versions": versions}


def about(facts):
    """One sentence of them."""
    versions = ", ".join(f"{name} {text}" for name, text in facts["versions"].items())
    return (f"Measured on {facts['date']} with {facts['processors']} processors ({facts['processor']}), {facts['memory_gib']} GiB, "
            f"Linux {facts['kernel']}; load before {facts['load_before']}. {versions}.")


# ---- results


def table(head, rows):
    """A Markdown table: what begins with a colon in `head` is to the left, all else to the right."""
    lines = [[name.removeprefix(":") for name in head], ["---" if name.startswith(":") else "---:" for name in head], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def save(name, data):
    """Raw figures into bench/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def load(name):
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def write(script, text, document=DOCUMENT):
    """Put tables into a document, where it says that this script writes."""
    begin, end = f"<!-- {script} writes from here -->\n", "<!-- to here -->\n"
    head, rest = document.read_text(encoding="utf-8").split(begin)
    document.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
