"""Uses scipy and numpy from the layers below, and a shared library that another layer publishes."""

import ctypes
import json
import sys

import numpy
import scipy
import scipy.linalg
import where_from

LIBRARY = "libscipy_openblas.so"


def main():
    # no path: the loader finds it because this layer's bin/python names the lower layers' share/venv/dynlib
    blas = ctypes.CDLL(LIBRARY)
    blas.scipy_openblas_get_config.restype = ctypes.c_char_p
    determinant = scipy.linalg.det(numpy.array([[2.0, 1.0], [1.0, 3.0]]))
    where_from.report(
        [json, numpy, scipy, where_from, sys.modules[__name__]],
        determinant=round(float(determinant), 6),
        libraries={LIBRARY: where_from.relative(where_from.loaded_library(LIBRARY))},
        blas=blas.scipy_openblas_get_config().decode().split()[0],
    )


if __name__ == "__main__":
    main()
