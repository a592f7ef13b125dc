"""Where runtime archives come from: their digest is recorded when a lock is made, and holds from then on."""

import hashlib
import json
import os
import shutil

import pytest

import fake_stack
import web
from lock_stack import framework

LINUX, WINDOWS = "linux_x86_64", "win_amd64"
TRIPLES = {LINUX: "x86_64-unknown-linux-gnu", WINDOWS: "x86_64-pc-windows-msvc"}
OLDER, NEWER = "20250101", "20250317"


def name_of(platform, date=NEWER, version="3.11.11", rest="install_only_stripped.tar"):
    return f"cpython-{version}+{date}-{TRIPLES[platform]}-{rest}"


@pytest.fixture
def archives(tmp_path):
    """archives(name, ...): small runtime archives of these file names in a folder; each is another one. Returns the folder."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    def make(*names):
        for name in names:
            files = fake_stack.WINDOWS if "windows" in name else fake_stack.POSIX
            fake_stack.fake_runtime(folder / name, [*files, f"lib/{name}"])
        return folder

    return make


@pytest.fixture
def fake_uv(tmp_path, server, monkeypatch):
    """fake_uv(platform=name, ...): a resolver that knows these archives to be on the server, and is uv in all else."""
    monkeypatch.setenv("REAL_UV", shutil.which("uv"))
    asked = tmp_path / "asked"

    def make(**names):
        known = [{"key": "cpython-3.11.11-linux-x86_64-musl", "variant": "default",
            "url": "https://example.invalid/cpython-3.11.11%2B20250317-x86_64-unknown-linux-musl-install_only.tar.gz"},
            {"key": "cpython-3.11.11+freethreaded-linux-x86_64-gnu", "variant": "freethreaded",
            "url": "https://example.invalid/cpython-3.11.11%2B20250317-x86_64-unknown-linux-gnu-install_only.tar.gz"}]
        known += [{"key": platform, "variant": "default", "url": server.url("/upstream/" + name.replace("+", "%2B"))}
            for platform, name in names.items()]
        (tmp_path / "known.json").write_text(json.dumps(known))
        program = tmp_path / "uv"
        program.write_text(f"""#!/bin/sh
