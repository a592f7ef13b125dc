"""Lock files: what is read and written, against tomllib, packaging.pylock and uv."""

import functools
import hashlib
import http.server
import random
import threading
import tomllib

import pytest
from packaging.markers import Marker
from packaging.pylock import Pylock
from packaging.version import Version

import fake_wheels

SHA = {letter: hashlib.sha256(letter.encode()).hexdigest() for letter in "abcdefgh"}

# as the resolver writes, with all that a lock of ours can hold besides
READ = f"""
lock-version = "1.0"
environments = ["sys_platform == 'linux'", "sys_platform == 'win32'"]
requires-python = ">=3.11,<3.12"
created-by = "resolver"
default-groups = ["none"]
future-key = 1

[[packages]]
name = "zeta"
version = "2.0"
marker = "sys_platform == 'win32'"
index = "https://index.invalid/simple"
sdist = {{ url = "https://files.invalid/zeta-2.0.tar.gz", hashes = {{ sha256 = "{SHA['a']}" }} }}
wheels = [
    {{ url = "https://files.invalid/9/zeta-2.0-py3-none-any.whl", upload-time = 2025-01-02T03:04:05Z, size = 17, hashes = {{ sha256 = "{SHA['b']}", md5 = "x" }} }},
    {{ url = "https://files.invalid/9/zeta-2.0-cp311-cp311-win_amd64.whl?a=b#c", hashes = {{ sha256 = "{SHA['c'].upper()}" }} }},
]

[[packages]]
name = "alpha-one"
version = "1.0+local.1"
wheels = [
    {{ name = "Alpha_One-1.0+local.1-py3-none-any.whl", url = "https://files.invalid/download?id=7", hashes = {{ sha256 = "{SHA['d']}" }} }},
    {{ url = "https://files.invalid/alpha_one-1.0%2Blocal.1-1-py3-none-any.whl", size = 0, hashes = {{ sha256 = "{SHA['e']}" }} }},
]

[[packages]]
name = "zeta"
version = "10.0"
wheels = [{{ path = "../wheels/zeta-10.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA['f']}" }} }}]

[[packages]]
name = "direct"
version = "1"
archive = {{ url = "https://files.invalid/direct-1-py3-none-any.whl", size = 5, hashes = {{ sha256 = "{SHA['g']}" }} }}

[tool.lamina]
inherited = [{{ name = "base", version = "3", from = "framework-base" }}]

[[tool.lamina.runtime-archives]]
platform = "win_amd64"
name = "cpython-win.tar"
url = "https://files.invalid/cpython-win.tar"
sha256 = "{SHA['h']}"

[[tool.lamina.runtime-archives]]
platform = "linux_x86_64"
name = "cpython-linux.tar"
sha256 = "{SHA['a']}"
"""

WRITTEN = f"""\
# Written by lamina. Do not edit: relock to change.
lock-version = "1.0"
environments = [
    "sys_platform == 'linux'",
    "sys_platform == 'win32'",
]
requires-python = ">=3.11,<3.12"
created-by = "lamina"

[[packages]]
name = "alpha-one"
version = "1.0+local.1"
wheels = [
    {{ name = "Alpha_One-1.0+local.1-py3-none-any.whl", url = "https://files.invalid/download?id=7", hashes = {{ sha256 = "{SHA['d']}" }} }},
    {{ name = "alpha_one-1.0+local.1-1-py3-none-any.whl", url = "https://files.invalid/alpha_one-1.0%2Blocal.1-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA['e']}" }} }},
]

[[packages]]
name = "direct"
version = "1"
wheels = [
    {{ url = "https://files.invalid/direct-1-py3-none-any.whl", size = 5, hashes = {{ sha256 = "{SHA['g']}" }} }},
]

[[packages]]
name = "zeta"
version = "2.0"
marker = "sys_platform == 'win32'"
index = "https://index.invalid/simple"
wheels = [
    {{ url = "https://files.invalid/9/zeta-2.0-cp311-cp311-win_amd64.whl?a=b#c", hashes = {{ sha256 = "{SHA['c']}" }} }},
    {{ url = "https://files.invalid/9/zeta-2.0-py3-none-any.whl", size = 17, hashes = {{ sha256 = "{SHA['b']}" }} }},
]

[[packages]]
name = "zeta"
version = "10.0"
wheels = [
    {{ path = "zeta-10.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA['f']}" }} }},
]

[[tool.lamina.inherited]]
name = "base"
version = "3"
from = "framework-base"

[[tool.lamina.runtime-archives]]
platform = "linux_x86_64"
name = "cpython-linux.tar"
sha256 = "{SHA['a']}"

[[tool.lamina.runtime-archives]]
platform = "win_amd64"
name = "cpython-win.tar"
url = "https://files.invalid/cpython-win.tar"
sha256 = "{SHA['h']}"
"""

