"""The stacks that are measured: the sample project, and a large one of about 1 GiB that is written and locked here."""
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib

from common import BENCH, LAMINA, SAMPLE

HOST = f"linux_{platform.machine()}"
RUNTIME = f"cpython-3.11.11-{platform.machine()}-unknown-linux-gnu-install_only.tar"
LARGE = """\
[[runtimes]]
name = "python"
python_implementation = "cpython@3.11.11"
requirements = ["numpy"]
platforms = ["{host}"]
linux_target = "glibc@2.28"

[[frameworks]]
name = "science"
runtime = "python"
requirements = ["httpx", "matplotlib", "pandas", "pyarrow", "scikit-learn", "scipy"]

[[frameworks]]
name = "compute"
runtime = "python"
requirements = ["llvmlite", "numba", "opencv-python-headless", "polars"]

[[applications]]
name = "report"
launch_module = "launch_modules/report.py"
frameworks = ["science", "compute"]
requirements = ["pandas", "polars"]

[tool.uv]
exclude-newer = "2026-06-01T00:00:00Z"

[tool.lamina]
lock_urls = false

[[tool.lamina.runtime_archives]]
implementation = "cpython@3.11.11"
platform = "{host}"
path = "runtimes/{archive}"
sha256 = "{sha256}"
"""
# of each stack: its large layer, where that says what it requires, and what is added there: a small package in another version
CHANGES = {"sample": ("sklearn", 'runtime = "cpython-3.14"\nrequirements = ["scikit-learn"', ', "threadpoolctl==3.5.0"'),
           "large": ("science", '"scikit-learn", "scipy"', ', "threadpoolctl==3.5.0"')}


class Stack:
    """The layers that a project has for this host, with the packages that its locks pin."""

    def __init__(self, name, folder):
        self.name, self.folder, self.spec = name, folder, folder / "venvstacks.toml"
        self.tables = tomllib.loads(self.spec.read_text(encoding="utf-8"))
        self.layers = []  # (kind, table, build name)
        for kind, prefix in (("runtimes", ""), ("frameworks", "framework-"), ("applications", "app-")):
            for table in self.tables[kind]:
                if HOST in table.get("platforms", [HOST]):
                    self.layers.append((kind, table, prefix + table["name"]))

    def packages(self, build_name, inherited):
        path = self.folder / "requirements" / build_name / f"packages-{build_name}.txt"
        for line in path.read_text(encoding="utf-8").splitlines():
            pin, _, source = line.partition("  # from ")
            if pin and not pin.startswith("#") and (inherited or not source):
                yield pin

    def runtime(self, table):
        """The table of the runtime below a layer."""
        while "runtime" not in table and "python_implementation" not in table:
            table = next(t for t in self.tables["frameworks"] if t["name"] == table["frameworks"][0])
        if "runtime" in table:
            table = next(t for t in self.tables["runtimes"] if t["name"] == table["runtime"])
        return table

    def python(self, table):
        return self.runtime(table)["python_implementation"].partition("@")[2]

    def archive(self, version):
        """The runtime's archive, not compressed."""
        for table in self.tables["tool"]["lamina"]["runtime_archives"]:
            if table["implementation"] == f"cpython@{version}" and table["platform"] == HOST:
                return self.folder / table["path"]
        sys.exit(f"bench: {self.spec} names no archive of cpython {version} for {HOST}")

    def sources(self):
        """Everything that a publish for this host reads: wheels in lamina's store, archives of runtimes."""
        paths = []
        for kind, table, build_name in self.layers:
            if kind == "runtimes":
                paths.append(self.archive(self.python(table)))
            lock = self.folder / "requirements" / build_name / f"pylock.{build_name}.toml"
            for package in tomllib.loads(lock.read_text(encoding="utf-8")).get("packages", []):
                for wheel in package.get("wheels", []):
                    tag = wheel["path"].removesuffix(".whl").rpartition("-")[2]
                    if tag == "any" or ("linux" in tag and tag.endswith(platform.machine())):
                        digest = wheel["hashes"]["sha256"]
                        paths.append(BENCH / "store" / "sources" / digest[:2] / digest[2:])
        return paths


def lock(folder, env):
    subprocess.run([LAMINA, "lock", "-q", "--if-needed", folder / "venvstacks.toml"], env=env, check=True)


def link_runtimes(folder):
    (folder / "runtimes").mkdir(parents=True, exist_ok=True)
    for source in (SAMPLE / "runtimes").glob("*.tar"):
        target = folder / "runtimes" / source.name
        if not target.exists():
            os.link(source, target)


def large(env):
    """The large stack, in a scratch folder that stays; its locks are made the first time."""
    folder = BENCH / "large"
    lines = (SAMPLE / "runtimes" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sha256 = next(line.split("  ")[0] for line in lines if line.endswith(RUNTIME))
    text = LARGE.format(host=HOST, archive=RUNTIME, sha256=sha256)
    (folder / "launch_modules").mkdir(parents=True, exist_ok=True)
    (folder / "venvstacks.toml").write_text(text, encoding="utf-8")
    (folder / "launch_modules" / "report.py").write_text("import pandas, polars\n\nprint(pandas, polars)\n", encoding="utf-8")
    link_runtimes(folder)
    subprocess.run(["git", "init", "-q", folder], check=True)  # or git would ignore the modules, being below .tools
    lock(folder, env)
    return Stack("large", folder)


def get(name, env):
    return large(env) if name == "large" else Stack("sample", SAMPLE)


def changed(stack, env):
    """The same stack with one small package of its large layer in another version. Made once for each state of the stack's locks."""
    _, after, more = CHANGES[stack.name]
    digest = hashlib.sha256(stack.spec.read_bytes())
    for path in sorted((stack.folder / "requirements").rglob("pylock.*")):
        digest.update(path.read_bytes())
    folder, stamp = BENCH / f"{stack.name}-changed", BENCH / f"{stack.name}-changed.json"
    wanted = json.dumps([digest.hexdigest(), after, more])
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(stack.folder, folder, ignore=shutil.ignore_patterns("runtimes", "__pycache__", ".git", "_*", "batch-runner"))
        link_runtimes(folder)
        subprocess.run(["git", "init", "-q", folder], check=True)
        spec = folder / "venvstacks.toml"
        text = spec.read_text(encoding="utf-8")
        if text.count(after) != 1:
            sys.exit(f"bench: {after!r} is not once in {stack.spec}")
        spec.write_text(text.replace(after, after + more), encoding="utf-8")
        lock(folder, env)
        stamp.write_text(wanted, encoding="utf-8")
    return Stack(stack.name, folder)
