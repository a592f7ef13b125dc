"""What ./demo and ./check need on a machine: found, or installed once.

    prepare("demo") or prepare("check") installs what is missing and only that: packages of the distribution, a virtual
    environment in .tools/venv with pinned tools, and toml-test in .tools/bin. A stamp remembers that it is done, so
    the next call looks at two files and says nothing.

A `Failure` ends the calling script with one sentence. Logs are in .tools/log.
"""
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
BIN = TOOLS / "bin"
VENV = TOOLS / "venv"
CACHE = TOOLS / "cache"
LOG = TOOLS / "log"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "misc" / "tools-requirements.txt"
TOML_TEST = "github.com/toml-lang/toml-test/v2/cmd/toml-test@v2.2.0"

# Package of Debian 12, and how to see whether what it gives is here already: a pkg-config name, a program or a file.
PACKAGES = {
    "demo": [
        ("pkg-config", "program", "pkg-config"),
        ("ca-certificates", "certificates", "/etc/ssl/certs"),
        ("libarchive-dev", "library", "libarchive"),
        ("zlib1g-dev", "library", "zlib"),
        ("liblzma-dev", "library", "liblzma"),
        ("libzstd-dev", "library", "libzstd"),
        ("libssl-dev", "library", "libcrypto"),
        ("libsqlite3-dev", "library", "sqlite3"),
        ("libcurl4-openssl-dev", "library", "libcurl"),
        ("libjansson-dev", "library", "jansson"),
        ("libutf8proc-dev", "library", "libutf8proc"),
        ("libdeflate-dev", "library", "libdeflate"),
        ("libpq-dev", "library", "libpq"),
        ("libmicrohttpd-dev", "library", "libmicrohttpd"),
        ("libpcre2-dev", "library", "libpcre2-8"),
        ("python3-venv", "module", "ensurepip"),
    ],
    "check": [
        ("libcmocka-dev", "library", "cmocka"),
        ("clang-format-19", "program", "clang-format-19"),
        ("shellcheck", "program", "shellcheck"),
        ("mandoc", "program", "mandoc"),
        ("g++", "program", "g++"),  # the public header in C++
        ("gcc", "program", "gcc"),  # the public header in C
        # misc/clang.mk: sanitizers, coverage, fuzzing
        ("clang-19", "program", "clang-19"),
        ("libclang-rt-19-dev", "file", f"/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-{platform.machine()}.a"),
        ("llvm-19", "program", "llvm-profdata-19"),
        ("make", "program", "make"),
        # other readers of what lamina writes
        ("libarchive-tools", "program", "bsdtar"),
        ("unzip", "program", "unzip"),
        ("zip", "program", "zip"),
        ("zstd", "program", "zstd"),
        ("xz-utils", "program", "xz"),
        ("faketime", "program", "faketime"),
        # misc/repro: folders in another order, another language
        ("disorderfs", "program", "disorderfs"),
        ("locales", "program", "locale-gen"),
        ("diffoscope-minimal", "program", "diffoscope"),  # misc/compare_artifacts.sh
        ("zsh", "program", "zsh"),  # its completion
        ("postgresql", "folder", "/usr/lib/postgresql"),  # tests/support/postgres.py
        ("openssl", "program", "openssl"),  # certificates for tests of HTTPS
        ("strace", "program", "strace"),  # what is read of a source; bench/startup
        ("valgrind", "program", "valgrind"),  # test_valgrind; bench/startup: callgrind
    ],
}


