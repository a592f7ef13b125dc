"""Seeds for fuzzing requirements with markers, lock files, RECORD and wheels. {name: text}; "ok-..." can be read, "bad-..." cannot."""

import base64
import hashlib

SHA = "5" * 64


def digest(data=b""):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


MARKER = {
    "ok-name": "a",
    "ok-name-marks": "A._-b9",
    "ok-extras": "a[x, Y_z.9]",
    "ok-no-extras": "a[]",
    "ok-parentheses": "a (>=1,<2)",
    **{f"ok-operator-{name}": f"a{operator}1.2" for name, operator in {
        "is": "==", "is-not": "!=", "most": "<=", "least": ">=", "less": "<", "more": ">", "like": "~=", "same": "==="}.items()},
    "ok-any-patch": "a == 1.*, != 1.2.*",
    "ok-same-text": "a === whatever-it_is",
    "ok-version": "a == 1!2.3.4a5.post6.dev7+local.8",
    "ok-version-spellings": "a == v1.0-ALPHA_2, < 1-3, > 2.c.1, != 1.0pre, <= 1.rev4",
    "ok-url": "a @ https://files.invalid/a-1-py3-none-any.whl#sha256=00",
    "ok-url-marker": "a[x] @ file:///a%20b ; os_name == 'nt'",
    "ok-marker": "a; python_version < '3.9'",
    "ok-marker-quotes": "a; os_name == \"it's\" or 'say \"x\"' == os_name",
    "ok-marker-both-sides": "a; '3.9' <= python_version",
    "ok-marker-text": "a; sys_platform >= 'linux'",
    "ok-marker-release": "a; platform_release >= '6.1' and platform_version < '#2'",
    "ok-marker-like": "a; python_full_version ~= '3.11.0' or python_version == '3.*'",
    "ok-marker-same": "a; implementation_version === '3.11.11'",
    "ok-marker-in": "a; platform_machine in 'x86_64 AMD64' and 'bsd' not  in sys_platform",
    "ok-marker-all": "a; " + " and ".join(f"{name} != ''" for name in (
        "os_name", "sys_platform", "platform_machine", "platform_python_implementation", "platform_release", "platform_system",
        "platform_version", "python_version", "python_full_version", "implementation_name", "implementation_version", "extra")),
    "ok-marker-old-names": "a; os.name == 'posix' and sys.platform == 'linux' and platform.machine == 'x' and python_implementation == 'CPython'",
    "ok-marker-order": "a; os_name == 'a' or os_name == 'b' and os_name == 'c'",
    "ok-marker-groups": "a; (os_name == 'a' or (os_name == 'b')) and (extra == 'X_y')",
    "ok-marker-deep": "a; " + "(" * 20 + "os_name == 'a'" + ")" * 20,
    "ok-spaces": "\t a [ x ]\t>= 1 , < 2 ;\tos_name=='nt' ",
    "bad-nothing": "",
    "bad-name": "-a",
    "bad-name-end": "a.",
    "bad-two-names": "a b",
    "bad-extras": "a[x",
    "bad-extras-comma": "a[x,]",
    "bad-operator": "a = 1",
    "bad-arrow": "a => 1",
    "bad-no-version": "a ==",
    "bad-version": "a == 1..2",
    "bad-comma": "a >= 1,,< 2",
    "bad-star": "a >= 1.*",
    "bad-like-one": "a ~= 1",
    "bad-local": "a > 1+x",
    "bad-parenthesis": "a (>= 1",
    "bad-url": "a @",
    "bad-url-semicolon": "a @ https://x; os_name == 'nt'",
    "bad-marker-nothing": "a;",
    "bad-marker-name": "a; nothing == '1'",
    "bad-marker-two-values": "a; '1' == '1'",
    "bad-marker-operator": "a; os_name = 'nt'",
    "bad-marker-not": "a; os_name not 'nt'",
    "bad-marker-open": "a; os_name == 'nt",
    "bad-marker-group": "a; (os_name == 'nt'",
    "bad-marker-behind": "a; os_name == 'nt' os_name",
    "bad-marker-and": "a; os_name == 'nt' and",
    "bad-marker-deep": "a; " + "(" * 3000,
    "bad-not-ascii": "ä >= 1",
    "bad-not-utf8": b"a; os_name == '\xff'",
    "bad-nul": "a\0b",
}

LOCK = 'lock-version = "1.0"\ncreated-by = "x"\n'
PACKAGE = LOCK + '[[packages]]\nname = "a"\nversion = "1"\n'
HASHES = f'hashes = {{sha256 = "{SHA}"}}'
WHEEL = "a-1-py3-none-any.whl"


def wheels(*texts):
    return PACKAGE + "wheels = [" + ", ".join(f"{{{text}}}" for text in texts) + "]\n"


