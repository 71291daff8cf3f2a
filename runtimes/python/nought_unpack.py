"""Unpacks a package, one tar.gz, into a folder.

Invariants:
1. Nothing is written outside of the folder: paths are relative without ``..``, no member lies below
   a link, links are made last and point inside, and there are no devices or hard links.
2. What is unpacked has at most ``SIZE_LIMIT`` bytes.
"""

import os
import shutil
import tarfile
import tempfile

SIZE_LIMIT = 512 * 1024 * 1024


class _Chunks:
    """The chunks in a row, as one file to read."""

    def __init__(self, folder):
        names = sorted(name for name in os.listdir(folder) if name.isdigit())
        self._paths = [os.path.join(folder, name) for name in names]
        self._file = None

    def read(self, size):
        while True:
            if self._file is None:
                if not self._paths:
                    return b""
                self._file = open(self._paths.pop(0), "rb")
            data = self._file.read(size)
            if data:
                return data
            self._file.close()
            self._file = None


def unpack_chunks(chunk_folder):
    """Unpacks the chunks in a row into a private folder and returns that."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="code-"))
    unpack(_Chunks(chunk_folder), folder)
    return folder


def unpack(source, folder):
    """Unpacks what ``source.read`` gives into an empty folder; raises an error with what is wrong with it."""
    links = {}
    total = 0
    with tarfile.open(fileobj=source, mode="r|gz", encoding="utf-8") as archive:
        for member in archive:
            _check_path(member.name)
            path = os.path.join(folder, member.name)
            total += member.size
            if total > SIZE_LIMIT:
                raise ValueError("it has more than %d bytes unpacked" % SIZE_LIMIT)
            if member.issym():
                links[member.name] = member.linkname
            elif member.isdir():
                os.makedirs(path, exist_ok=True)
            elif member.isreg():
                os.makedirs(os.path.dirname(path), exist_ok=True)
                mode = 0o700 if member.mode & 0o100 else 0o600
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                with open(fd, "wb") as file:
                    shutil.copyfileobj(archive.extractfile(member), file)
            else:
                raise ValueError('"%s" is neither a file, a folder nor a symbolic link' % member.name)
    for name, link in links.items():
        _make_link(folder, name, link, links)


def _make_link(folder, name, link, links):
    parent = os.path.dirname(name)
    while parent:
        if parent in links:
            raise ValueError('"%s" lies below a link' % name)
        parent = os.path.dirname(parent)
    parts = link.split("/")
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    if link.startswith("/") or ups > name.count("/") or ".." in parts[ups:]:
        raise ValueError('the link "%s" points outside of the package' % name)
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(link, path)


def _check_path(name):
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError('the path "%s" is not allowed' % name)
