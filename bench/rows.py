"""What bench/run measures: each row of its tables, run once at a time."""
import os
import shutil
import tempfile

import common
import peers
import stacks
from common import BENCH, LAMINA, measure

ARCHIVERS = ("tar-zstd", "tar-pigz", "tar-xz", "bsdtar", "conda-pack")
LAMINA_OPTIONS = {"lamina": [], "max": ["--level", "max"], "xz": ["--format", "tar.xz"]}
SUFFIX = {"lamina": "tar.zst", "max": "tar.zst", "xz": "tar.xz", "venvstacks": "tar.xz"}
READ = {"tar.zst": "zstd -dcq", "tar.xz": "xz -dc"}
TITLES = {  # in the order in which they run: what needs another row comes after it
    "lamina": "`lamina build --publish`",
    "noop": "`lamina build --publish`, nothing changed",
    "floor": "floor: read, inflate, hash, compress, hash, write in a bare C loop",
    "tar-zstd": "`uv pip install`, GNU `tar`, `zstd -3 -T0`",
    "tar-pigz": "`uv pip install`, GNU `tar`, `pigz`",
    "tar-xz": "`uv pip install`, GNU `tar`, `xz -T0`",
    "bsdtar": "`uv pip install`, `bsdtar --zstd`",
    "conda-pack": "`uv pip install`, `conda-pack -j -1` (tar.gz)",
    "venvstacks": "venvstacks 0.7.0 `build --publish`",
    "venvstacks-noop": "venvstacks 0.7.0, nothing changed",
    "max": "`lamina build --publish --level max`",
    "xz": "`lamina build --publish --format tar.xz`",
    "change-first": "`lamina publish` of the large layer alone",
    "change": "the same after one small package in it changed",
    "floor-inflate": "floor: `unzip -p` of the wheels",
    "floor-sha256": "floor: `openssl dgst -sha256` of the plain tars",
    "floor-write": "floor: `cp` of the plain tars",
}
TITLES.update({f"{kind}-{row}": f"{words} {whose}"
               for kind, words in (("read", "decompress to nowhere:"), ("unpack", "unpack with GNU `tar`:"),
                                   ("deploy", "`lamina unpack`:"))
               for row, whose in (("lamina", "lamina's tar.zst"), ("max", "lamina's tar.zst of `--level max`"),
                                  ("xz", "lamina's tar.xz"), ("venvstacks", "venvstacks' tar.xz"))})


def memory_folder():
    """What is unpacked goes here: ext4 remembers for minutes which inodes were deleted, and would count earlier rows against later ones."""
    return tempfile.TemporaryDirectory(prefix="lamina-bench-", dir="/dev/shm")


