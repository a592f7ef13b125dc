"""Uses scipy and numpy from the layers below, and a shared library that another layer publishes."""

import ctypes
import json
import platform
import sys

import numpy
import scipy
import scipy.linalg
import where_from

LIBRARY = {"x86_64": "libsndfile_x86_64.so", "aarch64": "libsndfile_arm64.so"}[platform.machine()]


def main():
    # no path: the loader finds it because this layer's bin/python names the lower layers' share/venv/dynlib
    sound = ctypes.CDLL(LIBRARY)
    sound.sf_version_string.restype = ctypes.c_char_p
    determinant = scipy.linalg.det(numpy.array([[2.0, 1.0], [1.0, 3.0]]))
    where_from.report(
        [json, numpy, scipy, where_from, sys.modules[__name__]],
        determinant=round(float(determinant), 6),
        libraries={LIBRARY: where_from.relative(where_from.loaded_library(LIBRARY))},
        sound=sound.sf_version_string().decode(),
    )


if __name__ == "__main__":
    main()
