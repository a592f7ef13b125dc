"""The store: fetching, keeping, being killed, being damaged, being cleaned."""

import gzip
import hashlib
import http.server
import io
import os
import re
import resource
import signal
import subprocess
import tarfile
import threading
import time

import pytest

from wheels import CODE, wheel

NAME, DATA = wheel({"demo/__init__.py": CODE, "demo/data.bin": os.urandom(200_000)})
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server:
    """HTTP on a free port. files: path -> bytes; `half` holds each answer after its first half until `go` is set."""

    def __init__(self):
        self.files, self.requests, self.go, self.half, self.began = {}, [], threading.Event(), False, threading.Event()
        self.go.set()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.requests.append(self.path)
                data = server.files.get(self.path)
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                try:
                    half = len(data or b"") // 2 if server.half else 0
                    self.wfile.write((data or b"")[:half])
                    self.wfile.flush()
                    server.began.set()
                    server.go.wait()
                    self.wfile.write((data or b"")[half:])
                except OSError:
                    self.close_connection = True

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.http.server_address[1]}/{path}"

    def close(self):
        self.go.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    server.files["/" + NAME] = DATA
    yield server
    server.close()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(tool, run, root):
    """store(command, *args) -> Result."""
    return lambda *args: run(tool("store_tool"), root, *args)


