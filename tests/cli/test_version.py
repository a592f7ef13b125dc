def test_plain_call_tells_the_version(run_lamina, root):
    zon = (root / "build.zig.zon").read_text(encoding="utf-8")
    version = zon.split('.version = "')[1].split('"')[0]
    assert run_lamina("--version").ok().out == f"lamina {version}\n"
