import json
import sys

import httpx
import numpy
import scipy
import where_from

from .solve import solve_served


def main():
    where_from.report(
        [json, httpx, numpy, scipy, where_from, sys.modules[__package__]],
        solution=solve_served(),
    )


if __name__ == "__main__":
    main()