@pytest.fixture
def start(tool, root):
    """start(command, *args, **options) -> Popen; killed at the end."""
    started = []

    def start(*args, **options):
        process = subprocess.Popen([tool("store_tool"), root, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def source(root, digest=DIGEST, kind="sources", suffix=""):
    return root / kind / digest[:2] / (digest[2:] + suffix)


def wanted(url="-", name=NAME, digest=DIGEST, size=len(DATA)):
    return ["--", name, digest, str(size), url]


def leftovers(root):
    """Files that no finished run leaves."""
    return [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and (p.name.startswith(".") or "partial" in p.name)]


# ---- fetching


def test_from_a_url_once(store, server, root):
    store("fetch", "4", *wanted(server.url(NAME))).ok()
    assert source(root).read_bytes() == DATA and source(root).stat().st_mode & 0o777 == 0o644
    assert store("find", DIGEST).json() == str(source(root))
    store("fetch", "4", *wanted(server.url(NAME))).ok()
    assert server.requests == ["/" + NAME] and leftovers(root) == []


def test_many_at_once_and_one_of_them_twice(store, server, root):
    args = []
    for i in range(70):
        data = b"file %d" % i
        server.files[f"/{i}.whl"] = data
        args += [f"{i}.whl", hashlib.sha256(data).hexdigest(), str(len(data)), server.url(f"{i}.whl")]
    store("fetch", "8", "--", *args, *args[:4]).ok()
    assert sorted(server.requests) == sorted(f"/{i}.whl" for i in range(70))
    assert all(source(root, digest).is_file() for digest in args[1::4])


def test_from_a_folder_before_a_url(store, server, root, tmp_path):
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    for folder, data in ((wrong, DATA[:-1] + b"x"), (right, DATA)):
        folder.mkdir()
        (folder / NAME).write_bytes(data)
    result = store("fetch", "4", wrong, tmp_path / "none", right, *wanted(server.url(NAME))).ok()
    assert result.err == f"warning: '{wrong}/{NAME}' is not the file that was locked (its digest differs) and is passed over\n"
    assert source(root).read_bytes() == DATA and server.requests == []


@pytest.mark.parametrize("size", [len(DATA), 0])
def test_wrong_in_the_folder_right_at_the_url(store, server, root, tmp_path, size):
    (tmp_path / NAME).write_bytes(b"another file")
    store("fetch", "4", tmp_path, *wanted(server.url(NAME), size=size)).ok()
    assert source(root).read_bytes() == DATA and server.requests == ["/" + NAME] and leftovers(root) == []


def test_a_link_in_a_folder(store, root, tmp_path):
    (tmp_path / "elsewhere").write_bytes(DATA)
    (tmp_path / NAME).symlink_to("elsewhere")
    store("fetch", "4", tmp_path, *wanted()).ok()
    assert source(root).read_bytes() == DATA and not source(root).is_symlink()


def test_names_are_no_paths(store, tmp_path):
    (tmp_path / "secret").write_bytes(DATA)
    (tmp_path / "folder").mkdir()
    result = store("fetch", "4", tmp_path / "folder", *wanted(name="../secret"))
    assert (result.code, result.err) == (1, "not-found: cannot find '../secret' (looked in "
        f"'{tmp_path}/folder'); put it into a folder that is named with --local-wheels\n")


def test_all_that_is_missing_is_told_before_anything_is_downloaded(store, server):
    args = ["b.whl", "1" * 64, "0", "-", NAME, DIGEST, "0", server.url(NAME), "a.whl", "2" * 64, "5", "-"]
    result = store("fetch", "4", "/none/x", "/none/y", "--", *args)
    assert (result.code, result.err) == (1, "not-found: cannot find 'a.whl', 'b.whl' (looked in '/none/x', '/none/y'); "
        "put them into a folder that is named with --local-wheels\n")
    assert server.requests == []
    result = store("fetch", "4", "--", *[x for i in range(25) for x in (f"{i:02}.whl", f"{i:064x}", "0", "-")])
    names = ", ".join(f"'{i:02}.whl'" for i in range(20))
    assert result.err == (f"not-found: cannot find {names} and 5 more (no folder was given to look in); "
        "put them into a folder that is named with --local-wheels\n")


def test_a_url_with_other_bytes(store, server, root):
    server.files["/" + NAME] = DATA[:-1] + b"x"
    result = store("fetch", "4", *wanted(server.url(NAME)))
    assert result.code == 1 and "\nintegrity: cannot download '" in result.err and NAME in result.err, result
    assert not source(root).exists()


def test_a_url_that_has_nothing(store, server, root):
    result = store("fetch", "4", *wanted(server.url("gone.whl")))
    assert result.code == 1 and NAME in result.err and "404" in result.err, result
    assert not source(root).exists()


def test_first_use_of_a_url(store, server, root):
    assert store("url", server.url(NAME), NAME, str(len(DATA))).json() == DIGEST
    assert source(root).read_bytes() == DATA and os.listdir(root / "tmp") == []
    result = store("url", server.url(NAME), NAME, str(len(DATA) - 1))
    assert result.code == 1 and "\nlimit: " in result.err, result


def test_adding_files(store, root, tmp_path):
    (tmp_path / NAME).write_bytes(DATA)
    assert store("add", tmp_path / NAME).json() == DIGEST
    assert store("add", tmp_path / NAME, DIGEST).json() == DIGEST
    result = store("add", tmp_path / NAME, "0" * 64)
    assert (result.code, result.err) == (1, f"integrity: '{tmp_path}/{NAME}' has the SHA-256 {DIGEST}, expected is {'0' * 64}\n")
    result = store("add", tmp_path / "none")
    assert (result.code, result.err) == (1, f"not-found: cannot open '{tmp_path}/none': No such file or directory\n")
    result = store("add", tmp_path)
    assert result.code == 1 and result.err == f"io: not a regular file: '{tmp_path}'\n"


# ---- several processes


def test_two_processes_fetch_the_same_file(start, server, root):
    server.go.clear()
    first = start("fetch", "4", *wanted(server.url(NAME)))
    assert server.began.wait(60)
    second = start("fetch", "4", *wanted(server.url(NAME)))
    line = second.stderr.readline()
    assert line == f"warning: waiting for process {first.pid}, which is fetching '{NAME}'\n"
    server.go.set()
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert server.requests == ["/" + NAME] and source(root).read_bytes() == DATA


def test_the_second_process_takes_over_when_the_first_is_killed(start, server, root):
    server.half = True
    server.go.clear()
    first = start("fetch", "4", *wanted(server.url(NAME)))
    assert server.began.wait(60)
    second = start("fetch", "4", *wanted(server.url(NAME)))
    assert second.stderr.readline().startswith(f"warning: waiting for process {first.pid}, ")
    first.kill()
    first.wait(60)
    server.go.set()
    assert second.wait(60) == 0
    assert source(root).read_bytes() == DATA and leftovers(root) == []


def test_many_processes_read_one_new_wheel(start, store, root, tmp_path):
    (tmp_path / NAME).write_bytes(DATA)
    store("add", tmp_path / NAME).ok()
    processes = [start("wheel", DIGEST, NAME, "read") for _ in range(6)]
    outputs = {process.communicate(timeout=60) for process in processes}
    assert len(outputs) == 1 and [process.returncode for process in processes] == [0] * 6
    assert leftovers(root) == []


def test_interrupted_while_waiting(start, server):
    server.go.clear()
    start("fetch", "4", *wanted(server.url(NAME)))
    assert server.began.wait(60)
    second = start("fetch", "4", *wanted(server.url(NAME)))
    second.stderr.readline()
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == -signal.SIGTERM


# ---- killed at any point: a process dies when it writes beyond RLIMIT_FSIZE, or gets EFBIG when it ignores the signal


def limited(bytes, ignore=False):
    def prepare():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, bytes))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN if ignore else signal.SIG_DFL)

    return {"preexec_fn": prepare, "restore_signals": False}


