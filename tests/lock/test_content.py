"""What is in the files of a lock."""

import json
import re
import shutil

import pytest
from packaging.markers import Marker

import web
from lock_stack import ALL, OTHER_DIGEST, Stack, application, framework, on
from package_index import NEW, OLD, Index, native, sha256

LINUX, MAC, WINDOWS = "linux_x86_64", "macosx_arm64", "win_amd64"


def by_name(stack, layer):
    return {package["name"]: package for package in stack.pylock(layer)["packages"]}


def inherited(stack, layer):
    return stack.pylock(layer).get("tool", {}).get("lamina", {}).get("inherited", [])


def test_the_files_of_a_small_stack(stack, index):
    """Every byte of the four files of each layer."""
    alpha = index.add("alpha", "1.0", requires=["beta>=1", "winonly; sys_platform == 'win32'"])
    winonly = index.add("winonly", "3")
    beta = index.add("Beta", "1.5", native(LINUX), native(WINDOWS))
    index.server.answers[f"/{index.place}/simple/beta/"] = index.server.answers[f"/{index.place}/simple/Beta/"]
    stack.layers(framework("one", "alpha", "Beta >= 1.0") + framework("two", "alpha", below=on("one")),
        platforms=[LINUX, WINDOWS], lamina="lock_urls = false")
    stack.lock().ok()
    notice = "# Written by lamina. Do not edit: relock to change.\n"
    head = f'{notice}lock-version = "1.0"\nrequires-python = "==3.11.*"\ncreated-by = "lamina"\n'
    marker = "platform_machine == 'AMD64' and sys_platform == 'win32'"

    def wheel(made, name):
        return (f'    {{ path = "{name}", hashes = {{ sha256 = "{sha256(made[name])}" }} }},\n')

    assert stack.text("py") == f"""{head}packages = []

[[tool.lamina.runtime-archives]]
platform = "linux_x86_64"
name = "runtime.tar"
sha256 = "{stack.digest}"

[[tool.lamina.runtime-archives]]
platform = "win_amd64"
name = "win_amd64.tar"
sha256 = "{OTHER_DIGEST}"
"""
    assert stack.text("framework-one") == f"""{head}
[[packages]]
name = "alpha"
version = "1.0"
wheels = [
{wheel(alpha, "alpha-1.0-py3-none-any.whl")}]

[[packages]]
name = "beta"
version = "1.5"
wheels = [
{wheel(beta, "Beta-1.5-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")}{
    wheel(beta, "Beta-1.5-cp311-cp311-win_amd64.whl")}]

[[packages]]
name = "winonly"
version = "3"
marker = "{marker}"
wheels = [
{wheel(winonly, "winonly-3-py3-none-any.whl")}]
"""
    assert stack.text("framework-two") == f"""{head}packages = []

[[tool.lamina.inherited]]
name = "alpha"
version = "1.0"
from = "framework-one"

[[tool.lamina.inherited]]
name = "beta"
version = "1.5"
from = "framework-one"

[[tool.lamina.inherited]]
name = "winonly"
version = "3"
marker = "{marker}"
from = "framework-one"
"""
    assert stack.text("py", "packages") == notice
    assert stack.text("framework-one", "packages") == f"{notice}alpha==1.0\nbeta==1.5\nwinonly==3 ; {marker}\n"
    assert stack.text("framework-two", "packages") == (f"{notice}alpha==1.0  # from framework-one\n"
        f"beta==1.5  # from framework-one\nwinonly==3 ; {marker}  # from framework-one\n")
    assert stack.text("py", "requirements") == notice
    assert stack.text("framework-one", "requirements") == f"{notice}alpha\nBeta >= 1.0\n"
    assert stack.text("framework-two", "requirements") == f"{notice}alpha\n"
    for layer in ("py", "framework-one", "framework-two"):
        meta = stack.meta(layer)
        assert list(meta) == ["lock_input_hash", "lock_version", "locked_at", "other_inputs_hash", "requirements_hash",
            "version_inputs_hash"]
        assert meta["requirements_hash"] == "sha256:" + sha256(stack.path(layer).read_bytes())
        assert (meta["lock_version"], meta["locked_at"]) == (1, "2026-06-01T00:00:00Z")
        assert stack.text(layer, "meta") == json.dumps(meta, indent=2, sort_keys=True) + "\n"
        assert sorted(path.name for path in stack.path(layer).parent.iterdir()) == sorted(
            stack.path(layer, kind).name for kind in ("pylock", "meta", "packages", "requirements"))


