"""misc/published.py: what it says of two published folders."""

import json

import pytest
from published import compressors, differences

LAYER = {"layer_name": "app", "compressor": "zstd 1.5.4 level 3", "archive_size": 5, "archive_hashes": {"sha256": "00"}, "content_hash": "sha256:11"}
SEGMENTS = {"compressor": "zstd 1.5.4 level 3", "segments": [{"offset": 0, "size": 5, "content_size": 20, "content_hash": "sha256:22"}]}
ENTRIES = "link 2to3 bin/a\n0755 aaaa 5 bin/b\n0644 bbbb 7 lib/c%20d.py\nfolder - lib/e\n"


def write(folder, name, value):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent=2) + "\n", encoding="utf-8")


@pytest.fixture
def pair(tmp_path):
    """Two equal folders, to be changed."""
    for folder in (tmp_path / "a", tmp_path / "b"):
        write(folder, "app.tar.zst", "bytes")
        write(folder, "__venvstacks__/venvstacks.json", {"layers": {"applications": [LAYER], "frameworks": [], "runtimes": []}})
        write(folder, "__venvstacks__/env_metadata/app.json", LAYER)
        write(folder, "__venvstacks__/segments/app.json", SEGMENTS)
        write(folder, "__venvstacks__/entries/app.txt", ENTRIES)
    return tmp_path / "a", tmp_path / "b"


def test_equal(pair):
    assert differences(*pair) == []
    assert differences(*pair, with_compressor=False) == []


def test_entries(pair):
    write(pair[1], "__venvstacks__/entries/app.txt", "link 3to2 bin/a\n0644 aaaa 5 bin/b\n0644 cccc 8 lib/c%20d.py\n0644 dddd 1 lib/new\n")
    assert differences(*pair) == [
        "__venvstacks__/entries/app.txt: changed bin/a (link): link 2to3 -> link 3to2",
        "__venvstacks__/entries/app.txt: changed bin/b (mode): 0755 aaaa 5 -> 0644 aaaa 5",
        "__venvstacks__/entries/app.txt: changed lib/c%20d.py (bytes, size): 0644 bbbb 7 -> 0644 cccc 8",
        "__venvstacks__/entries/app.txt: removed lib/e",
        "__venvstacks__/entries/app.txt: added lib/new"]


def test_many_entries_are_cut(pair):
    write(pair[1], "__venvstacks__/entries/app.txt", ENTRIES + "".join(f"0644 aaaa 1 z{i:02}\n" for i in range(30)))
    told = differences(*pair)
    assert len(told) == 21 and told[-1] == "__venvstacks__/entries/app.txt: and 10 more"


def test_damaged_listing(pair):
    write(pair[1], "__venvstacks__/entries/app.txt", "nonsense\n")
    with pytest.raises(ValueError, match="no line of an entries listing: 'nonsense'"):
        differences(*pair)


def test_compressor(pair):
    other = LAYER | {"compressor": "zstd 1.5.6 level 3", "archive_size": 6, "archive_hashes": {"sha256": "01"}}
    write(pair[1], "app.tar.zst", "others")
    write(pair[1], "__venvstacks__/env_metadata/app.json", other)
    write(pair[1], "__venvstacks__/venvstacks.json", {"layers": {"applications": [other], "frameworks": [], "runtimes": []}})
    write(pair[1], "__venvstacks__/segments/app.json", {"compressor": "zstd 1.5.6 level 3",
        "segments": [{"offset": 0, "size": 6, "content_size": 20, "content_hash": "sha256:22"}]})
    assert differences(*pair, with_compressor=False) == []
    told = differences(*pair)
    assert "app.tar.zst: other bytes (5 and 6)" in told
    assert "__venvstacks__/env_metadata/app.json: compressor is 'zstd 1.5.6 level 3', not 'zstd 1.5.4 level 3'" in told
    assert "__venvstacks__/segments/app.json: segments[0].size is 6, not 5" in told
    assert [compressors(folder) for folder in pair] == [{"zstd 1.5.4"}, {"zstd 1.5.6"}]


def test_content_counts_whoever_compressed(pair):
    write(pair[1], "__venvstacks__/env_metadata/app.json", LAYER | {"content_hash": "sha256:33", "new": [1]})
    assert differences(*pair, with_compressor=False) == [
        "__venvstacks__/env_metadata/app.json: content_hash is 'sha256:33', not 'sha256:11'",
        "__venvstacks__/env_metadata/app.json: new[0] is 1, not None"]


def test_files(pair):
    (pair[1] / "app.tar.zst").rename(pair[1] / "other.tar.zst")
    write(pair[1], "__venvstacks__/more.txt", "x")
    assert differences(*pair) == ["__venvstacks__/more.txt: not expected", "other.tar.zst: not expected", "app.tar.zst: missing"]
    assert differences(*pair, archives=False) == ["__venvstacks__/more.txt: not expected"]


def test_same_document_in_other_bytes(pair):
    write(pair[1], "__venvstacks__/env_metadata/app.json", json.dumps(LAYER))
    assert differences(*pair) == ["__venvstacks__/env_metadata/app.json: the same document in other bytes"]


def test_names_of_compressors(pair):
    for name, compressor in {"b": "zlib 1.2.13 level 6 segment 4 MiB rule 1", "c": "none", "d": "none segment 4 MiB"}.items():
        write(pair[0], f"__venvstacks__/env_metadata/{name}.json", LAYER | {"compressor": compressor})
    assert compressors(pair[0]) == {"zstd 1.5.4", "zlib 1.2.13", "none"}