def runtime_archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data, mode in (("python/bin/python3.11", os.urandom(150_000), 0o755), ("python/lib/os.py", CODE, 0o644)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo("python/bin/python3")
        info.type, info.linkname = tarfile.SYMTYPE, "python3.11"
        archive.addfile(info)
    return gzip.compress(out.getvalue(), mtime=0)


RUNTIME = runtime_archive()
RUNTIME_DIGEST = hashlib.sha256(RUNTIME).hexdigest()

STEPS = {
    "copying": (["fetch", "4", "FOLDER", *wanted()], [1, 5000, len(DATA) - 1]),
    "downloading": (["fetch", "4", *wanted("URL")], [1, 5000, len(DATA) - 1]),
    "index of a wheel": (["wheel", DIGEST, NAME, "read"], [1, 100, 600]),
    "unpacking": (["runtime", RUNTIME_DIGEST, "cpython.tar.gz", "read"], [5000, 150_001]),
}


@pytest.fixture
def step(store, server, tmp_path):
    """step(name) -> (arguments, limits), with what the step needs in place."""

    def step(name):
        arguments, limits = STEPS[name]
        store("size").ok()  # makes the store
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / NAME).write_bytes(DATA)
        (tmp_path / "runtime").write_bytes(RUNTIME)
        if name == "index of a wheel":
            store("add", tmp_path / "folder" / NAME).ok()
        if "runtime" in arguments:
            store("add", tmp_path / "runtime").ok()
        replaced = {"FOLDER": str(tmp_path / "folder"), "URL": server.url(NAME)}
        return [replaced.get(a, a) for a in arguments], limits

    return step


@pytest.mark.parametrize("name", STEPS)
def test_killed_while(step, store, start, root, name):
    arguments, limits = step(name)
    for limit in limits:
        process = start(*arguments, **limited(limit))
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGXFSZ, limit
        visible = [p for p in root.rglob("*") if p.is_file() and p.name[0] != "." and p.suffix != ".partial"]
        for path in visible:  # what a reader sees is whole
            digest = path.parent.name + path.name
            if path.parent.parent.name == "sources":
                assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
            assert path.parent.parent.name != "index"
    store(*arguments).ok()
    assert leftovers(root) == []
    assert store("verify").json()["bad"] == 0


