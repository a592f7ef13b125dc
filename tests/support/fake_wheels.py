"""Small valid wheels that say which of them was installed."""

import base64
import hashlib
import zipfile


def make(folder, project, tag, version="1.0", build=""):
    """Write a wheel into `folder`; installed, <project>_which.py holds its file name. Returns the file name."""
    name = "-".join(filter(None, [project, version, build, tag])) + ".whl"
    info = f"{project}-{version}.dist-info"
    files = {
        f"{project}_which.py": f"{name}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items()]
    files[f"{info}/RECORD"] = "".join(record) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return name


def sha256(folder, name):
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
