"""misc/repro: each variation is in force, and a program that lets one of them into its output is found out.

In place of lamina runs a script that leaks one thing; so these tests take moments, and need no network."""

import importlib.machinery
import importlib.util
import platform
import subprocess
import sys

import paths
import pytest

sys.path.insert(0, str(paths.ROOT / "misc"))
import variations
from variations import VARIATIONS

HOST = f"linux_{platform.machine()}"
# called as: lamina lock ... SPEC, lamina publish ... --output-dir OUT SPEC
FAKE = r"""#!/bin/sh
set -eu
kind=$1 jobs= out= spec=
while [ $# -gt 0 ]; do
	case $1 in
	--jobs) jobs=$2; shift ;;
	--output-dir) out=$2; shift ;;
	*) spec=$1 ;;
	esac
	shift
done
sample=${spec%/*}
umask_before=$(umask)
umask 022
leak() { LEAK; }
if [ "$kind" = lock ]; then
	LOCK
	exit 0
fi
if [ "$kind" = diff ]; then
	echo "different  layer"
	exit 3
fi
mkdir -p "$out/HOST/__venvstacks__/entries"
echo "link a b" > "$out/HOST/__venvstacks__/entries/layer.txt"
leak > "$out/archive.tar"
""".replace("HOST", HOST)
NOTHING = "echo nothing"
LEAKS = {
    "aslr": "sed -n 's/-.* \\[stack\\]//p' /proc/self/maps",
    "build_path": "echo \"$sample\"",
    "cpu_features": "env | grep -c -e OPENSSL_ia32cap -e GLIBC_TUNABLES || true",
    "domain_host": "uname -n",
    "environment": "env | cut -d= -f1 | sort",
    "exec_path": "echo \"$PATH\"",
    "file_order": "ls -U \"$sample/many\"",
    "file_system": "stat -f -c %T \"$out\"",
    "file_times": "stat -c %y \"$sample/many/a\"",
    "home": "echo ~",
    "jobs": "echo $jobs",
    "kernel": "uname -r",
    "locales": "printf 'b\\nA\\n\\303\\274\\n' | sort; date -d 2020-01-01 +%B",
    "num_cpus": "nproc",
    "time": "date +%Y",
    "timezone": "date -d @0 +%H:%M",
    "umask": "umask $umask_before; touch \"$out/probe\"; stat -c %a \"$out/probe\"; rm \"$out/probe\"",
    "user_group": "id -un",
}


@pytest.fixture
def repro(tmp_path, run, root):
    """repro("--vary", "time", leak="date", lock="true") -> Result."""
    sample = tmp_path / "sample"
    (sample / "requirements" / "base").mkdir(parents=True)
    (sample / "requirements" / "base" / "packages-base.txt").write_text("", encoding="utf-8")
    (sample / "many").mkdir()
    for name in "abcdefghijklmnop":
        (sample / "many" / name).write_text("", encoding="utf-8")
    (sample / "venvstacks.toml").write_text("", encoding="utf-8")

    def call(*args, leak=NOTHING, lock="true", **options):
        program = tmp_path / "lamina"
        program.write_text(FAKE.replace("LEAK", leak).replace("LOCK", lock), encoding="utf-8")
        program.chmod(0o755)
        return run(root / "misc" / "repro", "--spec", sample / "venvstacks.toml", "--lamina", program, "--store", tmp_path / "store", *args,
            **options)

    call.sample = sample
    return call


def possible(name):
    reason = VARIATIONS[name][0]()
    if reason is not None:
        pytest.skip(f"cannot be varied here: {reason}")


def test_list_names_all(repro):
    lines = repro("--list").ok().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(VARIATIONS) == sorted(LEAKS)
    assert all(line.split(None, 1)[1].startswith(("yes", "no: ")) for line in lines)


def test_equal(repro):
    result = repro().ok()
    first, *others, last = result.out.splitlines()
    assert last == "equal: 2 files, 0 MB, and the locks"
    assert all(line.startswith("not varied: ") for line in others)
    varied = first.removeprefix("varied: ").split(", ")
    assert len(varied) + len(others) == len(VARIATIONS)


@pytest.mark.parametrize("name", LEAKS)
def test_leak_is_found(repro, name):
    possible(name)
    result = repro("--vary", name, leak=LEAKS[name])
    assert result.code == 3, result
    varied, told = result.out.splitlines()[:2]
    assert varied == f"varied: {name}"
    assert told.startswith("second build: archive.tar: other bytes (")
    assert result.out.splitlines()[-3:] == ["lamina diff says:", "different  layer", "the builds differ"]


@pytest.mark.parametrize("name", ["home", "jobs", "umask", "timezone"])
def test_what_is_left_out_is_not_varied(repro, name):
    repro("--not", name, leak=LEAKS[name]).ok()


def test_lock_that_depends_on_the_build(repro):
    result = repro("--vary", "timezone", lock="echo $TZ > \"$sample/requirements/base/packages-base.txt\"")
    assert result.code == 3
    assert result.out.splitlines()[1:] == [
        "locks of the warm build: base/packages-base.txt: other bytes (0 and 4)",
        "locks of the first build: base/packages-base.txt: other bytes (0 and 7)",
        "locks of the second build: base/packages-base.txt: other bytes (0 and 7)",
        "lamina diff says:", "different  layer", "the builds differ"]


def test_entries_that_depend_on_the_store(repro):
    leak = f'echo "link $LAMINA_STORE x" >> "$out/{HOST}/__venvstacks__/entries/layer.txt"; echo same'
    result = repro("--vary", "umask", leak=f'case $LAMINA_STORE in */first/store | */second/store) ;; *) {leak} ;; esac')
    assert result.code == 3
    assert f"build from the warm store: {HOST}/__venvstacks__/entries/layer.txt differs" in result.out.splitlines()