def test_one_resolution_for_all_platforms(stack, index):
    """Each platform gets its wheel, one version serves all of them, and wheels for nobody are not in the lock."""
    index.add("alpha", "1.0", *map(native, ALL))
    index.add("alpha", "2.0", *map(native, ALL), "cp311-cp311-musllinux_1_2_x86_64", "cp312-cp312-win_amd64", "cp311-cp311-win32",
        "pp311-pypy311_pp73-win_amd64")
    index.add_sdist("alpha", "2.0")
    stack.layers(framework("one", "alpha"), platforms=ALL)
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==2.0"]
    assert stack.wheels("framework-one", "alpha") == sorted(
        f"alpha-2.0-{native(platform)}.whl" for platform in ALL)
    assert "sdist" not in stack.text("framework-one") and "tar.gz" not in stack.text("framework-one")


def test_the_best_wheel_of_a_target(stack, index):
    """Of several that fit, the one for the newest glibc and macOS that the target has."""
    tags = [f"cp311-cp311-manylinux_2_{minor}_x86_64" for minor in (17, 28, 34)]
    index.add("alpha", "1.0", *tags, "py3-none-any", *[f"cp311-cp311-macosx_{major}_0_arm64" for major in (11, 13, 14)])
    stack.layers(framework("one", "alpha") + framework("two", "alpha", below='runtime = "new"'), platforms=[LINUX, MAC])
    stack.spec.write_text(stack.spec.read_text() + """
[[runtimes]]
name = "new"
python_implementation = "cpython@3.11.11"
requirements = []
platforms = ["linux_x86_64", "macosx_arm64"]
linux_target = "glibc@2.34"
macosx_target = "14.2"
""")
    stack.lock().ok()
    assert stack.wheels("framework-one", "alpha") == ["alpha-1.0-cp311-cp311-macosx_13_0_arm64.whl",
        "alpha-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"]
    assert stack.wheels("framework-two", "alpha") == ["alpha-1.0-cp311-cp311-macosx_14_0_arm64.whl",
        "alpha-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"]


def test_inherited_packages(stack, index):
    """A package of a lower layer has no files here, whichever layer below it comes from, and keeps that layer's version."""
    for name in ("alpha", "beta", "gamma"):
        index.add(name, "1.0")
        index.add(name, "2.0")
    stack.layers(framework("one", "beta") + framework("two", "gamma") + application("app", "alpha", "beta", "gamma>=1",
        below=on("one", "two")), requirements=["alpha==1.0"])
    (stack.folder / "app.py").write_text("")
    stack.lock().ok()
    assert inherited(stack, "app-app") == [
        {"name": "alpha", "version": "1.0", "from": "py"},
        {"name": "beta", "version": "2.0", "from": "framework-one"},
        {"name": "gamma", "version": "2.0", "from": "framework-two"},
    ]
    assert stack.pylock("app-app")["packages"] == []


def test_inherited_on_one_platform_only(stack, index):
    """The layer below has it on Windows only: elsewhere it is this layer's own, of the same version."""
    index.add("alpha", "1.0", native(LINUX), native(WINDOWS), native(MAC))
    index.add("alpha", "2.0", native(LINUX), native(WINDOWS), native(MAC))
    stack.layers(framework("one", "alpha==1.0; sys_platform == 'win32'") + framework("two", "alpha", below=on("one")),
        platforms=[LINUX, MAC, WINDOWS])
    stack.lock().ok()
    assert stack.wheels("framework-one", "alpha") == ["alpha-1.0-cp311-cp311-win_amd64.whl"]
    (windows,) = inherited(stack, "framework-two")
    assert windows["version"] == "1.0" and windows["from"] == "framework-one"
    assert "win32" in windows["marker"] and "linux" not in windows["marker"]
    own = [package for package in stack.pylock("framework-two")["packages"]]
    assert all("win32" not in package["marker"].replace("sys_platform != 'win32'", "") for package in own)
    assert {wheel["url"].rsplit("/", 1)[1] for package in own for wheel in package["wheels"]} == {
        f"alpha-2.0-{native(LINUX)}.whl", f"alpha-2.0-{native(MAC)}.whl"}