WITHOUT_URLS = f"""\
# Written by lamina. Do not edit: relock to change.
lock-version = "1.0"
environments = [
    "sys_platform == 'linux'",
    "sys_platform == 'win32'",
]
requires-python = ">=3.11,<3.12"
created-by = "lamina"

[[packages]]
name = "alpha-one"
version = "1.0+local.1"
wheels = [
    {{ path = "Alpha_One-1.0+local.1-py3-none-any.whl", hashes = {{ sha256 = "{SHA['d']}" }} }},
    {{ path = "alpha_one-1.0+local.1-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA['e']}" }} }},
]

[[packages]]
name = "direct"
version = "1"
wheels = [
    {{ path = "direct-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA['g']}" }} }},
]

[[packages]]
name = "zeta"
version = "2.0"
marker = "sys_platform == 'win32'"
wheels = [
    {{ path = "zeta-2.0-cp311-cp311-win_amd64.whl", hashes = {{ sha256 = "{SHA['c']}" }} }},
    {{ path = "zeta-2.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA['b']}" }} }},
]

[[packages]]
name = "zeta"
version = "10.0"
wheels = [
    {{ path = "zeta-10.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA['f']}" }} }},
]

[[tool.lamina.inherited]]
name = "base"
version = "3"
from = "framework-base"

[[tool.lamina.runtime-archives]]
platform = "linux_x86_64"
name = "cpython-linux.tar"
sha256 = "{SHA['a']}"

[[tool.lamina.runtime-archives]]
platform = "win_amd64"
name = "cpython-win.tar"
sha256 = "{SHA['h']}"
"""


def test_read_and_write(ask):
    (with_urls, without) = ask([["pylock", READ, True], ["pylock", READ, False]])
    assert with_urls["text"] == WRITTEN
    assert without["text"] == WITHOUT_URLS
    assert "invalid" not in without["text"]
    assert [(p["name"], p["version"], p["from"], p["sdist"]) for p in with_urls["packages"]] == [
        ("alpha-one", "1.0+local.1", None, False), ("base", "3", "framework-base", False), ("direct", "1", None, False),
        ("zeta", "2.0", None, True), ("zeta", "10.0", None, False)]
    assert [r["platform"] for r in with_urls["runtimes"]] == ["linux_x86_64", "win_amd64"]


def test_round_trip(ask):
    """What was written reads back equal, and writes the same again."""
    (first, bare) = ask([["pylock", READ, True], ["pylock", READ, False]])
    (again, bare_again) = ask([["pylock", first["text"], True], ["pylock", bare["text"], False]])
    for package in first["packages"]:
        package["sdist"] = False  # not written
    assert again == first
    assert bare_again["text"] == bare["text"]
    for package in first["packages"]:
        package["index"] = None
        for wheel in package["wheels"]:
            wheel["url"], wheel["size"] = None, 0
    assert bare_again["packages"] == first["packages"]


