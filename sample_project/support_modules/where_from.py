"""Says from which layer of the deployed stack a module or a shared library came."""

import json
import os
import sys

# a layer's folder is its environment's prefix; the layers lie side by side
DEPLOYED = os.path.dirname(os.path.realpath(sys.prefix))


def relative(path):
    """The path below the folder that holds all layers, with forward slashes; as it is when it lies elsewhere."""
    real = os.path.realpath(path)
    below = os.path.relpath(real, DEPLOYED)
    return (real if below.startswith(os.pardir) else below).replace(os.sep, "/")


def loaded_library(name):
    """The file that the running process has mapped for a shared library (Linux)."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")
            if path[1] and os.path.basename(path[2]) == name:
                return "/" + path[2]
    raise LookupError(f"no library '{name}' is loaded")


def report(modules, **more):
    """Print one JSON object: the file of each module by import name, and what else the application has to say."""
    files = {module.__name__: relative(module.__file__) for module in modules}
    print(json.dumps({"python": sys.version.split()[0], "modules": files, **more}, indent=2, sort_keys=True))