def test_one_version_inherited_on_one_platform(stack, index):
    """The resolver has one answer for all platforms; the part of it that no layer below has is for the others."""
    index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha; sys_platform == 'win32'") + framework("two", "alpha", below=on("one")),
        platforms=[LINUX, MAC, WINDOWS])
    stack.lock().ok()
    (windows,) = inherited(stack, "framework-two")
    assert (windows["version"], windows["from"]) == ("1.0", "framework-one")
    (own,) = stack.pylock("framework-two")["packages"]
    where = {"Linux": ("linux", "x86_64"), "Darwin": ("darwin", "arm64"), "Windows": ("win32", "AMD64")}
    for system, (platform, machine) in where.items():
        environment = {"platform_system": system, "sys_platform": platform, "platform_machine": machine}
        holds = [Marker(package["marker"]).evaluate(environment) for package in (own, windows)]
        assert holds == [system != "Windows", system == "Windows"], system


def test_two_layers_below_provide_it_on_different_platforms(stack, index):
    """Each platform inherits from the layer that is first in import order and has it there."""
    index.add("alpha", "1.0")
    index.add("alpha", "2.0")
    stack.layers(framework("one", "alpha==2.0; sys_platform == 'win32'") + framework("two", "alpha==1.0; sys_platform == 'linux'")
        + framework("top", "alpha", below=on("one", "two")), platforms=[LINUX, WINDOWS])
    stack.lock().ok()
    found = {(package["version"], package["from"]) for package in inherited(stack, "framework-top")}
    assert found == {("2.0", "framework-one"), ("1.0", "framework-two")}
    assert stack.pylock("framework-top")["packages"] == []


def test_what_no_target_needs_is_dropped(stack, index):
    index.add("alpha", "1.0", requires=["winonly; sys_platform == 'win32'", "oldpy; python_version < '3.9'",
        "anywhere; python_version >= '3.8'", "unix; sys_platform != 'win32'", "nobody; sys_platform == 'cygwin'"])
    for name in ("winonly", "anywhere", "unix"):
        index.add(name)
    stack.layers(framework("one", "alpha"), platforms=[LINUX, MAC])
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "anywhere==1.0", "unix==1.0"]
    assert "oldpy" not in index.pages and "nobody" not in index.pages


def test_a_marker_is_kept_where_it_does_not_hold_everywhere(stack, index):
    index.add("alpha", "1.0", requires=["unix; sys_platform != 'win32'", "arm; platform_machine == 'arm64'"])
    index.add("unix")
    index.add("arm")
    stack.layers(framework("one", "alpha") + framework("macs", "alpha", more=f'platforms = ["{MAC}"]'),
        platforms=[LINUX, MAC, WINDOWS])
    stack.lock().ok()
    lines = stack.packages("framework-one")
    assert [line.split(" ; ")[0] for line in lines] == ["alpha==1.0", "arm==1.0", "unix==1.0"]
    assert lines[0] == "alpha==1.0"
    assert "sys_platform == 'darwin'" in lines[1] and "linux" not in lines[1]
    assert "darwin" in lines[2] and "linux" in lines[2] and "win32" not in lines[2]
    assert stack.packages("framework-macs") == ["alpha==1.0", "arm==1.0", "unix==1.0"]


def test_versions_that_differ_between_platforms(stack, index):
    index.add("alpha", "1.0")
    index.add("alpha", "2.0")
    stack.layers(framework("one", "alpha<2; sys_platform == 'win32'", "alpha>=2; sys_platform != 'win32'"),
        platforms=[LINUX, WINDOWS])
    stack.lock().ok()
    assert [line.split(" ; ")[0] for line in stack.packages("framework-one")] == ["alpha==1.0", "alpha==2.0"]
    assert "win32" in stack.packages("framework-one")[0] and "linux" in stack.packages("framework-one")[1]


def test_extras(stack, index):
    index.add("alpha", "1.0", requires=["beta; extra == 'fast'", "gamma; extra == 'slow'"])
    index.add("beta")
    stack.layers(framework("one", "alpha[fast]"))
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "beta==1.0"]


def test_a_layer_without_requirements_or_platforms_needs_no_resolver(stack, index):
    stack.layers(framework("one") + framework("off", "alpha", more="platforms = []"))
    stack.lock("--uv", "/nowhere/uv").ok()
    assert stack.pylock("framework-one")["packages"] == [] == stack.pylock("framework-off")["packages"]
    assert index.pages == []


@pytest.mark.parametrize("platforms", [[LINUX], [LINUX, WINDOWS]], ids=len)
def test_lock_urls(stack, index, platforms):
    """With URLs a lock says where each file and each archive is."""
    made = index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"), platforms=platforms)
    stack.lock().ok()
    (package,) = stack.pylock("framework-one")["packages"]
    (wheel,) = package["wheels"]
    (name,) = made
    assert wheel == {"url": index.server.url(f"/{index.place}/files/{name}"), "size": len(made[name]),
        "hashes": {"sha256": sha256(made[name])}}


