"""Archives written member by member with the standard library, and rewritten: to plant what must be found."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass, field, replace

TIME = 1_780_272_000  # 2026-06-01T00:00:00Z


@dataclass(frozen=True)
class Entry:
    """One member. kind: file, folder, link, hard (link), fifo, char, block."""

    name: str
    body: bytes = b""
    kind: str = "file"
    mode: int = 0
    link: str = ""
    time: float = TIME
    uid: int = 0
    gid: int = 0
    user: str = "root"
    group: str = "root"
    pax: dict = field(default_factory=dict)

    def but(self, **fields):
        return replace(self, **fields)


TYPES = {"file": tarfile.REGTYPE, "folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE, "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE}
MODES = {"file": 0o644, "folder": 0o755, "link": 0o777, "hard": 0o644, "fifo": 0o644, "char": 0o644, "block": 0o644}
KINDS = {value: key for key, value in TYPES.items()}


def folder(name, **fields):
    return Entry(name, kind="folder", **fields)


def link(name, target, **fields):
    return Entry(name, kind="link", link=target, **fields)


def tar_bytes(entries, dialect=tarfile.USTAR_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=dialect) as archive:
        for entry in entries:
            member = tarfile.TarInfo(entry.name)
            member.type, member.mode, member.linkname = TYPES[entry.kind], entry.mode or MODES[entry.kind], entry.link
            member.mtime, member.uid, member.gid, member.uname, member.gname = (
                entry.time, entry.uid, entry.gid, entry.user, entry.group)
            member.pax_headers = dict(entry.pax)
            member.size = len(entry.body)
            archive.addfile(member, io.BytesIO(entry.body))
    return out.getvalue()


def zstd(data, level=3):
    return subprocess.run(["zstd", f"-{level}", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def unzstd(data):
    return subprocess.run(["zstd", "-d", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


COMPRESSORS = {".tar": lambda data: data, ".tar.gz": lambda data: gzip.compress(data, 6, mtime=0), ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress, ".tar.zst": zstd}


def suffix(path):
    return next(end for end in (*COMPRESSORS, ".zip") if path.name.endswith(end))


def write(path, entries, **options):
    """Write an archive of the format that its name says. Returns the path."""
    if suffix(path) == ".zip":
        write_zip(path, entries, **options)
    else:
        path.write_bytes(COMPRESSORS[suffix(path)](tar_bytes(entries, **options)))
    return path


def write_zip(path, entries, level=6, date=(2026, 6, 1, 0, 0, 0)):
    with zipfile.ZipFile(path, "w") as archive:
        for entry in entries:
            member = zipfile.ZipInfo(entry.name + ("/" if entry.kind == "folder" else ""), date)
            bits = {"file": 0o100000, "folder": 0o040000, "link": 0o120000}[entry.kind]
            member.external_attr = (bits | (entry.mode or MODES[entry.kind])) << 16
            member.create_system = 3
            member.compress_type = zipfile.ZIP_STORED if entry.kind == "folder" else zipfile.ZIP_DEFLATED
            body = entry.link.encode() if entry.kind == "link" else entry.body
            archive.writestr(member, body, compresslevel=level)


def read(path):
    """The members of a tar, plain or compressed, in order."""
    data = path.read_bytes()
    if path.name.endswith(".zst"):
        data = unzstd(data)
    entries = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            body = archive.extractfile(member).read() if member.isreg() else b""
            entries.append(Entry(member.name, body, KINDS[member.type], member.mode, member.linkname, member.mtime,
                member.uid, member.gid, member.uname, member.gname))
    return entries


def as_lamina_writes(data):
    """The same tar with what lamina writes where tarfile writes something else: device numbers, and no padding at the end."""
    out, at = bytearray(data), 0
    while out[at]:
        out[at + 329:at + 345] = b"0000000\0" * 2
        out[at + 148:at + 156] = b" " * 8
        out[at + 148:at + 156] = b"%06o\0 " % sum(out[at:at + 512])
        size = int(out[at + 124:at + 135], 8)
        at += 512 + (size + 511) // 512 * 512
    return bytes(out[:at + 1024])


def listing(entries, top):
    """As docs/formats/content-hash.md says, of the members of an archive with this top folder."""
    top += "/"
    paths = {entry.name[len(top):]: entry for entry in entries if entry.name.startswith(top)}
    used = {path.rsplit("/", 1)[0] for path in paths if "/" in path}
    lines = []
    for path in sorted(paths, key=str.encode):
        entry, shown = paths[path], path.replace("%", "%25").replace(" ", "%20")
        if entry.kind == "file":
            mode = "0755" if entry.mode & 0o100 else "0644"
            lines.append(f"{mode} {hashlib.sha256(entry.body).hexdigest()} {len(entry.body)} {shown}\n")
        elif entry.kind == "link":
            lines.append(f"link {entry.link.replace('%', '%25').replace(' ', '%20')} {shown}\n")
        elif path not in used:
            lines.append(f"folder - {shown}\n")
    return "".join(lines)


def record(out, layer, change):
    """Change the metadata of a layer, in the manifest and in its own file, as one that publishes would."""
    manifest_path = out / "__venvstacks__" / "venvstacks.json"
    layer_path = out / "__venvstacks__" / "env_metadata" / f"{layer}.json"
    manifest = json.loads(manifest_path.read_text())
    for kind in manifest["layers"].values():
        for metadata in kind:
            if metadata["layer_name"] == layer:
                change(metadata)
                layer_path.write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")
    manifest_path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def rewrite(out, layer, change, honest=True, with_listing=True, compress=None, dialect=tarfile.USTAR_FORMAT):
    """Make the archive of a published layer anew, from its members as `change(entries)` returns them. honest: with the metadata that
    a publisher of this archive would write; else those of the old one stay."""
    metadata = json.loads((out / "__venvstacks__" / "env_metadata" / f"{layer}.json").read_text())
    path = out / metadata["archive_name"]
    before = path.read_bytes()
    entries = read(path)
    entries = change(entries) or entries
    data = (compress or COMPRESSORS[suffix(path)])(as_lamina_writes(tar_bytes(entries, dialect)))
    path.write_bytes(data)
    assert data != before
    if not honest:
        return
    (out / "__venvstacks__" / "segments" / f"{layer}.json").unlink()
    listing_path = out / "__venvstacks__" / "entries" / f"{layer}.txt"
    text = listing(entries, metadata["install_target"])
    listing_path.write_text(text)
    if not with_listing:
        listing_path.unlink()

    def facts(metadata):
        metadata["archive_hashes"] = {"sha256": hashlib.sha256(data).hexdigest()}
        metadata["archive_size"] = len(data)
        metadata["content_hash"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        metadata["entry_count"] = len(entries)

    record(out, layer, facts)