class Rows:
    """The rows of one stack, in a work folder that has their results: a folder for each."""

    def __init__(self, stack, env, work):
        self.stack, self.env, self.work = stack, env, work
        self.last = None
        self.changed = None      # the stack with one package changed
        self.venvstacks = None   # its project
        self.uv_is_warm = False
        self.publish("plain", "--format", "tar")  # the store has all sources

    def prepare(self, row):
        """Whatever is made once for a row and stays below .tools: environments, locks, warm caches."""
        if row.startswith("change") and self.changed is None:
            self.changed = stacks.changed(self.stack, self.env)
            self.publish_layer(self.changed.spec)  # the store has the other package
        if row in ARCHIVERS:
            path = self.work / f"{row}.sh"
            suffix = peers.conda_pack(self.stack, path, self.env) if row == "conda-pack" else peers.script(self.stack, row, path)
            if not self.uv_is_warm:
                measure(["bash", path, self.fresh(row), self.work], self.env)
                self.uv_is_warm = True
            return suffix
        if row.endswith(("venvstacks", "venvstacks-noop")) and self.venvstacks is None:
            self.venvstacks = peers.Venvstacks(self.stack, self.env)
        return None

    def run(self, row):
        """Figures of one run, with the bytes published where it publishes."""
        if row in LAMINA_OPTIONS:
            figures = self.publish(row, *LAMINA_OPTIONS[row])
        elif row in ARCHIVERS:
            figures = self.script(row)
        elif row.startswith(("read-", "unpack-", "deploy-", "floor-")):
            kind, _, of = row.partition("-")
            figures = {"read": self.read, "unpack": self.unpack, "deploy": self.deploy, "floor": self.part_of_floor}[kind](of)
        else:
            figures = {"noop": self.nothing, "floor": self.floor, "venvstacks": self.venvstacks_first, "change": self.change,
                       "venvstacks-noop": self.venvstacks_again, "change-first": self.change_first}[row]()
        self.last = row
        return figures

    def fresh(self, row):
        shutil.rmtree(self.work / row, ignore_errors=True)
        return self.work / row

    def of(self, row):
        """The archives of a row that ran before, or else runs now."""
        if not (self.work / row).exists():
            self.run(row)
        return sorted((self.work / row).glob(f"*.{SUFFIX[row]}"))

    def with_size(self, figures, row, suffix):
        return {**figures, "bytes": common.size_of(self.work / row, suffix)}

    # ---- lamina

    def publish(self, row, *options):
        """With no segment compressed before."""
        out = self.fresh(row)
        shutil.rmtree(BENCH / "store" / "segments", ignore_errors=True)
        figures = measure([LAMINA, "build", "-q", "--publish", *options, self.stack.spec, out], self.env)
        return self.with_size(figures, row, SUFFIX.get(row, ".tar"))

    def nothing(self):
        self.of("lamina")
        return measure([LAMINA, "build", "-q", "--publish", self.stack.spec, self.work / "lamina"], self.env)

    def publish_layer(self, spec):
        layer, out = stacks.CHANGES[self.stack.name][0], self.work / "layer"
        figures = measure([LAMINA, "publish", "-q", "--include", layer, "-o", out, spec], self.env)
        return self.with_size(figures, "layer", SUFFIX["lamina"])

    def change_first(self):
        self.prepare("change")
        self.fresh("layer")
        shutil.rmtree(BENCH / "store" / "segments")
        return self.publish_layer(self.stack.spec)

    def change(self):
        if self.last != "change-first":
            self.change_first()
        return self.publish_layer(self.changed.spec)

    # ---- the others

    def script(self, row):
        suffix = self.prepare(row)
        return self.with_size(measure(["bash", self.work / f"{row}.sh", self.fresh(row), self.work], self.env), row, suffix)

    def venvstacks_first(self):
        self.prepare("venvstacks")
        return self.with_size(self.venvstacks.first(self.fresh("venvstacks")), "venvstacks", SUFFIX["venvstacks"])

    def venvstacks_again(self):
        self.of("venvstacks")
        return self.venvstacks.again()

    # ---- archives

    def read(self, row):
        each = f'for path; do {READ[SUFFIX[row]]} "$path" || exit 1; done > /dev/null'
        return measure(["sh", "-c", each, "sh", *self.of(row)], self.env)

    def unpack(self, row):
        paths = self.of(row)
        with memory_folder() as folder:
            return measure(["sh", "-c", 'for path; do tar -xf "$path" || exit 1; done', "sh", *paths], self.env, folder)

    def deploy(self, row):
        """With the digests of the metadata beside them; venvstacks' archive is one stream, which takes one thread."""
        paths = self.of(row)
        with memory_folder() as folder:
            return measure([LAMINA, "unpack", "-q", "-C", folder, *paths], self.env)

    # ---- floors

    def floor(self):
        out = self.fresh("floor")
        figures = measure([BENCH / "bench" / "bench_floor", out, os.cpu_count(), *self.stack.sources()], self.env)
        return {**figures, "bytes": out.stat().st_size}

    def part_of_floor(self, part):
        plain = sorted((self.work / "plain").glob("*.tar"))
        if part == "inflate":
            wheels = [path for path in self.stack.sources() if path.suffix != ".tar"]
            return measure(["sh", "-c", 'for path; do unzip -qqp "$path" || exit 1; done > /dev/null', "sh", *wheels], self.env)
        if part == "sha256":
            return measure(["openssl", "dgst", "-sha256", *plain], self.env)
        out = self.fresh("copies")
        out.mkdir()
        figures = measure(["cp", "--reflink=never", *plain, out], self.env)
        self.fresh("copies")
        return figures
