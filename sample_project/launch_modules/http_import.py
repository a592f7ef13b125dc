"""Uses httpx from the layer below: one request that is answered inside the process."""

import json
import sys

import certifi
import httpx
import where_from


def answer(request):
    return httpx.Response(200, json={"path": request.url.path})


def main():
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        path = client.get("http://sample.example/hello").json()["path"]
    where_from.report([json, certifi, httpx, where_from, sys.modules[__name__]], path=path)


if __name__ == "__main__":
    main()