@pytest.mark.parametrize("with_urls", [True, False])
def test_other_readers_agree(ask, with_urls):
    (lock,) = ask([["pylock", READ, with_urls]])
    data = tomllib.loads(lock["text"])
    pylock = Pylock.from_dict(data)
    pylock.validate()
    own = [p for p in lock["packages"] if p["from"] is None]
    assert len(own) == len(pylock.packages)
    for ours, theirs in zip(own, pylock.packages):
        assert theirs.name == ours["name"]
        assert theirs.version == Version(ours["version"])
        assert theirs.marker == (Marker(ours["marker"]) if ours["marker"] else None)
        assert [(w.filename, w.size or 0, w.hashes) for w in theirs.wheels] == [
            (w["name"], w["size"] if with_urls else 0, {"sha256": w["sha256"]}) for w in ours["wheels"]]


def test_generated_locks(ask):
    """Any order in, the same bytes out; packaging finds every one valid."""
    rng = random.Random(11)
    for _ in range(30):
        packages = []
        for name in rng.sample(["a", "bb", "c-c", "d0", "e-e-e", "f"], rng.randint(0, 6)):
            version = rng.choice(["1", "1.0.post1", "2!3", "0.dev1"])
            wheels = [{"name": f"{name.replace('-', '_')}-{version}-{tag}.whl", "size": rng.randint(0, 99)}
                for tag in rng.sample(["py3-none-any", "cp311-cp311-win_amd64", "cp311-abi3-linux_x86_64"], rng.randint(1, 3))]
            packages.append((name, version, wheels))
        texts = []
        for _ in range(3):
            rng.shuffle(packages)
            text = 'created-by = "x"\nlock-version = "1.7"\npackages = [\n'
            for name, version, wheels in packages:
                rng.shuffle(wheels)
                rows = ", ".join(f"{{ url = 'https://x.invalid/{w['name']}', size = {w['size']}, "
                    f"hashes = {{ sha256 = '{hashlib.sha256(w['name'].encode()).hexdigest()}' }} }}" for w in wheels)
                text += f"{{ name = '{name}', version = '{version}', wheels = [{rows}] }},\n"
            texts.append(text + "]\n")
        for with_urls in (True, False):
            written = {answer["text"] for answer in ask(["pylock", text, with_urls] for text in texts)}
            assert len(written) == 1
            Pylock.from_dict(tomllib.loads(written.pop())).validate()


def test_local_paths_stay_out(ask):
    text = f"""lock-version = "1.0"
created-by = "resolver"
[[packages]]
name = "a"
version = "1"
index = "file:///srv/me/index"
wheels = [{{ url = "file:///srv/me/wheels/a-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA['a']}" }} }}]
"""
    (lock,) = ask([["pylock", text, True]])
    assert "srv" not in lock["text"]
    assert f'{{ path = "a-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA["a"]}" }} }}' in lock["text"]


# --- the resolver's own output

