"""Which index a package comes from, and that nothing but the spec decides it."""

import os

import pytest

import namespace
from lock_stack import application, framework, on
from package_index import Index, sha256

SECRET = "canary-in-a-coal-mine"


@pytest.fixture
def indexes(server):
    """indexes("a", "b"): more indexes."""
    return lambda *names, **options: [Index(server, name, **options) for name in names]


def table(index, more=""):
    return f'[[tool.uv.index]]\nname = "{index.name}"\nurl = "{index.url()}"\n{more}\n'


def origin(stack, layer, package):
    """The place of the index a locked package came from."""
    (found,) = [p for p in stack.pylock(layer)["packages"] if p["name"] == package]
    return found["wheels"][0]["url"].split("/")[3]


def test_package_indexes(stack, indexes):
    """A package comes from the index that the layer says, though another has a newer one; an explicit index gives nothing else."""
    main, cpu = indexes("main", "cpu")
    for name in ("torch", "other"):
        main.add(name, "2.0")
        cpu.add(name, "1.0")
    tables = table(main, "default = true") + table(cpu, "explicit = true")
    stack.layers(framework("one", "torch", "other", more='package_indexes = { Torch = "cpu" }'), indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-one") == ["other==2.0", "torch==1.0"]
    assert origin(stack, "framework-one", "torch") == cpu.place and origin(stack, "framework-one", "other") == main.place
    assert cpu.pages == ["torch"] and "torch" not in main.pages


def test_package_indexes_hold_for_what_is_required_by_others(stack, indexes):
    main, cpu = indexes("main", "cpu")
    main.add("alpha", "1.0", requires=["torch"])
    main.add("torch", "2.0")
    cpu.add("torch", "1.0")
    tables = table(main, "default = true") + table(cpu, "explicit = true")
    stack.layers(framework("one", "alpha", more='package_indexes = { torch = "cpu" }'), indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "torch==1.0"]


def test_an_index_of_a_layer_below_for_what_is_required_by_others(stack, indexes):
    """The lower layer's version is only on that index; nothing is locked here that nothing here requires."""
    main, cpu = indexes("main", "cpu")
    main.add("vision", "1.0", requires=["torch"])
    main.add("torch", "2.0")
    main.add("plain", "1.0")
    cpu.add("torch", "1.0+cpu")
    tables = table(main, "default = true") + table(cpu, "explicit = true")
    stack.layers(framework("one", "torch", more='package_indexes = { torch = "cpu" }')
        + framework("two", "vision", below=on("one")) + framework("three", "plain", below=on("one")), indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-two") == ["torch==1.0+cpu  # from framework-one", "vision==1.0"]
    assert stack.packages("framework-three") == ["plain==1.0"]


def test_an_index_for_one_platform_of_what_is_required_by_others(stack, indexes):
    main, cpu = indexes("main", "cpu")
    main.add("alpha", "1.0", requires=["torch; sys_platform == 'win32'"])
    main.add("torch", "2.0")
    cpu.add("torch", "1.0")
    tables = table(main, "default = true") + table(cpu, "explicit = true")
    stack.layers(framework("one", "alpha", more='package_indexes = { torch = "cpu" }'), indexes=tables,
        platforms=["linux_x86_64", "win_amd64"])
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0",
        "torch==1.0 ; platform_machine == 'AMD64' and sys_platform == 'win32'"]
    before = stack.files()
    stack.lock().ok()
    assert stack.files() == before


def test_sources_of_the_spec(stack, indexes):
    """[tool.uv.sources] is for packages that no layer mentions."""
    main, cpu = indexes("main", "cpu")
    for name in ("torch", "other"):
        main.add(name, "2.0")
        cpu.add(name, "1.0")
    tables = table(main, "default = true") + table(cpu, "explicit = true") + '[tool.uv.sources]\ntorch = { index = "cpu" }\n'
    stack.layers(framework("one", "torch") + framework("two", "torch", more='package_indexes = { torch = "main" }'),
        indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-one") == ["torch==1.0"] and stack.packages("framework-two") == ["torch==2.0"]


def test_package_indexes_are_inherited(stack, indexes):
    """What a layer below says holds above, for packages of both; an entry of one's own wins."""
    main, cpu = indexes("main", "cpu")
    for name in ("torch", "vision"):
        main.add(name, "2.0")
        cpu.add(name, "1.0")
    tables = table(main, "default = true") + table(cpu, "explicit = true")
    stack.layers(framework("one", "torch", more='package_indexes = { torch = "cpu", vision = "cpu" }')
        + framework("two", "torch", "vision", below=on("one"))
        + framework("three", "vision", below=on("one"), more='package_indexes = { vision = "main" }'), indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-two") == ["torch==1.0  # from framework-one", "vision==1.0"]
    assert stack.packages("framework-three") == ["vision==2.0"]


def test_index_overrides(stack, indexes):
    """A layer takes from its own index what a layer below takes from another."""
    main, cpu, cuda = indexes("main", "cpu", "cuda")
    for number, index in enumerate((main, cpu, cuda), 1):
        for name in ("torch", "vision"):
            index.add(name, f"{number}.0")
    tables = table(main, "default = true") + table(cpu, "explicit = true") + table(cuda, "explicit = true")
    stack.layers(framework("one", more='package_indexes = { torch = "cpu", vision = "cpu" }')
        + framework("two", "torch", "vision", below=on("one"), more='index_overrides = { cpu = "cuda" }'), indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-two") == ["torch==3.0", "vision==3.0"]
    assert cpu.pages == [] and set(cuda.pages) == {"torch", "vision"}


def test_priority_indexes(stack, indexes):
    """They are asked first, in their order, explicit or not, for every package of the layer; then the others."""
    main, first, second = indexes("main", "first", "second")
    for name in ("alpha", "beta", "gamma"):
        main.add(name, "3.0")
    second.add("alpha", "2.0")
    second.add("beta", "2.0")
    first.add("alpha", "1.0")
    tables = table(main, "default = true") + table(second) + table(first, "explicit = true")
    text = framework("one", "alpha", "beta", "gamma", more='priority_indexes = ["first", "second"]')
    stack.layers(text + framework("two", "alpha", "beta", "gamma"), indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "beta==2.0", "gamma==3.0"]
    assert stack.packages("framework-two") == ["alpha==2.0", "beta==2.0", "gamma==3.0"]
    assert "alpha" not in main.pages


def test_the_order_of_indexes(stack, indexes):
    """Without more said, the first index that has a package decides, whatever versions others have."""
    main, one, two = indexes("main", "one", "two")
    one.add("alpha", "1.0")
    two.add("alpha", "2.0")
    two.add("beta", "2.0")
    main.add("alpha", "3.0")
    stack.layers(framework("one", "alpha", "beta"), indexes=table(main, "default = true") + table(one) + table(two))
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0", "beta==2.0"]


def test_other_keys_of_an_index(stack, server, indexes):
    """`format = "flat"`: one page with links to files."""
    main, flat = indexes("main", "flat")
    made = flat.add("alpha", "1.0")
    (name,) = made
    page = (f'<a href="{server.url(f"/{flat.place}/files/{name}")}#sha256={sha256(made[name])}" '
        f'data-core-metadata="sha256={sha256(flat.metadata(name))}">{name}</a>').encode()
    flat.answer(f"/{flat.place}/links", page, kind="text/html")
    tables = table(main, "default = true") + (
        f'[[tool.uv.index]]\nname = "flat"\nurl = "{server.url(f"/{flat.place}/links")}"\nformat = "flat"\n')
    stack.layers(framework("one", "alpha"), uv="", indexes=tables)
    stack.lock().ok()
    assert stack.packages("framework-one") == ["alpha==1.0"] and flat.pages == []


VARIABLES = {
    "UV_INDEX": "{other}", "UV_DEFAULT_INDEX": "{other}", "UV_INDEX_URL": "{other}", "UV_EXTRA_INDEX_URL": "{other}",
    "UV_FIND_LINKS": "{wheels}", "UV_EXCLUDE_NEWER": "2026-01-15", "UV_PRERELEASE": "allow", "UV_RESOLUTION": "lowest",
    "UV_INDEX_STRATEGY": "unsafe-best-match", "UV_CONSTRAINT": "{constraints}", "UV_OVERRIDE": "{constraints}",
    "UV_CONFIG_FILE": "{config}", "UV_NO_INDEX": "1", "UV_FORK_STRATEGY": "fewest", "UV_PYTHON": "3.13",
    "UV_NO_BINARY": "1", "UV_NO_SOURCES": "1", "UV_SYSTEM_PYTHON": "1", "UV_CUSTOM_COMPILE_COMMAND": "x", "UV_NO_EMIT_PACKAGE": "beta",
    "UV_OUTPUT_FORMAT": "requirements.txt", "UV_PYTHON_PLATFORM": "windows", "UV_NO_DEPS": "1", "UV_EXTRA": "x", "UV_PROJECT": "/",
    "UV_WORKING_DIRECTORY": "/", "UV_DIRECTORY": "/", "PIP_INDEX_URL": "{other}", "PIP_NO_INDEX": "1", "PIP_CONSTRAINT": "{constraints}",
    "VIRTUAL_ENV": "/nowhere", "CONDA_PREFIX": "/nowhere", "PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere",
}
CONFIG = """\
prerelease = "allow"
resolution = "lowest"
index-strategy = "unsafe-best-match"
constraint-dependencies = ["alpha<2"]
override-dependencies = ["alpha<2"]
exclude-newer = "2026-01-15T00:00:00Z"
no-index = true
find-links = ["{wheels}"]
[[index]]
name = "mine"
url = "{other}"
default = true
[pip]
no-deps = true
resolution = "lowest"
"""


@pytest.fixture
def temptation(stack, index, indexes, tmp_path):
    """Alpha 2.0 is what the spec asks for: everything else on this machine says something else."""
    (other,) = indexes("other")
    for version in ("1.0", "2.0", "3.0rc1"):
        index.add("alpha", version, requires=["beta"], uploaded="2026-01-01T00:00:00Z" if version == "1.0" else "2026-02-01T00:00:00Z")
        index.add("beta", version)
    other.add("alpha", "9.0")
    other.add("beta", "9.0")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, data in Index(index.server, "unused").add("alpha", "8.0").items():
        (wheels / name).write_bytes(data)
    values = {"other": other.url(), "wheels": wheels, "constraints": tmp_path / "constraints.txt", "config": tmp_path / "mine.toml"}
    values["constraints"].write_text("alpha<2\n")
    values["config"].write_text(CONFIG.format(**values))
    stack.layers(framework("one", "alpha"))
    yield values
    assert stack.packages("framework-one") == ["alpha==2.0", "beta==2.0"]
    assert other.pages == []


def test_variables_of_the_environment(stack, temptation):
    stack.lock(env={name: value.format(**temptation) for name, value in VARIABLES.items()}).ok()


def test_configuration_of_the_user(stack, temptation):
    for folder in (os.environ["XDG_CONFIG_HOME"], os.environ["HOME"] + "/.config", os.environ["HOME"] + "/dirs"):
        os.makedirs(f"{folder}/uv", exist_ok=True)
        with open(f"{folder}/uv/uv.toml", "w") as file:
            file.write(temptation["config"].read_text())
    stack.lock(env={"XDG_CONFIG_DIRS": os.environ["HOME"] + "/dirs"}).ok()
    stack.lock("--reset-lock", "*", env={"XDG_CONFIG_HOME": None}).ok()


def test_configuration_of_the_system(stack, temptation, tmp_path):
    namespace.need()
    namespace.enter(f"mount -t tmpfs none /etc && mkdir /etc/uv && cp {temptation['config']} /etc/uv/uv.toml",
        stack.lamina, "lock", "--store", stack.store, stack.spec).ok()


def test_projects_around_the_spec(stack, temptation):
    """Neither in the folder of the spec, nor above it, nor where lamina was started."""
    settings = "\n".join(line.replace("[[index]]", "[[tool.uv.index]]").replace("[pip]", "[tool.uv.pip]")
        for line in temptation["config"].read_text().splitlines())
    elsewhere = stack.folder / "elsewhere"
    elsewhere.mkdir()
    for folder in (stack.folder, stack.folder.parent, elsewhere):
        (folder / "uv.toml").write_text(temptation["config"].read_text())
        (folder / "pyproject.toml").write_text(f"[tool.uv]\n{settings}\n")
        (folder / ".python-version").write_text("3.13\n")
    stack.lock(cwd=elsewhere).ok()
    stack.lock("--reset-lock", "*", cwd=stack.folder).ok()


def test_a_default_index_of_the_environment_where_the_spec_has_none(stack, indexes):
    """Where the public index is mirrored is a matter of the machine."""
    (mirror,) = indexes("mirror")
    mirror.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"), indexes="")
    stack.lock(env={"UV_DEFAULT_INDEX": mirror.url()}).ok()
    assert origin(stack, "framework-one", "alpha") == mirror.place


def nowhere(folder, text):
    """No file below a folder has the text, nor a name."""
    for path in folder.rglob("*"):
        assert text not in path.name
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 10_000_000:
            assert text.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("where", ["url", "environment"])
@pytest.mark.parametrize("urls", ["true", "false"])
def test_an_index_with_a_password(stack, index, new_store, tmp_path, monkeypatch, where, urls):
    """It locks and builds; the password is in no lock, no output, no message and nothing that is kept."""
    password = SECRET + "%2F%40" if where == "url" else SECRET + "/@"
    index.login = f"joe:{SECRET}/@"
    index.add("alpha", "1.0")
    stack.store = new_store()
    url = index.url(f"joe:{password}@") if where == "url" else index.url()
    env = {} if where == "url" else {"UV_INDEX_PRIVATE_ONE_USERNAME": "joe", "UV_INDEX_PRIVATE_ONE_PASSWORD": password}
    stack.layers(framework("one", "alpha"), lamina=f"lock_urls = {urls}",
        indexes=f'[[tool.uv.index]]\nname = "private-one"\nurl = "{url}"\ndefault = true\n')
    results = [stack.run("lock", "-vv", env=env).ok(),
        stack.run("build", "-vv", "--publish", "--include", "one", "--output-dir", tmp_path / "out", env=env).ok(),
        stack.run("show", "--json", env=env).ok()]
    assert index.taken == ["alpha-1.0-py3-none-any.whl"]
    for result in results:
        assert SECRET not in result.out + result.err
    for folder in (stack.folder / "requirements", tmp_path / "out", stack.store, private_home()):
        nowhere(folder, SECRET)
        if folder != stack.store:
            nowhere(folder, "joe")


def private_home():
    from pathlib import Path

    return Path(os.environ["HOME"])


def test_a_wrong_password(stack, index, tmp_path):
    index.login = "joe:right"
    index.add("alpha", "1.0")
    stack.layers(framework("one", "alpha"),
        indexes=f'[[tool.uv.index]]\nname = "main"\nurl = "{index.url(f"joe:{SECRET}@")}"\ndefault = true\n')
    result = stack.lock("-vv")
    assert result.code == 1
    assert SECRET not in result.out + result.err
    assert f"({index.url()})" in result.err and "401 Unauthorized" in result.err


def test_a_password_of_another_host_is_not_sent(stack, index, server, new_store):
    """Files on another host than the index do not get the index's password."""
    index.login = f"joe:{SECRET}"
    made = index.add("alpha", "1.0")
    (name,) = made
    seen = []
    elsewhere = server.url(f"/{index.place}/elsewhere/{name}").replace("127.0.0.1", "localhost")
    index.answer(f"/{index.place}/elsewhere/{name}", made[name], guarded=False, headers=seen)
    describe = index.describe
    index.describe = lambda *item: {**describe(*item), "url": elsewhere}
    index.answer(f"/{index.place}/elsewhere/{name}.metadata", index.metadata("alpha-1.0-py3-none-any.whl"), guarded=False)
    stack.store = new_store()
    stack.layers(framework("one", "alpha"),
        indexes=f'[[tool.uv.index]]\nname = "main"\nurl = "{index.url(f"joe:{SECRET}@")}"\ndefault = true\n')
    stack.lock().ok()
    stack.run("build", "--include", "one", "--build-dir", stack.folder / "b").ok()
    assert seen and all("Authorization" not in headers for headers in seen)
    assert "localhost" in stack.text("framework-one")


def test_a_password_that_changes_is_no_change_of_the_stack(stack, index):
    index.login = "joe:one"
    index.add("alpha", "1.0")
    tables = '[[tool.uv.index]]\nname = "main"\nurl = "{}"\ndefault = true\n'
    text = framework("one", "alpha") + application("app")
    (stack.folder / "app.py").write_text("")
    stack.layers(text, indexes=tables.format(index.url("joe:one@")))
    stack.lock().ok()
    stack.layers(text, indexes=tables.format(index.url("joe:two@")))
    assert all(layer["has_valid_lock"] for layer in stack.status().values())
    stack.layers(text, indexes=tables.format(index.url()))
    assert all(layer["has_valid_lock"] for layer in stack.status().values())