def test_no_urls_no_host_no_path(stack, index, tmp_path):
    """Without URLs nothing in any of the files tells where it was made or where it came from."""
    index.add("alpha", "1.0", native(LINUX), requires=["beta"])
    local = tmp_path / "wheels"
    local.mkdir()
    for name, data in Index(index.server, "unused").add("beta", "2.0").items():
        (local / name).write_bytes(data)
    stack.layers(framework("one", "alpha"), lamina="lock_urls = false")
    stack.lock("--local-wheels", local).ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "beta==2.0"]
    for path, (data, _) in stack.files().items():
        text = data.decode()
        assert not re.search(r"://|file:|127\.0\.0\.1|localhost|index", text), path
        assert str(tmp_path) not in text and index.place not in text and "/" not in text.replace("sha256:", ""), path


def test_wheels_of_local_folders_have_no_url(stack, index, tmp_path):
    """Nor in a lock with URLs: a path of this machine is no help to others."""
    for name, data in index.add("beta", "2.0").items():
        (stack.folder / name).write_bytes(data)
        stack.index.remove("beta", name)
    index.add("alpha", "1.0", requires=["beta"])
    stack.layers(framework("one", "alpha"))
    stack.lock("--local-wheels", ".").ok()
    packages = by_name(stack, "framework-one")
    assert [wheel["path"] for wheel in packages["beta"]["wheels"]] == ["beta-2.0-py3-none-any.whl"]
    assert packages["alpha"]["wheels"][0]["url"].startswith("http://")
    assert "file:" not in stack.text("framework-one") and str(tmp_path) not in stack.text("framework-one")
    assert "index" not in packages["beta"]


def test_an_index_of_the_spec_that_is_a_folder(stack, index):
    """A relative path as index: its place on this machine is not in the lock."""
    folder = stack.folder / "mirror" / "alpha"
    folder.mkdir(parents=True)
    for name, data in index.add("alpha", "1.0").items():
        (folder / name).write_bytes(data)
        (folder / "index.html").write_text(f'<a href="{name}#sha256={sha256(data)}">{name}</a>')
    stack.layers(framework("one", "alpha"), uv="", indexes='[[tool.uv.index]]\nname = "here"\nurl = "mirror"\ndefault = true\n')
    stack.lock().ok()
    (package,) = stack.pylock("framework-one")["packages"]
    assert package["wheels"][0]["path"] == "alpha-1.0-py3-none-any.whl"
    assert "index" not in package and str(stack.folder) not in stack.text("framework-one")


@pytest.mark.parametrize("time, locked_at, version", [
    ('"2026-02-01T00:00:00Z"', "2026-02-01T00:00:00Z", "1.0"),
    ('"2026-03-01T01:30:00.25+02:00"', "2026-02-28T23:30:00Z", "1.0"),
    ("2026-03-01T00:00:01Z", "2026-03-01T00:00:01Z", "2.0"),
    ('"2026-03-02"', "2026-03-02T00:00:00Z", "2.0"),
])
def test_exclude_newer(stack, index, time, locked_at, version):
    """It decides which files count, and it is the time of the lock."""
    index.add("alpha", "1.0", uploaded=OLD)
    index.add("alpha", "2.0", uploaded=NEW)
    stack.layers(framework("one", "alpha"), uv=f"exclude-newer = {time}")
    stack.lock().ok()
    assert stack.packages("framework-one") == [f"alpha=={version}"]
    assert stack.meta("framework-one")["locked_at"] == locked_at == stack.meta("py")["locked_at"]


def test_without_exclude_newer_the_clock(stack, index):
    """locked_at is when the lock came about, and stays while the lock does."""
    index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"), uv="")
    stack.lock().ok()
    first = stack.files()
    at = stack.meta("framework-one")["locked_at"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)
    meta = stack.path("framework-one", "meta")
    old = meta.read_text().replace(at, "2020-02-20T20:20:20Z")
    meta.write_text(old)  # as if it were from then
    stack.lock().ok()
    assert meta.read_text() == old
    assert stack.path("framework-one").stat().st_mtime_ns == first["framework-one/pylock.framework-one.toml"][1]
    index.add("alpha", "1.5")
    stack.lock("--reset-lock", "one").ok()
    assert stack.packages("framework-one") == ["alpha==1.5"]
    assert stack.meta("framework-one")["locked_at"] >= at


