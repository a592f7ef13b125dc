"""Runs venvstacks with its runtime download replaced by a folder of local archives (BENCH_RUNTIMES).

Its own download goes to a host that not everybody reaches, and a download is not what is compared.
"""
import hashlib
import os
import shutil
from pathlib import Path

import pbs_installer
from pbs_installer._utils import PythonVersion

FOLDER = Path(os.environ["BENCH_RUNTIMES"])


def get_download_link(request, *_args, implementation="cpython", **_kwargs):
    archive = FOLDER / f"{implementation}-{request}-x86_64-unknown-linux-gnu-install_only.tar.gz"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return PythonVersion(implementation, *map(int, request.split("."))), (archive.as_uri(), digest)


def download(python_file, destination, client=None):
    source, digest = python_file
    shutil.copyfile(source.removeprefix("file://"), destination)
    if hashlib.sha256(Path(destination).read_bytes()).hexdigest() != digest:
        raise RuntimeError(f"{destination} does not have the digest {digest}")
    return Path(source).name


pbs_installer.get_download_link = get_download_link
pbs_installer.download = download

if __name__ == "__main__":
    from venvstacks.cli import main

    main()