@pytest.mark.parametrize("name", STEPS)
def test_no_room_while(step, store, start, root, name):
    """As on a full disk, one sentence; nothing is left but a download to go on with."""
    arguments, limits = step(name)
    for limit in limits:
        process = start(*arguments, **limited(limit, ignore=True))
        out, err = process.communicate(timeout=60)
        lines = [line for line in err.splitlines() if not line.startswith("begin: ")]
        assert (process.returncode, out, len(lines)) == (1, "", 1), err
        assert lines[0].startswith("io: cannot ") and "cannot write '" in lines[0] and lines[0].endswith(": File too large"), err
        assert [p for p in leftovers(root) if not p.endswith(DIGEST[2:] + ".partial")] == []
    store(*arguments).ok()


def test_a_full_disk(tool, tmp_path):
    """A file system of one megabyte, in a mount namespace of its own."""
    (tmp_path / "runtime").write_bytes(RUNTIME)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=200k none "$1" && "$2" "$1/store" add "$3"; code=$?; find "$1/store/sources" -type f; exit $code'
    for unshare in (["unshare", "-m"], ["unshare", "-rm"]):
        if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode == 0:
            break
    else:
        pytest.skip("file systems cannot be mounted here")
    big = tmp_path / "big"
    big.write_bytes(os.urandom(400_000))
    result = subprocess.run([*unshare, "sh", "-c", script, "sh", disk, tool("store_tool"), big], capture_output=True, text=True)
    digest = hashlib.sha256(big.read_bytes()).hexdigest()
    assert (result.returncode, result.stdout) == (1, ""), result
    assert result.stderr == f"io: cannot write '{source(disk / 'store', digest)}': No space left on device\n"


def test_killed_between_files(store, start, root, tmp_path):
    """What a kill between two files of a runtime leaves: a blob without an index."""
    (tmp_path / "runtime").write_bytes(RUNTIME)
    store("add", tmp_path / "runtime").ok()
    whole = store("runtime", RUNTIME_DIGEST, "cpython", "read")
    source(root, RUNTIME_DIGEST, "index", ".runtime").unlink()
    assert store("runtime", RUNTIME_DIGEST, "cpython", "read").out == whole.ok().out


# ---- damage


@pytest.fixture
def added(store, tmp_path, root):
    """The wheel is in the store."""
    (tmp_path / NAME).write_bytes(DATA)
    store("add", tmp_path / NAME).ok()
    return source(root)


def damage(path, at=-1000):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def set_aside(root):
    bad = source(root, suffix=".bad")
    return f"warning: '{NAME}' in the store was damaged (it is not what its digest says): set aside as '{bad}'\n"


FETCH_AGAIN = f"integrity: '{NAME}' in the store was damaged and has to be fetched again\n"


@pytest.mark.parametrize("how", ["a bit", "in the directory", "cut", "emptied", "longer", "no zip"])
def test_a_damaged_source(store, server, added, root, how):
    if how == "a bit":
        damage(added, 5000)
    elif how == "in the directory":
        damage(added, -30)
    else:
        added.write_bytes({"cut": DATA[:-100], "emptied": b"", "longer": DATA + b"x", "no zip": bytes(len(DATA))}[how])
    damaged = added.read_bytes()
    result = store("wheel", DIGEST, NAME)
    assert (result.code, result.out, result.err) == (1, "", set_aside(root) + FETCH_AGAIN)
    assert store("find", DIGEST).json() is None
    assert source(root, suffix=".bad").read_bytes() == damaged
    store("fetch", "4", *wanted(server.url(NAME))).ok()
    store("wheel", DIGEST, NAME, "read").ok()


def test_a_source_that_is_damaged_after_its_index_was_made(store, added, root):
    store("wheel", DIGEST, NAME).ok()
    damage(added, 5000)
    store("wheel", DIGEST, NAME).ok()  # bytes are checked where they are read:
    result = store("wheel", DIGEST, NAME, "read")
    assert result.code == 1 and result.err.startswith("integrity: ") and "'demo/data.bin' of 'demo 1.0'" in result.err, result
    result = store("recheck", DIGEST, NAME)
    assert (result.json(), result.err) == (True, set_aside(root))
    assert store("recheck", DIGEST, NAME).json() is False and not source(root, kind="index", suffix=".wheel").exists()


