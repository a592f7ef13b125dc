"""Unpacking published archives and finishing the layers, with nothing but tar and the runtime's Python."""

import json
import subprocess
from pathlib import Path


def manifest(out):
    return json.loads((out / "__venvstacks__" / "venvstacks.json").read_text())


def layers(out):
    """Metadata of all layers in the manifest, lowest first."""
    kinds = manifest(out)["layers"]
    return [*kinds["runtimes"], *kinds["frameworks"], *kinds["applications"]]


def unpack(archive, folder):
    """With tar alone."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    codec = ["--zstd"] if archive.name.endswith(".zst") else []
    subprocess.run(["tar", *codec, "-xf", archive, "-C", folder], check=True)


def postinstall(folder, layer):
    """Run a layer's postinstall.py by its runtime layer's Python, as docs/formats/layer.md says."""
    python = folder / layer["runtime_layer"] / "bin" / "python"
    return subprocess.run([python, folder / layer["install_target"] / "postinstall.py"], check=True, env={},
        capture_output=True, text=True)


def deploy(out, layers, folder):
    """These layers of a published stack side by side in `folder`, ready to run. Uppermost first: the order is free."""
    for layer in layers:
        unpack(out / layer["archive_name"], folder)
    for layer in reversed(layers):
        postinstall(folder, layer)
    return folder
