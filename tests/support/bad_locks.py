"""Locks that are damaged or lie: tests/cases/locks/refused.toml has what is said of each. A lock here has its right hash beside
it, so that what is refused is what it says and not that it was edited; unless the case is about that file."""

from locked_stack import good, package, pylock, sha256, wheel_line

NAME, DATA = good()
DIGEST = sha256(DATA)


def text(name="demo", version="1.0", wheel=NAME, **changes):
    """The lock of the good wheel, with changes."""
    return pylock(package(name, version, [wheel_line(wheel, DATA, **changes)]))


def tool(lines):
    return text() + "\n" + lines


RUNTIME = f'[[tool.lamina.runtime-archives]]\nplatform = "linux_x86_64"\nname = "base.tar"\nsha256 = "{DIGEST}"\n'
CASES = {
    # the file as such
    "not-toml": lambda: text() + "\n= 1\n",
    "not-utf8": lambda: text().encode() + b'\n# \xff\n',
    "nul": lambda: text().encode() + b"\0",
    "html": lambda: "<html>\n",
    "empty": lambda: "",
    "deep": lambda: text() + "x = " + "[" * 5000 + "]" * 5000 + "\n",
    "lock-version-2": lambda: text().replace('lock-version = "1.0"', 'lock-version = "2.0"'),
    "no-lock-version": lambda: text().replace('lock-version = "1.0"\n', ""),
    "no-packages": lambda: pylock().replace("packages = []\n", ""),
    "packages-a-table": lambda: pylock().replace("packages = []\n", "[packages]\n"),
    "package-a-string": lambda: pylock().replace("packages = []\n", 'packages = ["demo"]\n'),
    "requires-python": lambda: text().replace('"==3.11.*"', '"3.11 or so"'),
    # names and versions, which get into paths and into what the resolver is told
    "name-a-path": lambda: text(name="../demo"),
    "name-absolute": lambda: text(name="/demo"),
    "name-a-url": lambda: text(name="demo @ https://127.0.0.1/x"),
    "name-an-option": lambda: text(name="--index-url=x"),
    "name-not-normal": lambda: text(name="Demo"),
    "name-a-number": lambda: text().replace('name = "demo"', "name = 1"),
    "version-a-path": lambda: text(version="1.0/../2"),
    "version-none": lambda: text().replace('\nversion = "1.0"', ""),
    "version-a-word": lambda: text(version="latest"),
    "marker-cut": lambda: text().replace('version = "1.0"', 'version = "1.0"\nmarker = "sys_platform =="'),
    "marker-deep": lambda: text().replace('version = "1.0"', f'version = "1.0"\nmarker = "{"(" * 3000}os_name == \'x\'{")" * 3000}"'),
    # wheels
    "wheel-a-path": lambda: text(name="demo", wheel="../" + NAME, path=None).replace("{ ", '{ name = "../%s", path = "x", ' % NAME, 1),
    "wheel-with-slash": lambda: text(path='"x"', name="demo").replace("{ path", '{ name = "a/%s", path' % NAME, 1),
    "wheel-with-backslash": lambda: text(path="'..\\" + NAME + "'").replace("{ path", "{ name = '..\\%s', path" % NAME, 1),
    "wheel-url-encoded-slash": lambda: text(path=None).replace("{ size", '{ url = "https://127.0.0.1/..%%2f%s", size' % NAME, 1),
    "wheel-url-encoded-nul": lambda: text(path=None).replace("{ size", '{ url = "https://127.0.0.1/%00' + NAME + '", size', 1),
    "wheel-of-another-package": lambda: text(wheel="other-1.0-py3-none-any.whl"),
    "wheel-of-another-version": lambda: text(wheel="demo-1.1-py3-none-any.whl"),
    "wheel-no-wheel": lambda: text(wheel="demo-1.0.tar.gz"),
    "wheel-without-name": lambda: text(path=None),
    "wheel-long-name": lambda: text(wheel="demo-1.0-py3-none-" + "x" * 400 + ".whl"),
    "wheel-twice": lambda: pylock(package("demo", "1.0", [wheel_line(NAME, DATA), wheel_line(NAME, b"x")])),
    "no-hashes": lambda: text(hashes=None),
    "no-sha256": lambda: text(hashes=f'{{ md5 = "{"0" * 32}" }}'),
    "sha256-short": lambda: text(hashes=f'{{ sha256 = "{DIGEST[:-1]}" }}'),
    "sha256-long": lambda: text(hashes=f'{{ sha256 = "{DIGEST}0" }}'),
    "sha256-no-hex": lambda: text(hashes=f'{{ sha256 = "{DIGEST[:-1]}g" }}'),
    "size-negative": lambda: text(size=-1),
    "size-too-large-a-number": lambda: text(size=1 << 64),
    "size-a-string": lambda: text(size='"1"'),
    "package-twice": lambda: pylock(*[package("demo", "1.0", [wheel_line(NAME, DATA)])] * 2),
    "no-source": lambda: pylock(package("demo", "1.0", [])),
    # ours
    "tool-unknown-key": lambda: tool("[tool.lamina]\ninherit = []\n"),
    "runtime-name-a-path": lambda: tool(RUNTIME.replace("base.tar", "../base.tar")),
    "runtime-name-empty": lambda: tool(RUNTIME.replace("base.tar", "")),
    "runtime-name-hidden": lambda: tool(RUNTIME.replace("base.tar", "..")),
    "runtime-platform": lambda: tool(RUNTIME.replace("linux_x86_64", "linux")),
    "runtime-twice": lambda: tool(RUNTIME + RUNTIME),
    "inherited-without-version": lambda: tool('[[tool.lamina.inherited]]\nname = "x"\nfrom = "base"\n'),
    # a right lock for bytes that are others
    "digest-of-another-file": lambda: text(hashes=f'{{ sha256 = "{"0" * 64}" }}'),
    "size-of-another-file": lambda: text(size=1),
    "wheel-that-is-nowhere": lambda: pylock(package("gone", "1.0", [wheel_line("gone-1.0-py3-none-any.whl", b"x")])),
    "wheel-for-another-system": lambda: text(wheel="demo-1.0-cp311-cp311-win_amd64.whl"),
}
# the same lock, and its state in pylock.app-app.meta.json: as text, or what is changed in it
META = {
    "meta-no-json": "{",
    "meta-empty": "",
    "meta-an-array": "[]",
    "meta-unknown-key": {"install_target": "../../evil"},
    "meta-version-a-path": {"lock_version": "../../evil"},
    "meta-version-zero": {"lock_version": 0},
    "meta-version-negative": {"lock_version": -1},
    "meta-version-huge": {"lock_version": 1 << 70},
    "meta-version-a-fraction": {"lock_version": 1.5},
    "meta-time-a-path": {"locked_at": "../../../../../evil"},
    "meta-time-not-utc": {"locked_at": "2026-06-01T00:00:00+02:00"},
    "meta-time-none": {"locked_at": None},
    "meta-time-of-no-calendar": {"locked_at": "2026-99-99T99:99:99Z"},
    "meta-hash-short": {"requirements_hash": "sha256:00"},
    "meta-hash-of-another-lock": {"requirements_hash": "sha256:" + "0" * 64},
    "meta-hash-of-other-requirements": {"lock_input_hash": "sha256:" + "0" * 64},
    "meta-hash-of-other-inputs": {"other_inputs_hash": "sha256:" + "0" * 64},
    "meta-deep": "[" * 60_000,
    "meta-twice": '{"lock_version": 1, "lock_version": 2}',
    "meta-large": " " * 100_000,
}