def test_a_source_of_another_size_than_its_index_says(store, added, root):
    store("wheel", DIGEST, NAME).ok()
    added.write_bytes(DATA[:-1])
    result = store("wheel", DIGEST, NAME)
    assert (result.code, result.err) == (1, set_aside(root) + FETCH_AGAIN)


def test_a_source_of_another_size_than_wanted(store, server, added, root):
    added.write_bytes(DATA[:-1])
    result = store("fetch", "4", *wanted(server.url(NAME))).ok()
    assert result.err.startswith(set_aside(root)) and added.read_bytes() == DATA
    result = store("fetch", "4", *wanted(server.url(NAME), size=len(DATA) + 1))
    assert (result.code, result.err) == (1, f"integrity: '{NAME}' has {len(DATA)} bytes where {len(DATA) + 1} are expected, "
        "and the expected digest\n")


def test_a_source_that_goes_away(store, added):
    store("wheel", DIGEST, NAME).ok()
    added.unlink()
    result = store("wheel", DIGEST, NAME)
    assert (result.code, result.err) == (1, f"not-found: '{NAME}' is not in the store\n")


def test_a_damaged_index_is_made_anew(store, added, root):
    whole = store("wheel", DIGEST, NAME, "read").ok().out
    index = source(root, kind="index", suffix=".wheel")
    text = index.read_bytes()
    states = [b"", b"x", text[:-1], text[:-66], text[:200], text + b"\n", text.replace(b"f\t", b"x\t", 1),
        text.replace(b"demo/data.bin", b"demo/date.bin"), b"\0" * len(text), text.upper()]
    for state in states:
        index.write_bytes(state)
        result = store("wheel", DIGEST, NAME, "read")
        assert (result.code, result.out) == (0, whole)
        assert result.err == f"warning: the index of '{NAME}' in the store was damaged and is made anew\n"
        assert index.read_bytes() == text


def sealed(text):
    """An index with this text and the right digest at its end."""
    return text + f"end {hashlib.sha256(text).hexdigest()}\n".encode()


def test_an_index_of_another_format_is_made_anew(store, added, root):
    whole = store("wheel", DIGEST, NAME).ok().out
    index = source(root, kind="index", suffix=".wheel")
    text = index.read_bytes()
    assert text.startswith(b"lamina-index 1\n")
    body = text[:text.rindex(b"end ")]
    assert sealed(body) == text
    index.write_bytes(sealed(body.replace(b"lamina-index 1", b"lamina-index 2")))
    result = store("wheel", DIGEST, NAME)
    assert (result.out, result.err) == (whole, "") and index.read_bytes() == text


WRONG_INDEXES = {
    "source": lambda body: body.replace(DIGEST.encode(), b"0" * 64, 1),
    "count": lambda body: body.replace(b"entries 5", b"entries 4"),
    "count too large": lambda body: body.replace(b"entries 5", b"entries 4000000000"),
    "beyond the source": lambda body: re.sub(rb"\t\d+\tdemo/data.bin", b"\t900000\tdemo/data.bin", body),
    "offset beyond the source": lambda body: re.sub(rb"\t\d+\t(\d+)\tdemo/data.bin", rb"\t900000\t\1\tdemo/data.bin", body),
    "type": lambda body: body.replace(b"\nf\t", b"\nz\t", 1),
    "digest": lambda body: body.replace(b"\nf\t", b"\nf\tx", 1),
    "empty path": lambda body: body.replace(b"demo/data.bin", b""),
    "no fields": lambda body: body.replace(b"\nf\t", b"\nf\n", 1),
}