class Index(http.server.BaseHTTPRequestHandler):
    """A simple index over a folder of wheels."""

    def __init__(self, folder, *args):
        self.folder = folder
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def do_GET(self):
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "simple":
            names = sorted(path.name for path in self.folder.glob(f"{name}-*.whl"))
            body = "".join(f'<a href="/files/{n}#sha256={fake_wheels.sha256(self.folder, n)}">{n}</a>' for n in names).encode()
        else:
            body = (self.folder / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if kind == "simple" else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET


@pytest.fixture
def index(tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    for project, tag in [("first", "py3-none-any"), ("second", "cp311-cp311-win_amd64"), ("second", "py3-none-any"),
            ("third", "cp311-cp311-manylinux_2_28_x86_64")]:
        fake_wheels.make(folder, project, tag)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Index, folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_output_of_uv(ask, run, index, tmp_path):
    """An export of a project, from an index that asks for a password: read, written, and accepted by uv again."""
    folder, host = index
    (tmp_path / "pyproject.toml").write_text(f"""
[project]
name = "project"
version = "0"
requires-python = "==3.11.*"
dependencies = ["first", "second; sys_platform == 'win32'", "third; sys_platform == 'linux'"]
[[tool.uv.index]]
name = "private"
url = "http://user:secret@{host}/simple"
default = true
""")
    run("uv", "lock", "-q", cwd=tmp_path).ok()
    exported = run("uv", "export", "-q", "--format", "pylock.toml", "--no-emit-project", cwd=tmp_path).ok().out
    (lock,) = ask([["pylock", exported, True]])
    wheels = {p["name"]: [w["name"] for w in p["wheels"]] for p in lock["packages"]}
    assert wheels == {"first": ["first-1.0-py3-none-any.whl"],
        "second": ["second-1.0-cp311-cp311-win_amd64.whl", "second-1.0-py3-none-any.whl"],
        "third": ["third-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"]}
    assert {w["sha256"] for p in lock["packages"] for w in p["wheels"]} == {
        fake_wheels.sha256(folder, path.name) for path in folder.iterdir()}
    assert [p["marker"] for p in lock["packages"]] == [None, "sys_platform == 'win32'", "sys_platform == 'linux'"]
    assert {p["index"] for p in lock["packages"]} == {f"http://{host}/simple"}
    assert "secret" not in lock["text"]

    # uv installs from what we wrote, with URLs
    (tmp_path / "pylock.toml").write_text(lock["text"])
    run("uv", "pip", "install", "--preview-features", "pylock", "-r", tmp_path / "pylock.toml", "--target", tmp_path / "out",
        "--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.11", "--no-config").ok()
    assert {p.name for p in (tmp_path / "out").glob("*_which.py")} == {"first_which.py", "third_which.py"}


def test_output_of_uv_for_local_files(ask, run, index, tmp_path):
    folder, _ = index
    (tmp_path / "in.txt").write_text(f"second\nfirst @ file://{folder}/first-1.0-py3-none-any.whl\n")
    compiled = run("uv", "pip", "compile", "-q", "--no-config", "--no-index", "--find-links", folder, "--format", "pylock.toml",
        "--universal", "--python-version", "3.11", tmp_path / "in.txt").ok().out
    (lock,) = ask([["pylock", compiled, True]])
    assert {p["name"]: [w["name"] for w in p["wheels"]] for p in lock["packages"]} == {
        "first": ["first-1.0-py3-none-any.whl"],
        "second": ["second-1.0-cp311-cp311-win_amd64.whl", "second-1.0-py3-none-any.whl"]}
    assert str(tmp_path) not in lock["text"]


# --- what is refused

HEAD = 'lock-version = "1.0"\ncreated-by = "x"\n'
WHEEL = f'{{ url = "https://x.invalid/a-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA["a"]}" }} }}'


def package(*lines, wheels=WHEEL):
    """A package 'a' from line 3 on: [[packages]], name, version, then these lines, then its wheels."""
    return HEAD + "\n".join(["[[packages]]", 'name = "a"', 'version = "1"', *lines, f"wheels = [{wheels}]", ""])


def wheel(**changes):
    """A package whose only wheel is this; None leaves a key out."""
    keys = {"url": '"https://x.invalid/a-1-py3-none-any.whl"', "hashes": f'{{ sha256 = "{SHA["a"]}" }}', **changes}
    return package(wheels="{ " + ", ".join(f"{k} = {v}" for k, v in keys.items() if v is not None) + " }")


def runtime(**changes):
    keys = {"platform": '"linux_x86_64"', "name": '"x.tar"', "sha256": f'"{SHA["a"]}"', **changes}
    rows = "".join(f"{k} = {v}\n" for k, v in keys.items() if v is not None)
    return HEAD + "packages = []\n[[tool.lamina.runtime-archives]]\n" + rows


NOT_A_TABLE = "'hashes' of wheel 'a-1-py3-none-any.whl' is not a table"
REFUSED = [
    # the file as a whole
    ("", 1, 1, "the lock has no 'lock-version'"),
    ("a = ", 1, 5, None),
    ('lock-version = "1.0"\nlock-version = "1.0"\n', 2, 1, None),
    ("lock-version = 1.0", 1, 16, "'lock-version' of the lock is not a string"),
    ('lock-version = ""', 1, 16, "'lock-version' of the lock is empty"),
    ('lock-version = "one"', 1, 16, "'lock-version' is not a version"),
    ('lock-version = "2.0"', 1, 16, "lock version 2.0 is not known here, only 1 is"),
    ('lock-version = "1!1.0"', 1, 16, "lock version 1!1.0 is not known here, only 1 is"),
    ('lock-version = "1.0"', 1, 1, "the lock has no 'created-by'"),
    (HEAD, 1, 1, "the lock has no 'packages'"),
    (HEAD + "packages = 1", 3, 12, "'packages' of the lock is not an array"),
    (HEAD + "packages = [1]", 3, 13, "a package is not a table"),
    (HEAD + "environments = 1", 3, 16, "'environments' of the lock is not an array"),
    (HEAD + "environments = [1]", 3, 17, "an environment is not a string"),
    (HEAD + 'environments = ["os == 1"]', 3, 17, "an environment: column 1: 'os' is not a marker variable"),
    (HEAD + 'requires-python = ">=3.x"', 3, 19, "'requires-python': '3.x' is not a version"),
    (HEAD + "requires-python = 3", 3, 19, "'requires-python' of the lock is not a string"),
    # packages
    (HEAD + "[[packages]]\n", 3, 1, "a package has no 'name'"),
    (HEAD + '[[packages]]\nname = "-a"', 4, 8, "'-a' is not a package name"),
    (HEAD + '[[packages]]\nname = "A_b"', 4, 8, "package name 'A_b' is not normalised ('a-b')"),
    (HEAD + '[[packages]]\nname = "../a"', 4, 8, "'../a' is not a package name"),
    (HEAD + '[[packages]]\nname = "a\\u0000b"', 4, 8, "'name' of a package holds a control character"),
    (HEAD + '[[packages]]\nname = "a"\nversion = "x"', 5, 11, "version 'x' of package 'a' is not a version"),
    (HEAD + '[[packages]]\nname = "a"\nversion = 1', 5, 11, "'version' of package 'a' is not a string"),
    (HEAD + '[[packages]]\nname = "a"\nversion = "1"', 3, 1, "package 'a' has no wheels and no other source"),
    (HEAD + f'[[packages]]\nname = "a"\nwheels = [{WHEEL}]', 5, 11, "package 'a' has wheels but no 'version'"),
    (package('marker = "x == 1"'), 6, 10, "marker of package 'a': column 1: 'x' is not a marker variable"),
    (package('marker = ""'), 6, 10, "'marker' of package 'a' is empty"),
    (package('index = "x.invalid"'), 6, 9, "'index' of package 'a' is not an absolute URL"),
    (package('index = "https://me:pw@x.invalid/"'), 6, 9,
        "'index' of package 'a' holds a user name or password: a lock must hold no secrets"),
    (package("sdist = 1"), 6, 9, "'sdist' of package 'a' is not a table"),
    (package("vcs = []"), 6, 7, "'vcs' of package 'a' is not a table"),
    (package('archive = { url = "https://x.invalid/a-1-py3-none-any.whl" }'), 6, 11,
        "package 'a' has both 'archive' and 'wheels'"),
    (HEAD + '[[packages]]\nname = "a"\nversion = "1"\narchive = {}', 6, 11,
        "the archive of package 'a' has neither 'name' nor 'url' nor 'path'"),
    (package() + package().replace(HEAD, ""), 7, 1, "package 'a' is there twice with the same version and marker"),
    # wheels
    (HEAD + '[[packages]]\nname = "a"\nversion = "1"\nwheels = 1', 6, 10, "'wheels' of package 'a' is not an array"),
    (package(wheels="1"), 6, 11, "a wheel of package 'a' is not a table"),
    (wheel(url=None), 6, 11, "a wheel of package 'a' has neither 'name' nor 'url' nor 'path'"),
    (wheel(url="1"), 6, 19, "'url' of a wheel of package 'a' is not a string"),
    (wheel(url='"a-1-py3-none-any.whl"'), 6, 19, "'url' of a wheel of package 'a' is not an absolute URL"),
    (wheel(url='"https://x.invalid/a b/a-1-py3-none-any.whl"'), 6, 19, "'url' of a wheel of package 'a' is not an absolute URL"),
    (wheel(url='"https://token@x.invalid/a-1-py3-none-any.whl"'), 6, 19,
        "'url' of a wheel of package 'a' holds a user name or password: a lock must hold no secrets"),
    (wheel(url='"https://x.invalid/"'), 6, 11,
        "package 'a': wheel file name '': it does not end in '.whl'"),
    (wheel(url='"https://x.invalid/..%2Fa-1-py3-none-any.whl"'), 6, 11,
        "package 'a': wheel file name with a character besides letters, digits and '-_.+!'"),
    (wheel(url='"https://x.invalid/a-1-py3-none-any.whl%00.txt"'), 6, 11,
        "package 'a': wheel file name with a character besides letters, digits and '-_.+!'"),
    (wheel(name='"../a-1-py3-none-any.whl"'), 6, 11,
        "package 'a': wheel file name with a character besides letters, digits and '-_.+!'"),
    (wheel(name='"a-1.whl"'), 6, 11,
        "package 'a': wheel file name 'a-1.whl': expected NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl"),
    (wheel(name='"b-1-py3-none-any.whl"'), 6, 11, "wheel 'b-1-py3-none-any.whl' does not belong to package 'a'"),
    (wheel(name='"a-2-py3-none-any.whl"'), 6, 11, "wheel 'a-2-py3-none-any.whl' is not of version 1"),
    (wheel(size="-1"), 6, None, "'size' of wheel 'a-1-py3-none-any.whl' is negative"),
    (wheel(size='"1"'), 6, None, "'size' of wheel 'a-1-py3-none-any.whl' is not an integer"),
    (wheel(hashes=None), 6, 11, "wheel 'a-1-py3-none-any.whl' has no 'hashes'"),
    (wheel(hashes="1"), 6, None, NOT_A_TABLE),
    (wheel(hashes='{ md5 = "x" }'), 6, None, "'hashes' of wheel 'a-1-py3-none-any.whl' has no 'sha256'"),
    (wheel(hashes='{ sha256 = "x" }'), 6, None, "'sha256' of wheel 'a-1-py3-none-any.whl' is not 64 hexadecimal digits"),
    (wheel(hashes=f'{{ sha256 = "{SHA["a"]}0" }}'), 6, None,
        "'sha256' of wheel 'a-1-py3-none-any.whl' is not 64 hexadecimal digits"),
    (package(wheels=WHEEL + "," + WHEEL.replace(SHA["a"], SHA["b"])), 6, 10,
        "wheel 'a-1-py3-none-any.whl' is there twice with different digests"),
    # tool.lamina
    (HEAD + "packages = []\ntool = 1", 4, 8, "'tool' of the lock is not a table"),
    (HEAD + "packages = []\n[tool]\nlamina = 1", 5, 10, "'lamina' of 'tool' is not a table"),
    (HEAD + "packages = []\n[tool.lamina]\ninherit = []", 5, 1,
        "'tool.lamina' has an unknown key 'inherit' (did you mean 'inherited'?)"),
    (HEAD + 'packages = []\n[tool.lamina]\n"\\u001B[2J" = 1', 5, 15, "'tool.lamina' has an unknown key"),
    (package("x = 1", "marker = \"os_name == '" + "\u00e9" * 3000 + '"'), 7, 10,
        "marker of package 'a': column 12: the string is never closed"),
    (package('version = "' + "\u00e9" * 3000 + '"').replace('version = "1"\n', ""), 5, 11,
        "version '" + "\u00e9" * 2041 + "..."),
    (HEAD + "packages = []\n[tool.lamina]\nx = 1", 5, 1, "'tool.lamina' has an unknown key 'x'"),
    (HEAD + "packages = []\n[tool.lamina]\ninherited = 1", 5, 13, "'inherited' of 'tool.lamina' is not an array"),
    (HEAD + "packages = []\n[tool.lamina]\ninherited = [1]", 5, 14, "an inherited package is not a table"),
    (HEAD + 'packages = []\n[[tool.lamina.inherited]]\nname = "b"\nfrom = "x"', 4, 1, "package 'b' has no 'version'"),
    (HEAD + 'packages = []\n[[tool.lamina.inherited]]\nname = "b"\nversion = "1"', 4, 1, "an inherited package has no 'from'"),
    (HEAD + 'packages = []\n[[tool.lamina.inherited]]\nwheels = []', 5, 1, "an inherited package has an unknown key 'wheels'"),
    (HEAD + "packages = []\n[tool.lamina]\nruntime-archives = 1", 5, 20, "'runtime-archives' of 'tool.lamina' is not an array"),
    (HEAD + "packages = []\n[tool.lamina]\nruntime-archives = [1]", 5, 21, "a runtime archive is not a table"),
    (runtime(platform=None), 4, 1, "a runtime archive has no 'platform'"),
    (runtime(platform='"linux"'), 5, 12, "'linux' is not a platform"),
    (runtime(name=None), 4, 1, "a runtime archive has no 'name'"),
    (runtime(name='"../x"'), 6, 8, "'../x' is not safe as a file name"),
    (runtime(name='".hidden"'), 6, 8, "'.hidden' is not safe as a file name"),
    (runtime(sha256='"00"'), 7, 10, "'sha256' is not 64 hexadecimal digits"),
    (runtime(url='"https://me@x.invalid/x.tar"'), 8, 7,
        "'url' of a runtime archive holds a user name or password: a lock must hold no secrets"),
    (runtime(sha512='"00"'), 8, 1, "a runtime archive has an unknown key 'sha512'"),
    (runtime() + runtime().split("packages = []\n")[1], 8, 1, "two runtime archives for 'linux_x86_64'"),
]


@pytest.mark.parametrize("text, line, column, message", REFUSED)
def test_refused(ask, text, line, column, message):
    (answer,) = ask([["pylock", text, True]])
    assert answer.get("code") == 4, answer
    assert answer["line"] == line
    assert column is None or answer["column"] == column
    assert message is None or answer["error"] == message
    assert "pw" not in answer["error"] and "token" not in answer["error"]


def test_doubles_that_agree(ask):
    (lock,) = ask([["pylock", package(wheels=f"{WHEEL}, {WHEEL.replace('hashes', 'size = 3, hashes')}"), True]])
    assert [(w["name"], w["size"]) for w in lock["packages"][0]["wheels"]] == [("a-1-py3-none-any.whl", 3)]


def test_damaged_files(ask):
    """One byte changed, lost or added at a time: read or refused, never a crash."""
    rng = random.Random(12)
    texts = []
    for _ in range(1500):
        place, byte = rng.randrange(len(WRITTEN)), rng.choice("\"'[]{}=,.#\n\\%\0\u00e9 0ax-")
        texts.append(rng.choice([WRITTEN[:place] + byte + WRITTEN[place:], WRITTEN[:place] + WRITTEN[place + 1:],
            WRITTEN[:place] + byte + WRITTEN[place + 1:], WRITTEN[:place]]))
    for text, answer in zip(texts, ask(["pylock", t, True] for t in texts)):
        assert "text" in answer or (answer["code"] in (2, 4) and answer["line"] >= 1), text
