"""What `./check repro` varies between two builds, and how. docs/reproducibility.md has it beside reprotest's list.

Each variation says why it cannot be done here, or changes the sides. A probe that runs as the builds do must see the sides
differ in what is varied: a variation that is not in force is a fault of the test, not a success.
"""
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

MACHINE = platform.machine()
MIN_FREE_BYTES = 3 << 30  # one build of the sample project has half of that at a time
OTHER_MACHINE = {"x86_64": "i686", "aarch64": "armv8l"}
NOBODY = 65534
# A side runs this in its checkout before its build, with the sample's folder, the store's folder and the number of jobs.
PROBE = r"""
echo "aslr=$(cut -c 4 /proc/self/personality)"
echo "build_path=$(pwd)"
echo "cpu_features=$OPENSSL_ia32cap $GLIBC_TUNABLES"
echo "domain_host=$(uname -n).$(domainname)"
echo "environment=$(env | grep -c '^REPRO_EXTRA')"
echo "exec_path=$PATH"
echo "file_order=$(cd "$1" && find . | cksum)"
echo "file_system=$(stat -f -c %T "$2")"
echo "file_times=$(stat -c %Y "$1/venvstacks.toml")"
echo "home=$HOME"
echo "jobs=$3"
echo "kernel=$(uname -r -m)"
echo "locales=$(date -d 2020-01-05 +%A)"
echo "num_cpus=$(nproc)"
echo "time=$(date +%Y)"
echo "timezone=$(date +%z)"
echo "umask=$(umask)"
echo "user_group=$(id -u):$(id -g)"
"""


class Side:
    """One of the two builds."""

    def __init__(self, name, folder, env):
        self.name = name
        self.folder = folder      # on disk
        self.base = folder        # where checkout, store and output are
        self.checkout = "checkout"
        self.env = dict(env)
        self.umask = 0o022
        self.jobs = 2
        self.file_time_s = None   # of the sources; None: as they are
        self.reverse = False      # write the sources last name first
        self.disorder = False     # see them through disorderfs
        self.user = None          # number of another user and group
        self.outer, self.inner = [], []  # commands around the build: as the caller, and as its user
        self.undo = []            # functions

    def command(self, *argv):
        user = [] if self.user is None else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return [*self.outer, *user, *self.inner, *map(str, argv)]


# ---- whether it can be done