@pytest.mark.parametrize("case", WRONG_INDEXES)
def test_an_index_that_makes_no_sense(store, added, root, case):
    """The digest at its end is right, what it says is not."""
    whole = store("wheel", DIGEST, NAME, "read").ok().out
    index = source(root, kind="index", suffix=".wheel")
    text = index.read_bytes()
    body = text[:text.rindex(b"end ")]
    wrong = WRONG_INDEXES[case](body)
    assert wrong != body
    index.write_bytes(sealed(wrong))
    result = store("wheel", DIGEST, NAME, "read")
    assert (result.code, result.out, result.err) == (0, whole, f"warning: the index of '{NAME}' in the store was damaged and is made anew\n")
    assert index.read_bytes() == text


# ---- runtimes


@pytest.fixture
def runtime(store, tmp_path):
    (tmp_path / "runtime").write_bytes(RUNTIME)
    store("add", tmp_path / "runtime").ok()
    return lambda *more: store("runtime", RUNTIME_DIGEST, "cpython.tar.gz", *more)


def test_entries_of_a_runtime(runtime, root):
    first = runtime("read")
    assert first.err == "begin: unpack cpython.tar.gz\n"
    found = {e["path"]: e for e in first.json()}
    assert list(found) == ["bin/python3", "bin/python3.11", "lib/os.py"]
    assert found["bin/python3"]["link"] == "python3.11" and found["bin/python3.11"]["executable"]
    assert {e["origin"] for e in found.values()} == {"cpython.tar.gz"}
    assert found["lib/os.py"]["sha256"] == hashlib.sha256(CODE).hexdigest()
    blob = source(root, RUNTIME_DIGEST, "blobs")
    assert found["lib/os.py"]["file"] == str(blob) and blob.stat().st_size == 150_000 + len(CODE)
    second = runtime("read")
    assert (second.out, second.err) == (first.out, "")


@pytest.mark.parametrize("how", ["removed", "cut", "emptied"])
def test_a_blob_that_is_gone_is_made_again(runtime, root, how):
    whole = runtime("read").ok().out
    blob = source(root, RUNTIME_DIGEST, "blobs")
    if how == "removed":
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes()[:-1] if how == "cut" else b"")
    result = runtime("read")
    assert (result.out, result.err) == (whole, "begin: unpack cpython.tar.gz\n")


def test_a_damaged_blob_is_found_by_recheck(runtime, store, root):
    whole = runtime("read").ok().out
    damage(source(root, RUNTIME_DIGEST, "blobs"))
    assert runtime("read").err.startswith("integrity: ")
    result = store("recheck", RUNTIME_DIGEST, "cpython.tar.gz")
    assert (result.json(), result.err) == (True, "warning: what was unpacked of 'cpython.tar.gz' in the store was damaged: "
        "removed, to be unpacked again\n")
    assert runtime("read").out == whole


def test_a_damaged_archive(runtime, store, root):
    damage(source(root, RUNTIME_DIGEST))
    result = runtime()
    assert result.code == 1 and result.err.endswith(
        "integrity: 'cpython.tar.gz' in the store was damaged and has to be fetched again\n"), result
    assert not source(root, RUNTIME_DIGEST, "blobs").exists() and store("find", RUNTIME_DIGEST).json() is None


def test_an_archive_that_is_refused(store, tmp_path, root):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("elsewhere/x"))
    (tmp_path / "bad").write_bytes(out.getvalue())
    digest = store("add", tmp_path / "bad").json()
    result = store("runtime", digest, "bad.tar")
    assert (result.code, result.err) == (1, "begin: unpack bad.tar\nsyntax: 'bad.tar' is not a usable archive: "
        "entry 'elsewhere/x' is outside the folder 'python'\n")
    assert store("find", digest).json() is not None and leftovers(root) == []


# ---- notes


def test_notes(store, root):
    assert store("note-get", "a key").json() is None
    store("note-set", "a key", "one").ok()
    store("note-set", "a key", "zwei ü").ok()
    assert store("note-get", "a key").json() == "zwei ü"
    for path in root.glob("store.sqlite*"):
        path.write_bytes(b"garbage " * 1000)
    result = store("note-get", "a key")
    assert (result.json(), result.err) == (None, f"warning: '{root}/store.sqlite' was damaged and is begun anew\n")
    store("note-set", "a key", "two").ok()
    assert store("note-get", "a key").json() == "two"