def test_kept_results(repro, tmp_path):
    assert repro("--vary", "jobs", "--keep", tmp_path / "kept", leak="echo $jobs").code == 3
    assert (tmp_path / "kept" / "first" / "out" / "archive.tar").read_text(encoding="utf-8") == "1\n"
    assert (tmp_path / "kept" / "second" / "out" / "archive.tar").read_text(encoding="utf-8") == "7\n"
    assert (tmp_path / "kept" / "second" / "requirements" / "base" / "packages-base.txt").exists()


def test_failing_build(repro):
    result = repro("--vary", "jobs", leak='[ "$jobs" != 7 ] || { echo it hurts >&2; exit 5; }')
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("repro: the second build failed: `lamina publish -q --jobs 7 ")
    assert result.err.endswith(": exit code 5\nit hurts\n")


def test_failing_warm_build(repro):
    result = repro("--vary", "jobs", leak='echo no disk >&2; exit 1')
    assert (result.code, result.out, result.err) == (1, "", "repro: the build from the warm store failed:\nno disk\n")


def test_variation_that_is_not_in_force(repro, tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "faketime").write_text('#!/bin/sh\nshift 2\nexec "$@"\n', encoding="utf-8")
    (tools / "faketime").chmod(0o755)
    path = subprocess.run(["sh", "-c", "echo $PATH"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    result = repro("--vary", "time", env={"PATH": f"{tools}:{path}"})
    assert result.code == 1
    assert result.err.startswith("repro: not in force: time is '")


def test_what_cannot_be_done_is_said(repro, tmp_path):
    # a machine without faketime: everything else that the script and its builds need is there
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in subprocess.run(["sh", "-c", "echo $PATH"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip().split(":"):
        for program in sorted(paths.Path(folder).glob("*")) if paths.Path(folder).is_dir() else []:
            if program.name != "faketime" and not (tools / program.name).exists():
                (tools / program.name).symlink_to(program)
    result = repro("--vary", "time", "--vary", "jobs", env={"PATH": tools}).ok()
    assert result.out.splitlines() == ["varied: jobs", "not varied: time: there is no program 'faketime'",
        "equal: 2 files, 0 MB, and the locks"]


@pytest.fixture(scope="module")
def repro_module():
    loader = importlib.machinery.SourceFileLoader("repro", str(paths.ROOT / "misc" / "repro"))
    spec = importlib.util.spec_from_loader("repro", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_without_room_on_a_disk_all_is_in_memory(monkeypatch):
    """Told as any variation that cannot be done. (A disk that is nearly full is not to be had in a test.)"""
    full = {folder for folder in variations.places() if not variations.is_in_memory(folder)}
    monkeypatch.setattr(variations, "no_room", lambda folder: f"less than 3 GiB are free in {folder}" if folder in full else None)
    assert VARIATIONS["file_system"][0]() in {f"less than 3 GiB are free in {folder}" for folder in full}


def test_without_room_anywhere(repro_module, monkeypatch):
    monkeypatch.setattr(variations, "MIN_FREE_BYTES", 1 << 60)
    folders = list(dict.fromkeys(variations.places()))
    assert VARIATIONS["file_system"][0]() == "less than 1073741824 GiB are free in /dev/shm"
    with pytest.raises(repro_module.Failure) as failure:
        repro_module.scratch_parent([])
    assert str(failure.value) == "there is no folder to build in: " + ", ".join(
        f"less than 1073741824 GiB are free in {folder}" for folder in folders)


def test_wrong_use(repro):
    result = repro("--vary", "moon")
    assert (result.code, result.out) == (2, "")
    assert result.err == "repro: there is no variation 'moon'; `misc/repro --list` has them\n"


# ---- misc/repro_binary, with a compiler that is a script


@pytest.fixture
def repro_binary(tmp_path, run, root):
    def call(zig, *args):
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "zig").write_text(f"#!/bin/sh\nmkdir -p zig-out/bin\n{zig}\n", encoding="utf-8")
        (tools / "zig").chmod(0o755)
        path = subprocess.run(["sh", "-c", "echo $PATH"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        return run(root / "misc" / "repro_binary", "--scratch", tmp_path / "scratch", *args, env={"PATH": f"{tools}:{path}"})

    return call


def test_equal_programs(repro_binary):
    result = repro_binary("printf '%s' abc > zig-out/bin/lamina").ok()
    assert result.out == "equal: 3 bytes, sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"


def test_program_that_names_its_checkout(repro_binary, tmp_path):
    result = repro_binary('printf "x%s" "$PWD" > zig-out/bin/lamina')
    assert result.code == 3
    assert f"offset 1: the path of the checkout: {tmp_path}/scratch/one\n" in result.out


def test_program_that_names_a_common_folder(repro_binary, tmp_path):
    result = repro_binary(f'printf "%s" "{tmp_path}/scratch" > zig-out/bin/lamina')
    assert (result.code, result.out) == (3, "the programs are equal, and yet they name a folder of the build\n")


def test_program_that_depends_on_the_mode(repro_binary):
    result = repro_binary('printf "%s" "$2" > zig-out/bin/lamina')
    assert result.code == 3
    assert result.out.startswith("the programs differ: 15 and 22 bytes\n")
    assert result.out.endswith("bytes differ in what both have; the first at 11, 12, 13\n")


def test_build_that_fails(repro_binary):
    result = repro_binary("echo no such library; exit 1", "--strip")
    assert (result.code, result.out) == (1, "")
    assert "repro_binary: `zig build -Doptimize=safe -Dstrip` failed in " in result.err
    assert result.err.endswith(":\nno such library\n\n")
