"""misc/lint_includes and misc/lint_words: each finding is found, in a small tree of its own, and nothing else is."""

import subprocess
import sys

import pytest

import paths

LAYERS = "base:\nos: base\ntext: base\ndigest: base\nstack: base os/path.h text\nprograms: base text\n"
HEADER = "#pragma once\n"


@pytest.fixture
def tree(tmp_path):
    """tree({name: text}): a checkout with these files besides layers.txt and banned.txt. Returns its folder."""

    def make(files):
        root = tmp_path / "tree"
        for name, text in {"misc/layers.txt": LAYERS, "misc/banned.txt": "strcpy\natoi # words\n", **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        subprocess.run(["git", "init", "-q", root], check=True)
        return root

    return make


@pytest.fixture
def lint(run):
    def call(name, root, *args, **options):
        return run(paths.ROOT / "misc" / name, "--root", root, *args, **options)

    return call


# ---- lint_includes

ALLOWED = {
    "src/base/a.h": HEADER,
    "src/base/a.c": '#include "base/a.h"\n#include <string.h>\n',
    "src/os/path.h": '#pragma once\n#include "base/a.h"\n',
    "src/os/dir.h": HEADER,
    "src/text/t.c": '#include "base/a.h"\n# include <utf8proc.h>\n#include <jansson.h>\n#include "lamina/version.h"\n',
    "src/stack/s.c": '#include "os/path.h"\n#include "text/t.h"\n#include <jansson.h>\n// #include "digest/d.h"\n/*\n#include "digest/d.h"\n*/\n',
    "src/text/t.h": HEADER,
    "src/digest/d.c": "#include <openssl/evp.h>\n",
    "src/digest/d.h": HEADER,
    "src/programs/lamina/main.c": '#include "options.h"\n#include "text/t.h"\n#include "lamina/lamina.h"\n',
    "src/programs/lamina/options.h": HEADER,
    "include/lamina/lamina.h": "#pragma once\n#include <stddef.h>\n",
}

INCLUDES = {
    "lower includes upper": ({"src/base/b.c": '\n#include "text/t.h"\n'},
        "src/base/b.c:2: 'base' must not include 'text/t.h': misc/layers.txt does not list 'text' for it"),
    "module beside": ({"src/text/u.h": '#pragma once\n#include "digest/d.h"\n'},
        "src/text/u.h:2: 'text' must not include 'digest/d.h': misc/layers.txt does not list 'digest' for it"),
    "another header than the one allowed": ({"src/stack/u.c": '#include "os/dir.h"\n'},
        "src/stack/u.c:1: 'stack' must not include 'os/dir.h': misc/layers.txt does not list 'os' for it"),
    "program": ({"src/programs/lamina/show.c": '#include "digest/d.h"\n'},
        "src/programs/lamina/show.c:1: 'programs' must not include 'digest/d.h': misc/layers.txt does not list 'digest' for it"),
    "without the module": ({"src/text/u.c": '#include "t.h"\n'}, "src/text/u.c:1: 't.h' is written 'text/t.h' here"),
    "missing header": ({"src/text/u.c": '#include "text/none.h"\n'}, "src/text/u.c:1: there is no src/text/none.h"),
    "unknown module": ({"src/extra/e.c": "int e;\n"}, "src/extra/e.c:1: misc/layers.txt does not know the module 'extra'"),
    "file outside of modules": ({"src/e.c": "int e;\n"}, "src/e.c:1: misc/layers.txt does not know the module ''"),
    "public header below the API": ({"src/text/u.c": '#include "lamina/lamina.h"\n'},
        "src/text/u.c:1: 'text' must not include the public header lamina/lamina.h"),
    "missing public header": ({"src/programs/p/main.c": '#include "lamina/x.h"\n'},
        "src/programs/p/main.c:1: there is no include/lamina/x.h"),
    "public header that needs a private one": ({"include/lamina/x.h": '#pragma once\n#include "base/a.h"\n'},
        "include/lamina/x.h:2: a public header must not include 'base/a.h'"),
    "OpenSSL": ({"src/os/u.c": "#include <openssl/sha.h>\n"},
        "src/os/u.c:1: 'os' must not include <openssl/sha.h>: only 'digest' does"),
    "curl": ({"src/os/u.c": "#include <curl/curl.h>\n"}, "src/os/u.c:1: 'os' must not include <curl/curl.h>: only 'net' does"),
    "libarchive": ({"src/os/u.c": "#include <archive_entry.h>\n"},
        "src/os/u.c:1: 'os' must not include <archive_entry.h>: only 'archive' does"),
    "zlib": ({"src/os/u.c": "#include <zlib.h>\n"}, "src/os/u.c:1: 'os' must not include <zlib.h>: only 'archive' does"),
    "lzma": ({"src/os/u.c": "#include <lzma.h>\n"}, "src/os/u.c:1: 'os' must not include <lzma.h>: only 'archive' does"),
    "zstd": ({"src/os/u.c": "#include <zstd.h>\n"}, "src/os/u.c:1: 'os' must not include <zstd.h>: only 'archive' does"),
    "SQLite": ({"src/os/u.c": "#include <sqlite3.h>\n"}, "src/os/u.c:1: 'os' must not include <sqlite3.h>: only 'db' does"),
    "utf8proc": ({"src/stack/u.c": "#include <utf8proc.h>\n"},
        "src/stack/u.c:1: 'stack' must not include <utf8proc.h>: only 'text' does"),
    "jansson": ({"src/os/u.c": "#include <jansson.h>\n"},
        "src/os/u.c:1: 'os' must not include <jansson.h>: only 'text' and the modules above it do"),
    "layers in a circle": ({"misc/layers.txt": LAYERS.replace("base:", "base: text")},
        "misc/layers.txt:1: modules include each other: base -> text -> base"),
    "layers with an unknown name": ({"misc/layers.txt": LAYERS + "extra: bas\n"},
        "misc/layers.txt:7: 'extra' may include 'bas', which is no module"),
}


def test_includes_allowed(tree, lint):
    assert lint("lint_includes", tree(ALLOWED), "--no-compile").ok().out == ""


@pytest.mark.parametrize(("files", "want"), INCLUDES.values(), ids=INCLUDES)
def test_includes(tree, lint, files, want):
    result = lint("lint_includes", tree({**ALLOWED, **files}), "--no-compile")
    assert result.code == 1 and want in result.out.splitlines(), result
    assert len(result.out.splitlines()) == (2 if "circle" in want or "each other" in want else 1), result


@pytest.fixture
def compiler():
    return {"CC": f"{sys.executable} -m ziglang cc"}


def test_headers_alone(tree, lint, compiler):
    files = {
        "src/base/a.h": '#pragma once\n#include "lamina/version.h"\n#include <stddef.h>\nsize_t a(void);\nstatic_assert(sizeof LAMINA_VERSION > 0);\n',
        "src/text/t.h": '#pragma once\n#include "base/a.h"\nsize_t t(void);\n',
        "include/lamina/x.h": HEADER,
    }
    assert lint("lint_includes", tree(files), env=compiler).ok().out == ""


def test_headers_not_alone(tree, lint, compiler):
    files = {
        "src/base/a.h": "#pragma once\n\nsize_t a(void);\n",
        "src/base/b.h": '#pragma once\n#include "base/a.h"\n',
        "src/text/good.h": HEADER,
        "include/lamina/x.h": "#pragma once\nvoid x(struct y {int z;} *y) ;\nuint8_t x;\n",
    }
    result = lint("lint_includes", tree(files), env=compiler)
    assert result.code == 1
    lines = result.out.splitlines()
    assert "src/base/a.h:3: does not compile alone: unknown type name 'size_t'" in lines, result
    assert "include/lamina/x.h:3: does not compile alone: unknown type name 'uint8_t'" in lines, result
    assert not [line for line in lines if "good.h" in line or "b.h:" in line]


def test_includes_cannot_run(tree, lint, tmp_path):
    root = tree({"src/base/a.h": HEADER})
    result = lint("lint_includes", root, env={"CC": "no-such-compiler"})
    assert (result.code, result.err) == (2, "lint_includes: cannot run 'no-such-compiler': No such file or directory\n")
    result = lint("lint_includes", root, env={"CC": "false"})
    assert (result.code, result.err) == (2, "lint_includes: 'false' failed: exit code 1\n")
    (root / "misc" / "layers.txt").unlink()
    result = lint("lint_includes", root, "--no-compile")
    assert (result.code, result.err) == (2, f"lint_includes: cannot read {root}/misc/layers.txt: No such file or directory\n")
    result = lint("lint_includes", tmp_path)
    assert (result.code, result.err) == (2, f"lint_includes: there are no sources below {tmp_path}\n")


# ---- lint_words

GOOD_C = """\
// atoi( in a comment, and printf("x") too
#include "base/a.h"
static const char text[] = "strcpy(a, b); getenv(\\"HOME\\")";
int f(void);
int
f(void)
{
	int n = snprintf(nullptr, 0, "%d", 1'000'000);
	char c = '"'; /* system( */
	object->printf(c, '\\'');
	object.atoi(n);
	strcpy_safe(n);
	(void)fprintf(file, "x");
	long time = 0, random = 1; // names, not calls
	return n;
}
"""


def machine(folder):
    """An absolute path below this folder, which this file does not name."""
    return f"/{folder}/"


def function(lines):
    return "int\nf(int a)\n{\n" + "\ta++;\n" * (lines - 2) + "}\n"


WORDS = {
    "banned": ({"src/text/t.c": "int\nf(void)\n{\n\treturn atoi (x);\n}\n"},
        "src/text/t.c:4: call of 'atoi', a word in misc/banned.txt"),
    "banned in a program": ({"src/programs/p/main.c": "int x = 1;\nvoid *y = strcpy(a, b);\n"},
        "src/programs/p/main.c:2: call of 'strcpy', a word in misc/banned.txt"),
    "banned in a macro": ({"src/text/t.h": "#define COPY(a) \\\n\tstrcpy(a, a)\n"},
        "src/text/t.h:2: call of 'strcpy', a word in misc/banned.txt"),
    "printf": ({"src/text/t.c": 'void x = printf("x");\n'}, "src/text/t.c:1: 'printf': only src/programs prints"),
    "puts": ({"src/os/t.c": 'int x = puts("x");\n'}, "src/os/t.c:1: 'puts': only src/programs prints"),
    "stdout": ({"src/text/t.c": '\nint x = fputs("x", stdout);\n'}, "src/text/t.c:2: 'stdout': only src/programs prints"),
    "stderr": ({"src/text/t.c": '\nint x = fprintf(stderr, "x");\n'}, "src/text/t.c:2: 'stderr': only src/programs prints"),
    "getenv": ({"src/os/t.c": 'char *x = getenv("x");\n'}, "src/os/t.c:1: 'getenv': only src/programs looks at the environment"),
    "secure_getenv": ({"src/os/t.c": 'char *x = secure_getenv("x");\n'},
        "src/os/t.c:1: 'secure_getenv': only src/programs looks at the environment"),
    "getenv in the API": ({"src/api/t.c": 'char *x = getenv("x");\n'},
        "src/api/t.c:1: 'getenv': only src/programs looks at the environment"),
    "environ": ({"src/text/t.c": "char **x = environ;\n"}, "src/text/t.c:1: 'environ': the environment only through src/os"),
    "clock": ({"src/text/t.c": "long x = time(nullptr);\n"}, "src/text/t.c:1: 'time': the clock only through src/os"),
    "random": ({"src/text/t.c": "long x = getrandom(a, 1, 0);\n"},
        "src/text/t.c:1: 'getrandom': random numbers only through src/os"),
    "folder": ({"src/text/t.c": 'DIR *x = opendir(".");\n'},
        "src/text/t.c:1: 'opendir': folders in the order of the disk only through src/os"),
    "long file": ({"src/text/t.c": "int x;\n" * 801}, "src/text/t.c:801: a file of 801 lines, more than 800"),
    "long function": ({"src/text/t.c": "int a;\n" + function(81)}, "src/text/t.c:4: function 'f' of 81 lines, more than 80"),
    "registry": ({"docs/a.md": "see\nhttps://pypi." + "org/simple\n"}, "docs/a.md:2: host of a package registry: pypi." + "org"),
    "registry in upper case": ({"a.toml": "Proxy.Golang." + "org"}, "a.toml:1: host of a package registry: Proxy.Golang." + "org"),
    "path": ({"docs/a.md": f"run {machine('work')}main/x\n"}, f"docs/a.md:1: path of a developer's machine: {machine('work')}"),
    "path in quotes": ({"a.py": f'\n\nx = "{machine("home")}me"\n'}, f"a.py:3: path of a developer's machine: {machine('home')}"),
    "path of root": ({"a.sh": f"A={machine('root')}.cache\n"}, f"a.sh:1: path of a developer's machine: {machine('root')}"),
}


def test_words_allowed(tree, lint):
    files = {
        "src/text/good.c": GOOD_C,
        "src/text/most.c": "int x;\n" * 800,
        "src/text/long.c": function(80) + "#define X {\n" + function(80),
        "src/base/mem.c": 'int x = fprintf(stderr, "x");\n',
        "src/os/clock.c": "long x = clock_gettime(a, b);\nchar **y = environ;\n",
        "src/programs/p/main.c": 'int x = printf("x");\nchar *y = getenv("y");\nint z = fputs("x", stdout);\n',
        "src/api/api.c": "char **x = environ;\n",
        "tests/unit/t.c": 'int x = printf("x");\nint y = atoi("1");\n',
        "docs/a.md": f"$HOME/work/x ~/home/x ../root/x https://example.org/home/x {machine('work')}\n",
        ".gitignore": "/out\n",
        "out/x": f"{machine('work')}x\n",
        "b.bin": "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    }
    assert lint("lint_words", tree(files)).ok().out == ""


@pytest.mark.parametrize(("files", "want"), WORDS.values(), ids=WORDS)
def test_words(tree, lint, files, want):
    result = lint("lint_words", tree(files))
    assert (result.code, result.out) == (1, want + "\n"), result


def test_words_cannot_run(tree, lint, tmp_path):
    root = tree({})
    (root / "misc" / "banned.txt").unlink()
    result = lint("lint_words", root)
    assert (result.code, result.err) == (2, f"lint_words: cannot read {root}/misc/banned.txt: No such file or directory\n")