def test_notes_of_many_processes(start, store):
    processes = [start("note-set", f"key {i}", str(i)) for i in range(12)]
    assert [process.wait(60) for process in processes] == [0] * 12
    assert [store("note-get", f"key {i}").json() for i in range(12)] == [str(i) for i in range(12)]


# ---- the store as a whole


def test_a_folder_that_cannot_be_one(tool, run, tmp_path):
    (tmp_path / "file").write_text("x")
    result = run(tool("store_tool"), tmp_path / "file", "size")
    assert result.code == 1 and result.err.startswith(f"io: cannot use the store '{tmp_path}/file': cannot "), result


def test_size(store, added, runtime, root, tmp_path):
    assert store("wheel", DIGEST, NAME).code == 0 and runtime().code == 0
    (root / "trees" / "x").mkdir()
    (root / "trees" / "x" / "y").write_bytes(b"12345")
    size = store("size").json()
    assert size["sources"] == [2, len(DATA) + len(RUNTIME)] and size["trees"] == [1, 5]
    assert size["blobs"] == [1, 150_000 + len(CODE)] and size["index"][0] == 2
    everything = [p.stat().st_size for p in root.rglob("*") if p.is_file()]
    assert size["bytes"] == sum(everything)
    assert sum(size[kind][0] for kind in ("sources", "blobs", "index", "segments", "trees", "other")) == len(everything)


def test_verify(store, added, runtime, root):
    assert store("wheel", DIGEST, NAME).code == 0 and runtime().code == 0
    good = {"sources": 2, "blobs": 1, "segments": 0, "bytes": len(DATA) + len(RUNTIME) + 150_000 + len(CODE), "bad": 0}
    assert store("verify").json() == good
    damage(added)
    damage(source(root, RUNTIME_DIGEST, "blobs"))
    result = store("verify")
    assert result.json()["bad"] == 2
    assert sorted(result.err.splitlines()) == sorted([set_aside(root).replace(NAME, DIGEST, 1).rstrip(),
        f"warning: what was unpacked of '{RUNTIME_DIGEST}' in the store was damaged: removed, to be unpacked again"])
    assert store("verify").json() == {"sources": 1, "blobs": 0, "segments": 0, "bytes": len(RUNTIME), "bad": 0}


def segment(root, key, data):
    """A compressed segment as docs/formats/store.md has it."""
    path = source(root, key, "segments")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"lamina-segment 1\n" + hashlib.sha256(bytes.fromhex(key) + data).digest() + data)
    return path


def test_verify_segments(store, root):
    store("size")
    kept = [segment(root, digit * 64, digit.encode() * 1000) for digit in "abc"]
    assert store("verify").json() == {"sources": 0, "blobs": 0, "segments": 3, "bytes": 3000, "bad": 0}
    kept[1].write_bytes(kept[0].read_bytes())
    result = store("verify")
    assert result.json() == {"sources": 0, "blobs": 0, "segments": 3, "bytes": 2000, "bad": 1}
    assert result.err == ("warning: a compressed segment in the store was damaged (it is not what its digest says): set aside as "
        f"'{kept[1]}.bad'\n")
    assert store("size").json()["segments"] == [2, 2 * (1000 + 17 + 32)]
    assert store("verify").json() == {"sources": 0, "blobs": 0, "segments": 2, "bytes": 2000, "bad": 0}


def test_gc_removes_segments(store, root):
    store("size")
    kept = [segment(root, digit * 64, digit.encode() * 1000) for digit in "abc"]
    for path, days in zip(kept, (2, 4, 3)):
        used(path, days)
    kept[0].with_name(kept[0].name + ".bad").write_bytes(b"x")
    assert store("gc", "2500").json() == {"removed": 1, "removed_bytes": 1049, "kept_bytes": 2098, "in_use": False}
    assert [path.exists() for path in kept] == [True, False, True]
    assert not kept[0].with_name(kept[0].name + ".bad").exists()


