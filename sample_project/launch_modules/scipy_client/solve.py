"""Fetches a system of equations over HTTP (answered inside the process) and solves it."""

import httpx
import numpy
import scipy.linalg


def answer(request):
    return httpx.Response(200, json={"a": [[2.0, 1.0], [1.0, 3.0]], "b": [3.0, 5.0]})


def solve_served():
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        task = client.get("http://sample.example/task").json()
    return [round(float(x), 6) for x in scipy.linalg.solve(numpy.array(task["a"]), numpy.array(task["b"]))]
