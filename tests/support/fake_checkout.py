"""A small checkout with this one's `check`, misc and conftest.py, but with tests and programs of a test's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import paths
import setup
from run import run

INI = """\
[DEFAULT]
labels = ci
counts = exit
timeout_s = 60

[test]
about = pytest
each = pytest-files
command = misc/confined {python} -m pytest -v --tb=short -rs -o cache_dir={cache} --junit-xml={junit} {item}
marks = not slow
counts = junit

[echo]
about = tells its arguments
labels = manual
command = echo told:
"""
TIERS = "[unit]\na\n[contract]\nb\n[live_drift]\nlive\n"
PROGRAM = "#!/bin/sh\necho lamina 0.1.0\n"


class FakeCheckout:
    def __init__(self, folder):
        self.folder = Path(folder)
        shutil.copytree(paths.ROOT / "misc", self.folder / "misc", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("check", "tests/conftest.py", "tests/pytest.ini", "build.zig.zon"):
            self.write(name, (paths.ROOT / name).read_text(encoding="utf-8"))
        shutil.copytree(paths.TESTS / "support", self.folder / "tests" / "support", ignore=shutil.ignore_patterns("__pycache__"))
        self.write("check.ini", INI)
        self.write("tests/tiers.ini", TIERS)
        self.write("tests/known_flaky.txt", "")
        self.write("zig-out/bin/lamina", PROGRAM).chmod(0o755)
        self.write(".gitignore", ".tools/\nzig-out*/\n__pycache__/\n.pytest_cache/\n")
        self.write(".tools/stamp.check", setup.inputs_digest("check"))
        for name, target in (("venv", sys.prefix), ("bin", paths.TOOLS / "bin")):
            (self.folder / ".tools" / name).symlink_to(target)
        subprocess.run(["git", "init", "-q", "-b", "main", self.folder], check=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def commit(self, message="all"):
        git = ["git", "-C", self.folder, "-c", "user.name=T", "-c", "user.email=t@example.org"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", message], check=True)

    def check(self, *args, env={}, **options):
        return run(sys.executable, self.folder / "check", *args, cwd=self.folder, env={"LAMINA_CHECK_PATIENCE": "1", **env}, **options)

    def said(self, *args, code=None):
        """The lines that ./check prints with these arguments, without times and with CHECKOUT for its folder."""
        result = self.check(*args)
        if code is not None:
            assert result.code == code, result
        assert result.err == "", result
        text = result.out.replace(os.fspath(self.folder), "CHECKOUT")
        return [line.rpartition("  ")[0].rstrip() if line.endswith(" s") else line for line in text.splitlines()]