def package(text, name="a", version="1"):
    return f'[[packages]]\nname = "{name}"\nversion = "{version}"\nwheels = [{{name = "{name}-{version}-py3-none-any.whl", {HASHES}}}]\n{text}'


def ours(text):
    return LOCK + "packages = []\n[tool.lamina]\n" + text


PYLOCK = {
    "ok-no-packages": LOCK + "packages = []\n",
    "ok-later-version": 'lock-version = "1.9"\ncreated-by = "x"\npackages = []\nlater = {x = 1}\n',
    "ok-environments": LOCK + 'requires-python = ">=3.11,<3.12"\nenvironments = ["sys_platform == \'linux\'", "os_name == \'nt\'"]\npackages = []\n',
    "ok-wheel-name": wheels(f'name = "{WHEEL}", {HASHES}'),
    "ok-wheel-url": wheels(f'url = "https://files.invalid/p/{WHEEL}?q#f", size = 17, {HASHES}'),
    "ok-wheel-escaped-url": wheels(f'url = "https://files.invalid/a-1-py3-none-any%2Ewhl", {HASHES}'),
    "ok-wheel-path": wheels(f'path = "../wheels/{WHEEL}", {HASHES}'),
    "ok-wheel-time": wheels(f'name = "{WHEEL}", upload-time = 2025-01-02T03:04:05Z, {HASHES}'),
    "ok-wheels": wheels(f'name = "{WHEEL}", {HASHES}', f'name = "a-1-cp311-cp311-win_amd64.whl", {HASHES}', f'name = "a-1-2-py3-none-any.whl", {HASHES}'),
    "ok-same-twice": wheels(f'name = "{WHEEL}", {HASHES}', f'name = "{WHEEL}", {HASHES}'),
    "ok-other-hashes": wheels(f'name = "{WHEEL}", hashes = {{sha256 = "{SHA.replace("5", "AB")[:64]}", md5 = "x"}}'),
    "ok-marker": LOCK + package("marker = \"python_version >= '3.9' and extra == 'x'\"\n"),
    "ok-index": LOCK + package('index = "https://index.invalid/simple"\n'),
    "ok-sdist": PACKAGE + f'sdist = {{url = "https://files.invalid/a-1.tar.gz", {HASHES}}}\n',
    "ok-vcs": LOCK + '[[packages]]\nname = "a"\nvcs = {type = "git", url = "https://x.invalid", commit-id = "0"}\n',
    "ok-directory": LOCK + '[[packages]]\nname = "a"\ndirectory = {path = "."}\n',
    "ok-archive": PACKAGE + f'archive = {{url = "https://files.invalid/{WHEEL}", size = 5, {HASHES}}}\n',
    "ok-names": LOCK + package("", "c", "2.0+x") + package("", "b4", "1!1rc1"),
    "ok-two-markers": LOCK + package("marker = \"os_name == 'nt'\"\n") + package("marker = \"os_name == 'posix'\"\n", version="2"),
    "ok-inherited": ours('inherited = [{name = "b", version = "3", marker = "os_name == \'nt\'", from = "framework-b"}]\n'),
    "ok-runtime-archives": ours(f'[[tool.lamina.runtime-archives]]\nplatform = "linux_x86_64"\nname = "r.tar"\nurl = "https://x.invalid/r.tar"\nsha256 = "{SHA}"\n'),
    "ok-other-tools": LOCK + "packages = []\n[tool.x]\ny = 1\n",
    "bad-toml": LOCK + "packages = [\n",
    "bad-no-version": 'created-by = "x"\npackages = []\n',
    "bad-version-2": 'lock-version = "2.0"\ncreated-by = "x"\npackages = []\n',
    "bad-version-type": 'lock-version = 1.0\ncreated-by = "x"\npackages = []\n',
    "bad-no-maker": 'lock-version = "1.0"\npackages = []\n',
    "bad-no-packages": LOCK,
    "bad-packages": LOCK + "packages = {}\n",
    "bad-package": LOCK + "packages = [1]\n",
    "bad-requires-python": LOCK + 'requires-python = "3 or so"\npackages = []\n',
    "bad-environment": LOCK + 'environments = ["nothing == 1"]\npackages = []\n',
    "bad-environment-type": LOCK + "environments = [1]\npackages = []\n",
    "bad-no-name": LOCK + package("").replace('name = "a"\n', ""),
    "bad-no-source": PACKAGE,
    "bad-name-spelling": LOCK + package("", "A_.b"),
    "bad-name": LOCK + package("", "-"),
    "bad-package-version": LOCK + package("", version="x"),
    "bad-marker": LOCK + package('marker = "and"\n'),
    "bad-wheel-version-missing": LOCK + f'[[packages]]\nname = "a"\nwheels = [{{name = "{WHEEL}", {HASHES}}}]\n',
    "bad-no-hash": wheels(f'name = "{WHEEL}"'),
    "bad-md5-only": wheels(f'name = "{WHEEL}", hashes = {{md5 = "x"}}'),
    "bad-hash": wheels(f'name = "{WHEEL}", hashes = {{sha256 = "55"}}'),
    "bad-hash-letters": wheels(f'name = "{WHEEL}", hashes = {{sha256 = "{"g" * 64}"}}'),
    "bad-size": wheels(f'name = "{WHEEL}", size = -1, {HASHES}'),
    "bad-wheel-name": wheels(f'name = "a-1.whl", {HASHES}'),
    "bad-wheel-path-name": wheels(f'path = "../wheels/..", {HASHES}'),
    "bad-wheel-nameless": wheels(HASHES),
    "bad-other-package": wheels(f'name = "b-1-py3-none-any.whl", {HASHES}'),
    "bad-other-version": wheels(f'name = "a-2-py3-none-any.whl", {HASHES}'),
    "bad-two-digests": wheels(f'name = "{WHEEL}", {HASHES}', f'name = "{WHEEL}", hashes = {{sha256 = "{"6" * 64}"}}'),
    "bad-password": wheels(f'url = "https://me:secret@files.invalid/{WHEEL}", {HASHES}'),
    "bad-package-twice": LOCK + package("") + package(""),
    "bad-inherited-key": ours('inherited = [{name = "b", version = "3", from = "x", wheels = []}]\n'),
    "bad-inherited-from": ours('inherited = [{name = "b", version = "3"}]\n'),
    "bad-runtime-platform": ours(f'runtime-archives = [{{platform = "amiga", name = "r.tar", sha256 = "{SHA}"}}]\n'),
    "bad-runtime-name": ours(f'runtime-archives = [{{platform = "win_arm64", name = "../r", sha256 = "{SHA}"}}]\n'),
    "bad-runtime-digest": ours('runtime-archives = [{platform = "win_arm64", name = "r"}]\n'),
    "bad-ours": ours("other = 1\n"),
}