def works(*argv):
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def without(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    return f"there is no program '{missing[0]}'" if missing else None


def always():
    return None


def setarch(machine, option):
    return lambda: without("setarch") or (None if works("setarch", machine, option, "true") else f"'setarch {machine} {option}' is refused")


def new_host_name():
    if os.geteuid() == 0:
        return ["unshare", "--uts"]
    return ["unshare", "--user", "--map-root-user", "--uts"]


def no_host_name():
    works_here = without("unshare", "hostname", "domainname") is None and works(*new_host_name(), "hostname", "x")
    return None if works_here else "the kernel grants no name space for a host name"


def no_room(folder):
    """Why nothing can be built there."""
    try:
        place = os.statvfs(folder)
    except OSError:
        return f"there is no {folder}"
    if not os.access(folder, os.W_OK) or place.f_bavail * place.f_frsize < MIN_FREE_BYTES:
        return f"less than {MIN_FREE_BYTES >> 30} GiB are free in {folder}"
    return None


def is_in_memory(folder):
    return subprocess.run(["stat", "-f", "-c", "%T", folder], text=True, stdout=subprocess.PIPE).stdout.strip() == "tmpfs"


def places():
    """Folders for temporary files, those that are used first in front."""
    return (tempfile.gettempdir(), "/var/tmp", "/tmp", "/dev/shm")


def no_two_file_systems():
    """One build is on a disk, and one in memory."""
    on_disk = [folder for folder in places() if not is_in_memory(folder)]
    if not on_disk:
        return "no folder for temporary files is on a disk"
    return no_room("/dev/shm") or (no_room(on_disk[0]) if all(map(no_room, on_disk)) else None)


def no_disorderfs():
    return without("disorderfs", "fusermount") or (None if os.access("/dev/fuse", os.R_OK | os.W_OK) else "/dev/fuse is closed to us")


def no_order():
    """Without disorderfs a tmpfs is needed, whose order is that of creation."""
    reason = no_disorderfs()
    return None if reason is None or no_tmpfs() is None else reason


def no_locale():
    return without("localedef") or (None if Path("/usr/share/i18n/locales/tr_TR").exists() else "Debian's package 'locales' is not here")


def one_processor():
    return without("taskset") or (None if len(os.sched_getaffinity(0)) > 1 else "there is only one processor")


def no_other_user():
    return without("setpriv") or (None if os.geteuid() == 0 else "it needs root")


# ---- what it does


def aslr(first, second):
    first.inner += ["setarch", MACHINE, "-R"]


def build_path(first, second):
    second.checkout = "a longer path/ü/of the checkout"


def cpu_features(first, second):
    """Other code of OpenSSL (no SHA, AVX or SSSE3 instructions) and of libc."""
    second.env.update(OPENSSL_ia32cap="~0x1000020000000000:~0x20000020", GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2,-ERMS,-AVX512F")


def domain_host(first, second):
    second.outer += [*new_host_name(), "sh", "-c", 'hostname "$0" && domainname "$0" && exec "$@"', "another-host.example"]


def environment(first, second):
    second.env.update({f"REPRO_EXTRA_{i}": "i capture the environment " * i for i in range(1, 6)})


def exec_path(first, second):
    second.env["PATH"] += os.pathsep + "/i_capture_the_path"


def file_order(first, second):
    second.reverse = True
    second.disorder = no_disorderfs() is None


def file_system(first, second):
    second.base = Path(f"/dev/shm/lamina-repro-{os.getpid()}")
    second.base.mkdir(mode=0o755)
    second.undo.append(lambda: shutil.rmtree(second.base))


def file_times(first, second):
    first.file_time_s, second.file_time_s = 1_000_000_000, 2_000_000_001


def home(first, second):
    second.env["HOME"] = "/nonexistent/second build"


def jobs(first, second):
    first.jobs, second.jobs = 1, 7


def kernel(first, second):
    """Another release, and the 32-bit name of the machine."""
    second.inner += ["setarch", OTHER_MACHINE.get(MACHINE, MACHINE), "--uname-2.6"]


def locales(first, second):
    """Turkish, whose small letter of I is not i, in a character set that is not UTF-8."""
    folder = second.folder / "locales"
    folder.mkdir()
    subprocess.run(["localedef", "-i", "tr_TR", "-f", "ISO-8859-9", folder / "tr_TR"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    second.env.update(LOCPATH=str(folder), LANG="tr_TR", LANGUAGE="tr", LC_ALL="tr_TR")


def num_cpus(first, second):
    first.inner += ["taskset", "-c", str(min(os.sched_getaffinity(0)))]


def time(first, second):
    second.inner += ["faketime", "-f", "+373d"]


def timezone(first, second):
    first.env["TZ"], second.env["TZ"] = "GMT+12", "GMT-14"


def umask(first, second):
    second.umask = 0o077


def user_group(first, second):
    second.user = NOBODY


# name: (why it cannot be done here, what it does). The line of that name in what the probe says must differ.
VARIATIONS = {
    "aslr": (setarch(MACHINE, "-R"), aslr),
    "build_path": (always, build_path),
    "cpu_features": (lambda: None if MACHINE == "x86_64" else "only x86_64 has the settings", cpu_features),
    "domain_host": (no_host_name, domain_host),
    "environment": (always, environment),
    "exec_path": (always, exec_path),
    "file_order": (no_order, file_order),
    "file_system": (no_two_file_systems, file_system),
    "file_times": (always, file_times),
    "home": (always, home),
    "jobs": (always, jobs),
    "kernel": (setarch(OTHER_MACHINE.get(MACHINE, MACHINE), "--uname-2.6"), kernel),
    "locales": (no_locale, locales),
    "num_cpus": (one_processor, num_cpus),
    "time": (lambda: without("faketime"), time),
    "timezone": (always, timezone),
    "umask": (always, umask),
    "user_group": (no_other_user, user_group),
}