if [ "$1 $2" = "python list" ]; then echo "$@" >> '{asked}'; exec cat '{tmp_path}/known.json'; fi
exec "$REAL_UV" "$@"
""")
        program.chmod(0o755)
        return program

    make.asked = asked
    return make


def serve(server, path, folder, *names):
    for name in names:
        server.answers[f"/{path}/" + name.replace("+", "%2B")] = [web.content((folder / name).read_bytes())]


def recorded(stack):
    """{platform: what the lock says of its archive}"""
    return {entry.pop("platform"): entry for entry in stack.pylock("py")["tool"]["lamina"]["runtime-archives"]}


def digest(folder, name):
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


def build(stack, tmp_path, *options, **run_options):
    return stack.run("build", "--include", "py", "--no-lock-if-needed", "--build-dir", tmp_path / "built", *options, **run_options)


@pytest.fixture
def plain(stack, tmp_path):
    """A stack of a runtime for two platforms, of which the spec names no archive, and an empty store."""
    stack.store = tmp_path / "plain-store"
    return stack.layers("", archives="", platforms=[LINUX, WINDOWS])


def test_a_mirror_that_is_a_folder(plain, archives, tmp_path):
    """The last by name of those that are for this version and platform."""
    folder = archives(name_of(LINUX), name_of(LINUX, OLDER), name_of(WINDOWS, rest="install_only.tar"),
        name_of(LINUX, version="3.11.1"), name_of(LINUX, "20250901", version="3.11.111"), name_of(LINUX, rest="debug-full.tar"))
    plain.lock("--no-index", "--runtime-mirror", folder).ok()
    windows = name_of(WINDOWS, rest="install_only.tar")
    assert recorded(plain) == {LINUX: {"name": name_of(LINUX), "sha256": digest(folder, name_of(LINUX))},
        WINDOWS: {"name": windows, "sha256": digest(folder, windows)}}
    assert str(tmp_path) not in plain.text("py")
    # with an empty store, from the mirror again
    shutil.rmtree(plain.store)
    build(plain, tmp_path, "--no-index", env={"LAMINA_RUNTIME_MIRROR": folder}).ok()
    assert list((tmp_path / "built").glob("**/lib/cpython-3.11.11+20250317-x86_64-unknown-linux-gnu-install_only_stripped.tar"))


def test_a_relock_keeps_the_archive(plain, archives):
    """A newer build of the same version is taken by a reset only."""
    folder = archives(name_of(LINUX, OLDER), name_of(WINDOWS, OLDER))
    plain.lock("--no-index", "--runtime-mirror", folder).ok()
    before = plain.files()
    archives(name_of(LINUX), name_of(WINDOWS))
    plain.lock("--no-index", "--runtime-mirror", folder).ok()
    assert plain.files() == before
    plain.layers("", archives="", platforms=[LINUX, WINDOWS], uv='exclude-newer = "2026-06-02T00:00:00Z"')
    plain.lock("--no-index", "--runtime-mirror", folder, "--if-needed").ok()
    assert recorded(plain)[LINUX]["name"] == name_of(LINUX, OLDER)
    plain.lock("--no-index", "--runtime-mirror", folder, "--reset-lock", "py").ok()
    assert {entry["name"] for entry in recorded(plain).values()} == {name_of(LINUX), name_of(WINDOWS)}


def test_another_python_version_is_another_archive(plain, archives):
    folder = archives(name_of(LINUX), name_of(LINUX, version="3.11.12"), name_of(WINDOWS), name_of(WINDOWS, version="3.11.12"))
    plain.lock("--no-index", "--runtime-mirror", folder).ok()
    plain.spec.write_text(plain.spec.read_text().replace("3.11.11", "3.11.12"))
    assert plain.status()["py"]["lock_problem"] == "its platforms, indexes or lower layers changed"
    plain.lock("--no-index", "--runtime-mirror", folder, "--if-needed").ok()
    assert {entry["name"] for entry in recorded(plain).values()} == {
        name_of(LINUX, version="3.11.12"), name_of(WINDOWS, version="3.11.12")}


@pytest.mark.parametrize("urls", ["true", "false"])
def test_what_the_resolver_knows(plain, archives, fake_uv, server, tmp_path, urls):
    """Its URL is asked for the bytes; the digest is recorded, and checked from then on."""
    folder = archives(name_of(LINUX), name_of(WINDOWS))
    serve(server, "upstream", folder, name_of(LINUX), name_of(WINDOWS))
    uv = fake_uv(**{platform: name_of(platform) for platform in (LINUX, WINDOWS)})
    plain.layers("", archives="", platforms=[LINUX, WINDOWS], lamina=f"lock_urls = {urls}")
    plain.lock("--uv", uv).ok()
    for platform, entry in recorded(plain).items():
        name = name_of(platform)
        url = {"url": server.url("/upstream/" + name.replace("+", "%2B"))} if urls == "true" else {}
        assert entry == {"name": name, "sha256": digest(folder, name), **url}
    assert "python list --only-downloads" in fake_uv.asked.read_text()
    shutil.rmtree(plain.store)
    build(plain, tmp_path, "--uv", uv).ok()
    # another file there now
    shutil.rmtree(plain.store)
    fake_stack.fake_runtime(folder / name_of(LINUX), [*fake_stack.POSIX, "lib/evil"])
    serve(server, "upstream", folder, name_of(LINUX))
    result = build(plain, tmp_path, "--uv", uv, "--clean")
    assert result.code == 4 and name_of(LINUX) in result.err and result.err.count("\n") == 1
    assert not list((tmp_path / "built").glob("**/lib/evil"))


@pytest.mark.parametrize("urls", ["true", "false"])
def test_a_mirror_that_is_a_url(plain, archives, fake_uv, server, tmp_path, urls):
    """The resolver says how the file is called, the mirror has it; the lock does not depend on the mirror."""
    folder = archives(name_of(LINUX), name_of(WINDOWS))
    serve(server, "mirror", folder, name_of(LINUX), name_of(WINDOWS))
    uv = fake_uv(**{platform: name_of(platform) for platform in (LINUX, WINDOWS)})
    plain.layers("", archives="", platforms=[LINUX, WINDOWS], lamina=f"lock_urls = {urls}")
    for mirror in (server.url("/mirror"), server.url("/mirror/")):
        plain.lock("--uv", uv, "--runtime-mirror", mirror).ok()
    for platform, entry in recorded(plain).items():
        assert entry["sha256"] == digest(folder, name_of(platform)) and "/mirror" not in entry.get("url", "")
    assert {path for path, _ in server.requests} == {f"/mirror/{name_of(p).replace('+', '%2B')}" for p in (LINUX, WINDOWS)}
    shutil.rmtree(plain.store)
    build(plain, tmp_path, "--uv", "/nowhere/uv", env={"LAMINA_RUNTIME_MIRROR": server.url("/mirror")}).ok()
    assert not [path for path, _ in server.requests if "upstream" in path]


def test_a_mirror_with_another_file(plain, archives, tmp_path):
    folder = archives(name_of(LINUX), name_of(WINDOWS))
    plain.lock("--no-index", "--runtime-mirror", folder).ok()
    want = digest(folder, name_of(LINUX))
    shutil.rmtree(plain.store)
    fake_stack.fake_runtime(folder / name_of(LINUX), [*fake_stack.POSIX, "lib/evil"])
    result = build(plain, tmp_path, "--runtime-mirror", folder, "--no-index")
    assert (result.code, result.err.splitlines()[-1]) == (4, f"lamina: layer 'py': '{folder / name_of(LINUX)}' has the SHA-256 "
        f"{digest(folder, name_of(LINUX))}, expected is {want}")


def test_nobody_has_it(plain, archives, tmp_path):
    folder = archives(name_of(LINUX), name_of(WINDOWS))
    plain.lock("--no-index", "--runtime-mirror", folder).ok()
    shutil.rmtree(plain.store)
    result = build(plain, tmp_path, "--no-index")
    assert (result.code, result.err) == (1, f"lamina: layer 'py': the runtime archive '{name_of(LINUX)}' is nowhere to be found: "
        "give a folder or URL that has it with --runtime-mirror\n")


def test_no_archive_for_a_platform(plain, archives, fake_uv, tmp_path):
    """It can be locked, and built for the others."""
    folder = archives(name_of(LINUX))
    plain.lock("--uv", fake_uv(), "--runtime-mirror", folder).ok()
    assert set(recorded(plain)) == {LINUX}
    build(plain, tmp_path, "--no-index", "--runtime-mirror", folder).ok()
    result = build(plain, tmp_path, "--platform", WINDOWS, "--no-index", "--runtime-mirror", folder)
    assert result.code == 1
    assert result.err.splitlines()[-1] == ("lamina: layer 'py': no runtime archive is known for 'cpython@3.11.11' on win_amd64: "
        "name one in [[tool.lamina.runtime_archives]], or give a folder of them with --runtime-mirror")


def test_a_mirror_that_is_not_there(plain, tmp_path):
    result = plain.lock("--runtime-mirror", tmp_path / "nowhere")
    assert (result.code, result.err) == (1,
        f"lamina: layer 'py': reading the runtime mirror: cannot list '{tmp_path}/nowhere': No such file or directory\n")
    assert plain.files() == {}


def test_an_archive_of_the_spec_with_another_digest(plain, archives, tmp_path):
    folder = archives("runtime.tar")
    entry = '[[tool.lamina.runtime_archives]]\nimplementation = "cpython@3.11.11"\nplatform = "{}"\n{}\nsha256 = "{}"\n'
    plain.layers("", platforms=[LINUX], archives=entry.format(LINUX, 'path = "../mirror/runtime.tar"', "7" * 64))
    plain.lock().ok()  # nothing is read yet
    result = build(plain, tmp_path)
    assert (result.code, result.err) == (4, f"lamina: layer 'py': '{plain.folder}/../mirror/runtime.tar' has the SHA-256 "
        f"{digest(folder, 'runtime.tar')}, expected is {'7' * 64}\n")


def test_an_archive_of_the_spec_with_a_url(plain, archives, server, tmp_path):
    folder = archives("runtime.tar")
    server.answers["/some/where.tar"] = [web.content((folder / "runtime.tar").read_bytes())]
    entry = '[[tool.lamina.runtime_archives]]\nimplementation = "cpython@3.11.11"\nplatform = "{}"\nurl = "{}"\nsha256 = "{}"\n'
    plain.layers("", platforms=[LINUX],
        archives=entry.format(LINUX, server.url("/some/where.tar"), digest(folder, "runtime.tar").upper()))
    plain.lock().ok()
    assert recorded(plain) == {LINUX: {"name": "where.tar", "url": server.url("/some/where.tar"),
        "sha256": digest(folder, "runtime.tar")}}
    assert server.requests == []
    build(plain, tmp_path, "--runtime-mirror", folder).ok()


def test_a_resolver_that_does_not_answer_about_archives(plain, tmp_path):
    program = tmp_path / "uv"
    for script, text in (("echo '[{'", "the resolver's answer about 'cpython@3.11.11': line 2"), ("echo 'error: no list' >&2; exit 2", "no list")):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        result = plain.lock("--uv", program)
        assert result.code == 1 and text in result.err and result.err.count("\n") == 1
        assert "'cpython@3.11.11'" in result.err
    assert plain.files() == {}


def test_the_interpreter_of_the_mirror_resolves(stack, archives, index, tmp_path):
    """Packages are resolved with the runtime's own Python where an archive for this machine is known."""
    index.add("alpha", "1.0")
    stack.store = tmp_path / "own-store"
    mirror = tmp_path / "mirror"
    mirror.mkdir(exist_ok=True)
    os.link(stack.archive, mirror / name_of(LINUX)) if os.stat(stack.archive).st_dev == os.stat(mirror).st_dev else (
        shutil.copy(stack.archive, mirror / name_of(LINUX)))
    stack.layers(framework("one", "alpha"), archives="")
    stack.lock("--runtime-mirror", mirror, env={"PATH": f"{os.path.dirname(shutil.which('uv'))}"}).ok()
    assert stack.packages("framework-one") == ["alpha==1.0"]
    (tree,) = (stack.store / "trees").glob("*/bin/python3.11")
