"""misc/run_docs and misc/lint_links."""

import pytest

GOOD = """# Title

<!-- tested: file data.txt -->
```text
one
```

<!-- tested -->
```sh
X=2
cat data.txt
echo "$X, at $(pwd)"; ls sample_project/venvstacks.toml
```

<!-- tested: output -->
```text
one
2, at ...
...
```

<!-- tested: after Y=5 -->
```sh
test $Y = 5
```

<!-- tested: exit 3 -->
```sh
test "$X" = 2
exit 3
```
"""
BAD = {
    "other output": (
        "<!-- tested -->\n```sh\necho one\n```\n<!-- tested: output -->\n```text\ntwo\n```\n",
        "doc.md:7: the document shows\ntwo\nbut the commands of line 3 print\none\n\n"),
    "failing command": (
        "<!-- tested -->\n```sh\nfalse\ntrue\n```\n",
        "doc.md:3: the commands ended with exit code 1, expected 0\n"),
    "not reached": (
        "<!-- tested -->\n```sh\nexit 0\n```\n\n<!-- tested -->\n```sh\ntrue\n```\n",
        "doc.md:8: the commands ended with exit code None, expected 0\n"),
    "unset variable": (
        "<!-- tested -->\n```sh\necho $NO_SUCH\n```\n",
        "doc.md:3: the commands ended with exit code 1, expected 0\n"),
    "other exit code": (
        "<!-- tested: exit 2 -->\n```sh\nexit 3\n```\n",
        "doc.md:3: the commands ended with exit code 3, expected 2\n"),
    "no block": (
        "<!-- tested -->\n\ntext\n",
        "doc.md: a 'tested' comment without a fenced block after it\n"),
    "output of nothing": (
        "<!-- tested: output -->\n```\nx\n```\n",
        "doc.md:3: output without a block of commands before it\n"),
}


def test_good_document(run, root, tmp_path):
    (tmp_path / "doc.md").write_text(GOOD, encoding="utf-8")
    result = run(root / "misc" / "run_docs", "doc.md", cwd=tmp_path)
    assert (result.code, result.out) == (0, ""), result
    assert [path.name for path in tmp_path.iterdir()] == ["doc.md"]


@pytest.mark.parametrize("row", BAD)
def test_bad_document(run, root, tmp_path, row):
    text, want = BAD[row]
    (tmp_path / "doc.md").write_text(text, encoding="utf-8")
    result = run(root / "misc" / "run_docs", "doc.md", cwd=tmp_path)
    assert (result.code, result.out) == (1, want)


def test_links(run, root):
    folder = root / "tests" / "cases" / "links"
    assert run(root / "misc" / "lint_links", folder / "good.md").ok().out == ""
    result = run(root / "misc" / "lint_links", "bad.md", cwd=folder)
    assert (result.code, result.out) == (1, (
        "bad.md: nothing.md: there is no such file\n"
        "bad.md: good.md#no-such: good.md has no such heading\n"
        "bad.md: #neither: bad.md has no such heading\n"
        "bad.md: reference.md: there is no such file\n"))
