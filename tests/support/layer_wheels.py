"""Wheels that are good by themselves and cannot become a layer: tests/cases/wheels/layers.toml has what is said of each."""

from rawzip import Member
from wheels import CODE, add_row, record_digest, wheel

INFO = "demo-1.0.dist-info"


def with_files(*paths, **options):
    """demo 1.0 with these files beside its own."""
    return wheel({"demo/__init__.py": CODE, **{path: f"{path}\n".encode() for path in paths}}, **options)


def other(files):
    """other 2.0 with these files."""
    return wheel(files, name="other", version="2.0")


# case -> the wheels of the layer; wherever a name is folded or kept for something, the platform in layers.toml counts
CASES = {
    # what two names come to
    "case": lambda: [with_files("demo/Data.txt", "demo/data.TXT")],
    "case-of-folders": lambda: [with_files("demo/Data/x", "demo/data/y")],
    "case-of-file-and-folder": lambda: [with_files("demo/Data", "demo/data/y")],
    "case-not-ascii": lambda: [with_files("demo/STRASSE", "demo/straße")],
    "composed-and-decomposed": lambda: [with_files("demo/\u00e9", "demo/e\u0301")],
    "case-of-two-wheels": lambda: [with_files("shared/README"), other({"shared/readme": b"other\n"})],
    "lib-and-Lib": lambda: [with_files("demo-1.0.data/data/LIB/site-packages/demo/x", "demo/X")],
    # what two wheels say of one path
    "two-wheels-one-path": lambda: [wheel({"shared/x.py": b"one"}), other({"shared/x.py": b"two"})],
    "two-wheels-one-mode": lambda: [wheel({}, members=[Member("shared/x", b"x")], record=add_row("shared/x", record_digest(b"x"), "1")),
        wheel({}, name="other", version="2.0", members=[Member("shared/x", b"x", mode=0o100755)],
            record=add_row("shared/x", record_digest(b"x"), "1"))],
    "two-wheels-file-and-folder": lambda: [wheel({"shared": b"one"}), other({"shared/x.py": b"two"})],
    "one-wheel-two-places": lambda: [wheel({"demo/x": b"one", "demo-1.0.data/purelib/demo/x": b"two"})],
    # .data
    "scheme-unknown": lambda: [with_files("demo-1.0.data/elsewhere/x")],
    "scheme-a-file": lambda: [with_files("demo-1.0.data/purelib")],
    "scheme-in-capitals": lambda: [with_files("demo-1.0.data/PURELIB/x")],
    # the layer's own files
    "takes-the-interpreter": lambda: [with_files("demo-1.0.data/data/bin/python")],
    "takes-the-windows-interpreter": lambda: [with_files("demo-1.0.data/data/Scripts/python.exe")],
    "takes-the-configuration": lambda: [with_files("demo-1.0.data/data/share/venv/metadata/venvstacks_layer.json")],
    "takes-postinstall": lambda: [with_files("demo-1.0.data/data/postinstall.py")],
    "takes-pyvenv": lambda: [with_files("demo-1.0.data/data/pyvenv.cfg")],
    "takes-pyvenv-in-capitals": lambda: [with_files("demo-1.0.data/data/PyVenv.cfg")],
    "takes-sitecustomize": lambda: [with_files("sitecustomize.py")],
    "takes-sitecustomize-as-package": lambda: [with_files("sitecustomize/__init__.py")],
    "takes-sitecustomize-built": lambda: [with_files("sitecustomize.cpython-311-x86_64-linux-gnu.so")],
    "takes-a-launch-module": lambda: [with_files("app_main.py")],
    "takes-a-launch-module-as-package": lambda: [with_files("app_main/__init__.py")],
    "takes-a-library": lambda: [with_files("demo-1.0.data/data/share/venv/dynlib/libx.so", "demo/libx.so")],
    "libraries-of-one-name": lambda: [with_files("demo/a/libx.so", "demo/b/libx.so")],
    # names that Windows cannot have
    "device": lambda: [with_files("demo/aux.py")],
    "device-folder": lambda: [with_files("demo/CON/x.py")],
    "device-with-space": lambda: [with_files("demo/nul .txt")],
    "device-com": lambda: [with_files("demo/com1.tar.gz")],
    "device-superscript": lambda: [with_files("demo/COM\u00b9")],
    "device-conin": lambda: [with_files("demo/CONIN$")],
    "trailing-dot": lambda: [with_files("demo/x.")],
    "trailing-space": lambda: [with_files("demo/x ")],
    "trailing-dot-of-folder": lambda: [with_files("demo/x./y")],
    "stream": lambda: [with_files("demo/x.py:hidden")],
    "wildcard": lambda: [with_files("demo/x?.py")],
    "quote": lambda: [with_files('demo/"x".py')],
    "angle": lambda: [with_files("demo/<x>.py")],
    "pipe": lambda: [with_files("demo/x|y")],
    "star": lambda: [with_files("demo/*.py")],
}
