"""Wheels for tests: real ones, pinned by digest and fetched by pip once; and ones made by hand."""

import base64
import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import paths

# platform of ours -> what pip calls it, newest first, and what uv calls it
PLATFORMS = {
    "linux_x86_64": (("manylinux_2_28_x86_64", "manylinux_2_17_x86_64"), "x86_64-manylinux_2_28"),
    "linux_aarch64": (("manylinux_2_28_aarch64", "manylinux_2_17_aarch64"), "aarch64-manylinux_2_28"),
    "macosx_arm64": (("macosx_13_0_arm64",), "aarch64-apple-darwin"),
    "macosx_x86_64": (("macosx_13_0_x86_64",), "x86_64-apple-darwin"),
    "win_amd64": (("win_amd64",), "x86_64-pc-windows-msvc"),
    "win_arm64": (("win_arm64",), "aarch64-pc-windows-msvc"),
}
ANY = tuple(PLATFORMS)
# name, version, platforms, SHA-256. Together they have what a wheel can have: extension modules, libraries beside them,
# headers (greenlet), files for the data scheme (ipykernel), a program (ninja), entry points (httpx, numpy).
PINS = [
    ("httpx", "0.28.1", ANY, "d909fcccc110f8c7faf814ca82a9a4d816bc5a6dbfea25d6591d6985b8ba59ad"),
    ("ipykernel", "7.4.0", ANY, "a6757f790ddc5a6006b813d82da1a9dbb65b3a00f2b6607df776418c6566ec1c"),
    ("greenlet", "3.5.6", ("linux_x86_64",), "1c20ea32a73d17b9b60e3371240e17b0068120c98a5ec01a224a7dd8c89733ba"),
    ("greenlet", "3.5.6", ("linux_aarch64",), "45bfd2b51e38aaa5f9849f114d9c7c1d75f69187c849b3549cd64c465283abfa"),
    ("greenlet", "3.5.6", ("macosx_arm64", "macosx_x86_64"),
        "a6a4b98a9132e0f45c9fc245a63894cfd8c45fb7a0d6bffc5eab3ec327cf7324"),
    ("greenlet", "3.5.6", ("win_amd64",), "a6b4ff33f7e011bbaa148238d131c4fd4f8afbab3c104ddfbdb2b12b74ff7016"),
    ("greenlet", "3.5.6", ("win_arm64",), "59deccd347735a7774223b05a93773fddbb298aba3cea21be4337fb4752dbe32"),
    ("ninja", "1.13.2", ("linux_x86_64",), "65a24341b5ac09fcadcc37082660be40a94174e51a937fabf6e2cae26225fa2c"),
    ("ninja", "1.13.2", ("linux_aarch64",), "d775a5e43e9088f507a6250d57fcf5678eb31268c545feb5064ffeee33735622"),
    ("ninja", "1.13.2", ("macosx_arm64", "macosx_x86_64"),
        "fd82e26c0706ad4ab88e5fdd26f3fab0a987a90f810160f6c322e752c6af298b"),
    ("ninja", "1.13.2", ("win_amd64",), "1293f4078278b70d0ee4b6cc8f3a9e030656c9b2f59909970343c4fe76070118"),
    ("ninja", "1.13.2", ("win_arm64",), "1db9852e528efa7702f5123969f86678663e46d57ff28ab13f5fd84d64a85fb1"),
    ("numpy", "2.4.6", ("linux_x86_64",), "89cd468399cfd2504718f0ba50e410dca55a170b61a02ad92bb18c8a65186e93"),
    ("numpy", "2.4.6", ("linux_aarch64",), "0ab0a9c4ffb1a6d95ef519fe4247dba8eb6b18ad93999f76b7f657039acabd47"),
    ("numpy", "2.4.6", ("macosx_arm64",), "110f8b71aacb688ec69062bb7f6938a0f8acb01b7c1c4beb453c65b6d234584d"),
    ("numpy", "2.4.6", ("macosx_x86_64",), "0280e0356c0829a18d9de1cb7eee50ec22ca639878d7240307ca0943d73cd2c4"),
    ("numpy", "2.4.6", ("win_amd64",), "1e254a00cdf42b1e4d5b3d68d33af63268d41340d8885df2ab6470f2e1500147"),
    ("numpy", "2.4.6", ("win_arm64",), "ed9749eef4cbd126da3dc1d6bcb3a57f5eb7ac6a6484146bdbf743f552dfc577"),
]
PYTHON = "3.11"


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _locked(path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(pins, platform, folder):
    """Let pip, which checks the digests, put the wheels into an empty folder beside and move them here."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pip-") as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text("".join(f"{name}=={version} --hash=sha256:{digest}\n" for name, version, _, digest in pins))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", "--only-binary=:all:", "--requirement", wanted, "--dest", scratch,
            "--python-version", PYTHON, "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none"]
        for tag in PLATFORMS[platform][0]:
            command += ["--platform", tag]
        subprocess.run(command, check=True)
        for wheel in Path(scratch).glob("*.whl"):
            os.replace(wheel, folder / wheel.name)


def wheels(platform, *names):
    """{name: path} of the pinned wheels for a platform (CPython 3.11), fetched when the cache lacks them."""
    pins = [pin for pin in PINS if platform in pin[2] and (not names or pin[0] in names)]
    folder = paths.CACHE / "wheels" / platform
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock"):
        have = {_digest(path): path for path in sorted(folder.glob("*.whl"))}
        missing = [pin for pin in pins if pin[3] not in have]
        if missing:
            _download(missing, platform, folder)
            have = {_digest(path): path for path in sorted(folder.glob("*.whl"))}
    return {name: have[digest] for name, _, _, digest in pins}


def record_row(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    quoted = '"' + name.replace('"', '""') + '"'
    return f"{quoted},sha256={digest},{len(data)}\n"


def make_wheel(folder, stem, files):
    """Write <stem>-py3-none-any.whl. `stem`: "Demo_Pkg-1.0"; files: {path: bytes, or (bytes, mode)}."""
    files = {name: body if isinstance(body, tuple) else (body, 0o644) for name, body in files.items()}
    name, version = stem.split("-")
    info = f"{stem}.dist-info"
    files.setdefault(f"{info}/METADATA",
        (f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(), 0o644))
    files.setdefault(f"{info}/WHEEL", (b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", 0o644))
    record = "".join(record_row(path, body) for path, (body, _) in files.items()) + f"{info}/RECORD,,\n"
    wheel = Path(folder) / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, (body, mode) in {**files, f"{info}/RECORD": (record.encode(), 0o644)}.items():
            member = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            member.external_attr = (0o100000 | mode) << 16
            archive.writestr(member, body)
    return wheel
