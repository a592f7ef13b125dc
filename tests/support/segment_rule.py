"""The digests of segments, from the uncompressed tar, as docs/formats/archive.md has them."""

import hashlib
import io
import tarfile


def number(value):
    return value.to_bytes(8, "little")


def member_digests(stream):
    """[(offset in the stream, header blocks, SHA-256 of the file's bytes or nothing, end in the stream)], as tarfile sees them."""
    out = []
    with tarfile.open(fileobj=io.BytesIO(stream)) as reader:
        for member in reader:
            header = stream[member.offset:member.offset_data]
            digest = hashlib.file_digest(reader.extractfile(member), "sha256").digest() if member.isfile() else b""
            out.append((member.offset, header, digest, member.offset_data + (member.size + 511) // 512 * 512))
    return out


def segment_digest(members, begin, end, size, target):
    """Of the bytes begin to end of a stream of `size` bytes, whose members are these."""
    text = b""
    for offset, header, digest, after in members:
        if offset >= end or after <= begin:
            continue
        text += (header if offset >= begin else b"") + digest
        if after - offset > target * 3 // 2:
            text += number(max(0, begin - offset - len(header))) + number(min(end, after) - begin)
    return hashlib.sha256(text + bytes(1024 if end == size else 0)).hexdigest()
