"""Uses scikit-learn from the layer below and numpy from the runtime layer: fits a line."""

import json
import sys

import numpy
import scipy
import sklearn
import where_from
from sklearn.linear_model import LinearRegression


def main():
    x = numpy.arange(4.0).reshape(-1, 1)
    model = LinearRegression().fit(x, 2 * x.ravel() + 1)
    where_from.report(
        [json, numpy, scipy, sklearn, where_from, sys.modules[__name__]],
        slope=round(float(model.coef_[0]), 6),
    )


if __name__ == "__main__":
    main()