def test_two_machines_write_the_same_bytes(stack, index, lamina, runtimes, new_store, tmp_path):
    """Another HOME, store, cache, working folder, checkout, time zone, language and umask; more on the index since."""
    index.add("alpha", "1.0", *map(native, ALL), requires=["beta", "gamma; sys_platform == 'win32'"])
    for name in ("beta", "gamma"):
        index.add(name, "1.0")
    text = framework("one", "alpha") + application("app", "beta", below=on("one"))
    other = Stack(lamina, runtimes, tmp_path / "another place" / "checkout", new_store("other-store"), index)
    for one in (stack, other):
        one.layers(text, platforms=ALL, uv='exclude-newer = "2026-02-01T00:00:00Z"')
        (one.folder / "app.py").write_text("print()\n")
    stack.lock().ok()
    index.add("alpha", "2.0", *map(native, ALL), uploaded=NEW)
    index.add("beta", "1.0.post1", uploaded=NEW)
    other.lock(cwd=tmp_path / "another place", env={"HOME": tmp_path / "home", "UV_CACHE_DIR": tmp_path / "cache",
        "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None, "TZ": "Asia/Kathmandu", "LANG": "C", "LC_ALL": "C"}).ok()
    assert {path: data for path, (data, _) in stack.files().items()} == {path: data for path, (data, _) in other.files().items()}
    assert len(stack.files()) == 12


def test_a_direct_url(stack, index):
    made = index.add("alpha", "2.0", requires=["beta"])
    index.add("beta")
    url = index.server.url(f"/{index.place}/files/alpha-2.0-py3-none-any.whl")
    stack.layers(framework("one", f"alpha @ {url}"))
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==2.0", "beta==1.0"]
    (wheel,) = by_name(stack, "framework-one")["alpha"]["wheels"]
    assert wheel["url"] == url and wheel["hashes"]["sha256"] == sha256(made["alpha-2.0-py3-none-any.whl"])


@pytest.mark.parametrize("how", ["html", "without hashes"])
def test_indexes_that_say_less(stack, index, how):
    """An HTML index knows no sizes and times; one without digests makes the resolver read the files."""
    index.form, index.hashes = ("html", True) if how == "html" else ("json", False)
    made = index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"), uv="")
    stack.lock().ok()
    (package,) = stack.pylock("framework-one")["packages"]
    assert package["wheels"][0]["hashes"] == {"sha256": sha256(made["alpha-1.0-py3-none-any.whl"])}
    assert ("size" in package["wheels"][0]) == (how != "html")


@pytest.mark.parametrize("first", ["html", "json"])
@pytest.mark.parametrize("options", [[], ["--reset-lock", "*"]], ids=["again", "anew"])
def test_an_index_that_tells_sizes_now_and_then(stack, index, first, options):
    """It makes no other lock: what was told of a file when it was locked is what the lock says of it."""
    index.form = first
    made = index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"), uv="")
    stack.lock().ok()
    before = stack.text("framework-one"), stack.meta("framework-one")
    assert (f"size = {len(made['alpha-1.0-py3-none-any.whl'])}," in before[0]) == (first == "json")
    index.form = {"html": "json", "json": "html"}[first]
    stack.lock("--lock-dependencies", *options).ok()
    assert (stack.text("framework-one"), stack.meta("framework-one")) == before


def test_without_urls_no_index_is_told_by_sizes(stack, index):
    index.add("alpha", "1.0")
    texts = []
    for form in ("html", "json"):
        index.form = form
        stack.layers(framework("one", "alpha"), uv="", lamina="lock_urls = false")
        stack.lock().ok()
        texts.append(stack.text("framework-one"))
        shutil.rmtree(stack.folder / "requirements")
    assert texts[0] == texts[1] and "size" not in texts[0]


def test_constraints_of_the_spec(stack, index):
    index.add("alpha", "1.0")
    index.add("alpha", "2.0")
    stack.layers(framework("one", "alpha"), uv='constraint-dependencies = ["alpha<2"]')
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0"]


def test_settings_of_the_resolver_in_the_spec(stack, index):
    index.add("alpha", "1.0")
    index.add("alpha", "2.0rc1")
    index.add("beta", "1.0")
    index.add("beta", "2.0")
    stack.layers(framework("one", "alpha", "beta"), uv='prerelease = "allow"\nresolution = "lowest-direct"')
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "beta==1.0"]
    stack.layers(framework("one", "alpha", "beta"), uv='prerelease = "allow"')
    stack.lock("--reset-lock", "*").ok()
    assert stack.packages("framework-one") == ["alpha==2.0rc1", "beta==2.0"]