class Failure(Exception):
    """Ends the script with one sentence on standard error."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment():
    """The environment for programs we start: our tools first, caches in place even where there is no HOME."""
    env = dict(os.environ)
    env["PATH"] = os.pathsep.join([str(BIN), env.get("PATH", os.defpath)])
    if not env.get("HOME"):
        env.setdefault("ZIG_GLOBAL_CACHE_DIR", str(CACHE / "zig"))
        env.setdefault("GOPATH", str(CACHE / "go"))
        env.setdefault("GOCACHE", str(CACHE / "go-build"))
        env.setdefault("XDG_CACHE_HOME", str(CACHE))
        env.setdefault("XDG_STATE_HOME", str(CACHE / "state"))
    return env


@contextlib.contextmanager
def only_one(name, waiting_for):
    """Hold .tools/NAME.lock, saying so when somebody else has it."""
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / f"{name}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {waiting_for}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_logged(name, argv, what, **options):
    """Run a program with its output in .tools/log/NAME.log; a Failure names the log and quotes its last line."""
    LOG.mkdir(parents=True, exist_ok=True)
    path = LOG / f"{name}.log"
    options.setdefault("env", environment())
    with open(path, "wb") as log:
        try:
            code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                  check=False, **options).returncode
        except OSError as error:
            raise Failure(f"{what}: cannot run '{argv[0]}': {error.strerror}") from None
    if code != 0:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        errors = [line.strip() for line in lines if re.match(r"\s*(E:|error|ERROR)", line)]
        last = (errors or [line.strip() for line in lines if line.strip()] or [f"exit code {code}"])[-1]
        raise Failure(f"{what}: {last} (the whole log: {path})")


# ---- packages of the distribution


def is_missing(kind, name):
    if kind == "program":
        return shutil.which(name) is None
    if kind == "file":
        return not Path(name).is_file()
    if kind == "folder":
        return not any(Path(name).glob("*"))
    if kind == "certificates":
        return not os.environ.get("SSL_CERT_FILE") and is_missing("folder", name)
    if kind == "module":
        return importlib.util.find_spec(name) is None
    return shutil.which("pkg-config") is None or subprocess.run(["pkg-config", "--exists", name], check=False).returncode != 0


def install_packages(profile):
    wanted = PACKAGES["demo"] + (PACKAGES["check"] if profile == "check" else [])
    missing = [package for package, kind, name in wanted if is_missing(kind, name)]
    if not missing:
        return
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise Failure(f"install what these packages of Debian have, with your system's package manager: {names}")
    prefix = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise Failure(f"these packages are missing and this user cannot install them; as root: apt-get install {names}")
        asks = ["-n"] if not sys.stdin.isatty() else []
        if subprocess.run(["sudo", *asks, "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            raise Failure(f"these packages are missing and sudo refuses; as root: apt-get install {names}")
        prefix = ["sudo", *asks]
    say(f"set-up: apt-get install {names}")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    run_logged("setup-apt-update", [*apt, "update"], "cannot read the package lists")
    run_logged("setup-apt", [*apt, "install", "-y", "--no-install-recommends", *missing], "cannot install packages")
    still = [package for package, kind, name in wanted if kind != "module" and is_missing(kind, name)]
    if still:
        raise Failure(f"installed, but not found afterwards: {' '.join(still)} (the log: {LOG / 'setup-apt.log'})")


# ---- tools from the package index and from Go


def install_tools():
    stamp = TOOLS / "stamp.venv"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    say("set-up: installing the compiler (zig), the resolver (uv) and the test tools into .tools (about 130 MB to fetch)")
    stamp.unlink(missing_ok=True)
    shutil.rmtree(VENV, ignore_errors=True)
    run_logged("setup-venv", [sys.executable, "-m", "venv", str(VENV)], "cannot make a virtual environment")
    run_logged("setup-pip", [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps",
                             "--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENTS)],
               "cannot install the pinned tools")
    BIN.mkdir(exist_ok=True)
    package = subprocess.run([str(PYTHON), "-c", "import ziglang; print(ziglang.__path__[0])"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    link(Path(package) / "zig", BIN / "zig")
    link(VENV / "bin" / "uv", BIN / "uv")
    link(ROOT / "zig-out" / "bin" / "lamina", BIN / "lamina")
    stamp.write_text(digest, encoding="utf-8")


@contextlib.contextmanager
def compiler_begun():
    """While this lasts, zig makes its build program, if it has not yet on this machine: that takes minutes, on one processor. A build
    that begins meanwhile waits for it."""
    try:
        process = subprocess.Popen([str(BIN / "zig"), "build", "-h"], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    except OSError:  # the build will say so
        yield
        return
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def link(target, path):
    """A relative link, so that the checkout can be moved."""
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def install_toml_test():
    if (BIN / "toml-test").exists():
        return
    say("set-up: installing toml-test with go")
    env = environment()
    if shutil.which("go") is None:
        raise Failure("the program 'go' is needed and is not on the PATH")
    env.update(GOBIN=str(BIN), GOFLAGS="-modcacherw", GO111MODULE="on", GOWORK="off", GOTOOLCHAIN="local",
               GOPROXY=go_proxies(env))
    run_logged("setup-toml-test", ["go", "install", TOML_TEST], "cannot install toml-test", env=env)


def go_proxies(env):
    """The configured Go module proxies without `direct`, which would run version control systems."""
    told = subprocess.run(["go", "env", "GOPROXY"], cwd="/", env=env, check=True, text=True, stdout=subprocess.PIPE).stdout
    return ",".join(proxy for proxy in re.split("[,|]", told.strip()) if proxy and proxy != "direct") or "off"


# ---- for the scripts


def inputs_digest(profile):
    digest = hashlib.sha256(f"{profile} {platform.machine()} {TOML_TEST}\n".encode())
    for path in (Path(__file__), REQUIREMENTS):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_prepared(profile, digest):
    stamp = TOOLS / f"stamp.{profile}"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == digest and PYTHON.exists() and (BIN / "zig").exists()


def prepare(profile):
    """Have everything that `profile` ("demo" or "check") needs."""
    digest = inputs_digest(profile)
    if is_prepared(profile, digest):
        return
    with only_one("setup", "another set-up in this checkout"):
        if is_prepared(profile, digest):
            return
        install_packages(profile)
        install_tools()
        if profile == "check":
            (BIN / "toml-test").unlink(missing_ok=True)  # perhaps of another version
            install_toml_test()
        (TOOLS / f"stamp.{profile}").write_text(digest, encoding="utf-8")
