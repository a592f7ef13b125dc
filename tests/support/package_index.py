"""Package indexes on loopback (the simple repository API), with wheels made in the test."""

import base64
import email.message
import hashlib
import html
import json
import secrets

import web
import wheels

MANYLINUX = "manylinux_2_17_x86_64.manylinux2014_x86_64"
# platform of ours -> platform tag of a wheel that fits every target
TAGS = {
    "linux_x86_64": MANYLINUX,
    "linux_aarch64": "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "macosx_arm64": "macosx_11_0_arm64",
    "macosx_x86_64": "macosx_10_9_x86_64",
    "win_amd64": "win_amd64",
    "win_arm64": "win_arm64",
}
OLD, NEW = "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"  # when files were uploaded


def native(platform):
    """The tag of a wheel with extension modules for CPython 3.11 on a platform of ours."""
    return f"cp311-cp311-{TAGS[platform]}"


def make_wheel(name, version="1.0", tag="py3-none-any", requires=(), files=None, requires_python=None):
    """(file name, bytes) of a wheel; same arguments, same bytes. files: {path: bytes}."""
    project = name.replace("-", "_")
    metadata = email.message.Message()
    for key, value in [("Metadata-Version", "2.1"), ("Name", name), ("Version", version)]:
        metadata[key] = value
    for requirement in requires:
        metadata["Requires-Dist"] = requirement
    if requires_python is not None:
        metadata["Requires-Python"] = requires_python
    if files is None:
        files = {f"{project}/__init__.py": f'__version__ = "{version}"\ntag = "{tag}"\n'.encode()}
    about = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    return wheels.wheel(files, name=project, version=version, file_name=f"{project}-{version}-{tag}.whl",
        metadata=metadata.as_bytes(), wheel=about)


class Index:
    """One index of a server: `<server>/<place>/simple/`. pages: which project pages were asked for, in order; taken: which files.
    Its place is like no other's, so that what the resolver remembers of a URL is never about another index."""

    def __init__(self, server, name, *, form="json", upload_times=True, hashes=True, login=None):
        self.server, self.name, self.form = server, name, form
        self.place = f"{name}-{secrets.token_hex(8)}"
        self.upload_times, self.hashes = upload_times, hashes
        self.login = login  # "user:password" that every request must have
        self.projects, self.pages, self.taken = {}, [], []

    def url(self, user=""):
        return self.server.url(f"/{self.place}/simple/", user)

    def add(self, name, version="1.0", *tags, requires=(), files=None, uploaded=OLD, requires_python=None):
        """Offer a package, one wheel per tag (default: py3-none-any). Returns {file name: bytes}."""
        made = dict(make_wheel(name, version, tag, requires, files, requires_python) for tag in tags or ("py3-none-any",))
        for file_name, data in made.items():
            self.offer(name, file_name, data, uploaded)
            self.answer(f"/{self.place}/files/{file_name}.metadata", metadata_of(data))
        return made

    def add_sdist(self, name, version="1.0", uploaded=OLD):
        """Offer a source distribution; nobody may build it, so what is in it does not count."""
        self.offer(name, f"{name}-{version}.tar.gz", b"not read", uploaded)

    def offer(self, name, file_name, data, uploaded=OLD):
        self.projects.setdefault(name, {})[file_name] = (data, uploaded)
        self.answer(f"/{self.place}/files/{file_name}", data, self.taken, file_name)
        self.server.answers[f"/{self.place}/simple/{name}/"] = [self.guard(lambda handler: self.page(handler, name))]

    def remove(self, name, file_name):
        del self.projects[name][file_name]

    def metadata(self, file_name):
        """The METADATA file of a wheel that is offered."""
        return metadata_of(next(files[file_name][0] for files in self.projects.values() if file_name in files))

    def guard(self, answer):
        def guarded(handler):
            if self.login is None or handler.headers.get("Authorization") == basic(self.login):
                return answer(handler)
            return web.status(401, WWW_Authenticate='Basic realm="index"')(handler)

        return guarded

    def answer(self, path, data, log=None, name=None, *, kind=None, guarded=True, headers=None):
        """Serve these bytes. log: a list that gets `name` with each request; headers: one that gets the request's headers."""
        def send(handler):
            if log is not None:
                log.append(name)
            if headers is not None:
                headers.append(dict(handler.headers))
            if kind is None:
                return web.content(data)(handler)
            web.head(handler, 200, {"Content-Type": kind, "Content-Length": len(data)})
            return handler.wfile.write(data)

        self.server.answers[path] = [self.guard(send) if guarded else send]

    def page(self, handler, name):
        self.pages.append(name)
        files = [self.describe(*item) for item in self.projects[name].items()]
        if self.form == "json":
            kind, text = "application/vnd.pypi.simple.v1+json", json.dumps(
                {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files})
        else:
            kind, text = "text/html", "<!DOCTYPE html><html><body>" + "".join(map(anchor, files)) + "</body></html>"
        body = text.encode()
        web.head(handler, 200, {"Content-Type": kind, "Content-Length": len(body), "Cache-Control": "no-cache"})
        handler.wfile.write(body)

    def describe(self, file_name, item):
        data, uploaded = item
        file = {"filename": file_name, "url": f"../../files/{file_name}", "size": len(data),
            "hashes": {"sha256": hashlib.sha256(data).hexdigest()} if self.hashes else {}}
        if self.upload_times:
            file["upload-time"] = uploaded
        if file_name.endswith(".whl"):
            file["core-metadata"] = {"sha256": hashlib.sha256(metadata_of(data)).hexdigest()}
        return file


def anchor(file):
    digest = "".join(f"#sha256={sha256}" for sha256 in file["hashes"].values())
    metadata = f' data-core-metadata="sha256={file["core-metadata"]["sha256"]}"' if "core-metadata" in file else ""
    return f'<a href="{html.escape(file["url"])}{digest}"{metadata}>{html.escape(file["filename"])}</a>\n'


def metadata_of(data):
    return wheels.member(data, ".dist-info/METADATA")


def basic(login):
    return "Basic " + base64.b64encode(login.encode()).decode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()