RECORD = {
    "ok-nothing": "",
    "ok-itself": "a-1.dist-info/RECORD,,\n",
    "ok-file": f"a.py,{digest(b'x')},1\n",
    "ok-no-size": f"a.py,{digest()},\n",
    "ok-no-digest": "a.py,,5\n",
    "ok-no-line-end": f"a.py,{digest()},0",
    "ok-crlf": f"a.py,{digest()},0\r\nb.py,,\r\n",
    "ok-empty-lines": f"\na.py,{digest()},0\n\n",
    "ok-quoted": f'"a,b ""c"".py",{digest()},0\n',
    "bad-padded": f"a.py,{digest()}=,0\n",
    "bad-hex": "a.py,sha256=" + hashlib.sha256(b"").hexdigest() + ",0\n",
    "ok-backslash": f"a\\b.py,{digest()},0\n",
    "ok-outside": f"../../bin/a,{digest()},0\n",
    "ok-absolute": f"/usr/bin/a,{digest()},0\n",
    "ok-utf8": f"ä/😀.py,{digest()},0\n",
    "ok-twice": f"a.py,{digest()},0\na.py,{digest(b'x')},1\n",
    "ok-signatures": "a-1.dist-info/RECORD.jws,,\na-1.dist-info/RECORD.p7s,,\n",
    "ok-large": f"a.py,{digest()},{(1 << 40) - 1}\n",
    "bad-largest": f"a.py,{digest()},18446744073709551615\n",
    "ok-long-path": "d/" * 2000 + f"a.py,{digest()},0\n",
    "ok-many": "".join(f"f{number}.py,{digest(b'%d' % number)},{len(str(number))}\n" for number in range(200)),
    "bad-one-field": "a.py\n",
    "bad-two-fields": f"a.py,{digest()}\n",
    "bad-four-fields": f"a.py,{digest()},0,x\n",
    "bad-no-path": f",{digest()},0\n",
    "bad-md5": "a.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0\n",
    "bad-sha512": "a.py,sha512=" + "A" * 86 + ",0\n",
    "bad-no-algorithm": "a.py,47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n",
    "bad-short-digest": "a.py,sha256=47DEQpj8HBSa,0\n",
    "bad-long-digest": f"a.py,{digest()}AAAA,0\n",
    "bad-other-alphabet": f"a.py,{digest().replace('-', '+').replace('_', '/')},0\n",
    "bad-size": f"a.py,{digest()},x\n",
    "bad-negative": f"a.py,{digest()},-1\n",
    "bad-too-large": f"a.py,{digest()},18446744073709551616\n",
    "bad-open": '"a.py,,\n',
    "bad-nul": "a\0.py,,\n",
    "bad-not-utf8": b"\xff.py,,\n",
    "bad-longer-path": "d/" * 3000 + "a.py,,\n",
}