def used(path, days_ago):
    then = time.time() - days_ago * 86400
    os.utime(path, (then, then))


def fill(store, tmp_path, root):
    """Three sources of 1000 bytes, used 5, 3 and 4 days ago, and a tree used 6 days ago. Their digests."""
    digests = []
    for i, days in enumerate((5, 3, 4)):
        (tmp_path / f"{i}.bin").write_bytes(b"%d" % i * 1000)
        digests.append(store("add", tmp_path / f"{i}.bin").json())
        used(source(root, digests[-1]), days)
    (root / "trees" / "old").mkdir()
    (root / "trees" / "old" / "file").write_bytes(b"x" * 500)
    used(root / "trees" / "old", 6)
    return digests


def here(root, digests):
    return [source(root, digest).exists() for digest in digests]


def test_gc_removes_what_was_used_longest_ago(store, tmp_path, root):
    digests = fill(store, tmp_path, root)
    assert store("gc", "3500").json() == {"removed": 0, "removed_bytes": 0, "kept_bytes": 3500, "in_use": False}
    assert store("gc", "3499").json() == {"removed": 1, "removed_bytes": 500, "kept_bytes": 3000, "in_use": False}
    assert here(root, digests) == [True, True, True] and not (root / "trees" / "old").exists()
    assert store("gc", "2999").json()["removed"] == 1
    assert here(root, digests) == [False, True, True]
    store("find", digests[2]).ok()  # a use
    assert store("gc", "1000").json()["kept_bytes"] == 1000
    assert here(root, digests) == [False, False, True]
    assert store("gc", "0").json()["kept_bytes"] == 0


def test_gc_takes_all_of_a_source(store, added, runtime, root):
    assert store("wheel", DIGEST, NAME).code == 0 and runtime().code == 0
    for path in (source(root), source(root, kind="index", suffix=".wheel")):
        used(path, 3)
    assert store("gc", "400000").json()["removed"] == 1  # the wheel; all of the runtime stays
    assert not source(root).exists() and not source(root, kind="index", suffix=".wheel").exists()
    assert runtime("read").err == ""
    store("gc", "0").ok()
    assert [p for p in root.rglob("*") if p.is_file() and p.parent.parent.parent == root] == []


def test_a_use_counts(store, added, runtime, root):
    assert store("wheel", DIGEST, NAME).code == 0 and runtime().code == 0
    for path in [*root.rglob("*/??/*")]:
        used(path, 9)
    store("wheel", DIGEST, NAME).ok()
    store("gc", "350000").ok()
    assert source(root).exists() and not source(root, RUNTIME_DIGEST).exists()


def test_gc_removes_leftovers(store, start, root, tmp_path, added):
    bad, partial = source(root, suffix=".bad"), source(root, "0" * 64, suffix=".partial")
    dead = source(root).with_name(".x.0123456789abcdef.partial")
    for path in (bad, partial, dead, root / "tmp" / "url-x.partial"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    used(partial, 3)
    assert store("gc", str(len(DATA))).json() == {"removed": 1, "removed_bytes": 10, "kept_bytes": len(DATA), "in_use": False}
    assert not any(path.exists() for path in (bad, partial, dead)) and source(root).exists()
    assert os.listdir(root / "tmp") == [] and os.listdir(root / "locks") == ["use"]


def test_gc_spares_what_others_may_use(store, start, root, tmp_path):
    digests = fill(store, tmp_path, root)
    used(source(root, digests[0]), 0.5)
    holder = start("hold")
    assert holder.stdout.readline() == "open\n"
    result = store("gc", "0").json()
    assert (result["removed"], result["in_use"]) == (3, True) and here(root, digests) == [True, False, False]
    holder.stdin.close()
    holder.stdin = None
    assert holder.wait(60) == 0
    assert store("gc", "0").json() == {"removed": 1, "removed_bytes": 1000, "kept_bytes": 0, "in_use": False}
