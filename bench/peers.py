"""The others: scripts around `uv pip install` and an archiver, conda-pack, venvstacks. Each publishes a stack into a folder."""
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys

from common import BENCH, ROOT, measure

TAR = 'tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - {name} | {codec} > "$out/{name}.{suffix}"'
# name of the row: (archives' suffix, the line that packs one layer)
ARCHIVERS = {
    "tar-zstd": ("tar.zst", TAR.replace("{codec}", "zstd -q -3 -T0")),
    "tar-pigz": ("tar.gz", TAR.replace("{codec}", "pigz -n")),
    "tar-xz": ("tar.xz", TAR.replace("{codec}", "xz -T0")),
    "bsdtar": ("tar.zst", 'bsdtar -C "$work" --uid 0 --gid 0 --zstd --options zstd:compression-level=3 -cf "$out/{name}.{suffix}" {name}'),
}
CONDA_PACK = ROOT / "bench" / "conda-pack.txt"
VENVSTACKS = ROOT / "bench" / "requirements.txt"


def install_lines(stack, kind, table, build_name, target):
    """Shell lines that install what one layer has for itself: packages from uv's warm cache, modules."""
    minor = stack.python(table).rpartition(".")[0]
    site = f"{target}/lib/python{minor}/site-packages"
    yield f"mkdir -p {site}"
    if kind == "runtimes":
        yield f'tar -xf "{stack.archive(stack.python(table))}" --strip-components=1 -C {target}'
    pins = " ".join(f"'{pin}'" for pin in stack.packages(build_name, inherited=False))
    if pins:
        yield (f"uv pip install -q --no-deps --python-version {minor} --python-platform {platform.machine()}-manylinux_2_28 "
               f"--target {site} {pins}")
    for module in [table.get("launch_module"), *table.get("support_modules", [])]:
        if module:
            yield f'cp -r "{stack.folder / module}" {site}'


def write_script(path, lines):
    begin = ["#!/bin/bash", "set -euo pipefail", 'out=$1 work=$(mktemp -d -p "$2")', 'mkdir -p "$out"']
    path.write_text("\n".join([*begin, *lines, 'rm -rf "$work"', ""]), encoding="utf-8")


def script(stack, archiver, path):
    """What people write by hand: install each layer into a folder, tar it, compress it. Returns the archives' suffix."""
    suffix, pack = ARCHIVERS[archiver]
    lines = []
    for kind, table, build_name in stack.layers:
        lines += install_lines(stack, kind, table, build_name, f'"$work/{build_name}"')
        lines.append(pack.format(name=build_name, suffix=suffix))
    write_script(path, lines)
    return suffix


def conda_pack(stack, path, env):
    """conda-pack knows environments, not layers: one for each runtime, with all that stands on it, made by uv and not by conda."""
    python = virtual_environment("conda-pack", CONDA_PACK, env)
    lines = []
    for runtime in stack.tables["runtimes"]:
        name = f'"$work/{runtime["name"]}"'
        for kind, table, build_name in stack.layers:
            if stack.runtime(table) is runtime:
                lines += install_lines(stack, kind, table, build_name, name)
        lines.append(f"mkdir -p {name}/conda-meta; touch {name}/conda-meta/history")  # where conda-pack takes the time from
        lines.append(f'"{python.parent}/conda-pack" -q -j -1 -p {name} -o "$out/{runtime["name"]}.tar.gz"')
    write_script(path, lines)
    return "tar.gz"


def virtual_environment(name, requirements, env):
    """Pinned by digest. Returns its Python."""
    folder, stamp = BENCH / name, BENCH / name / "stamp"
    python, wanted = folder / "bin" / "python", requirements.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, folder], env=env, check=True)
        subprocess.run(["uv", "pip", "install", "-q", "--python", python, "--require-hashes", "-r", requirements], env=env, check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


class Venvstacks:
    """venvstacks as released, with the dependencies of its time, its runtime download replaced by the same archives.

    Its project stays below .tools, locked and with uv's cache warm, for as long as the stack is the same.
    """

    def __init__(self, stack, env):
        python = virtual_environment("venvstacks", VENVSTACKS, env)
        self.folder = BENCH / f"venvstacks-{stack.name}"
        self.env = {**env, "BENCH_RUNTIMES": str(archives(stack, BENCH / "runtimes"))}
        self.command = [python, ROOT / "bench" / "venvstacks_local.py"]
        text = spec(stack)
        stamp = BENCH / f"venvstacks-{stack.name}.sha256"
        wanted = hashlib.sha256(text.encode()).hexdigest()
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            (self.folder / "venvstacks.toml").write_text(text, encoding="utf-8")
            for modules in ("launch_modules", "support_modules"):
                if (stack.folder / modules).exists():
                    shutil.copytree(stack.folder / modules, self.folder / modules, ignore=shutil.ignore_patterns("__pycache__"))
            self.run("lock")
            self.run("build")  # warms uv's cache
            stamp.write_text(wanted, encoding="utf-8")

    def run(self, *words):
        return measure([*self.command, *words, self.folder / "venvstacks.toml"], self.env, self.folder)

    def first(self, out):
        for name in ("_build", "_artifacts"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        figures = self.run("build", "--publish")
        out.mkdir()
        for path in (self.folder / "_artifacts").rglob("*.tar.xz"):
            os.link(path, out / path.name)
        return figures

    def again(self):
        return self.run("build", "--publish")


def spec(stack):
    """The same stack for venvstacks: every layer requires exactly what our lock pins."""
    lines = []
    for kind, table, build_name in stack.layers:
        lines += [f"[[{kind}]]", f"name = {json.dumps(table['name'])}"]
        for key in ("python_implementation", "runtime", "frameworks", "versioned", "launch_module", "support_modules"):
            if key in table:
                lines.append(f"{key} = {json.dumps(table[key])}")
        lines += [f"requirements = {json.dumps(list(stack.packages(build_name, inherited=True)))}", ""]
    return "\n".join(lines)


def archives(stack, folder):
    folder.mkdir(exist_ok=True)
    for kind, table, _ in stack.layers:
        if kind != "runtimes":
            continue
        source = stack.archive(stack.python(table))
        target = folder / (source.name + ".gz")
        if not target.exists():
            with open(source, "rb") as plain, gzip.open(f"{target}.partial", "wb", 1) as packed:
                shutil.copyfileobj(plain, packed)
            os.rename(f"{target}.partial", target)
    return folder
