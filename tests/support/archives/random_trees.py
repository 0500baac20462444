"""Trees made up by hypothesis, packed by whatever packs archives, and compared after unpacking."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
import zipfile
from datetime import UTC, datetime

from hypothesis import strategies as st

from envmgr.install.archive.safety import fold_case

LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ019 .-_+@$&'()é√日"
NAMES = st.text(LETTERS, min_size=1, max_size=12).filter(lambda name: name.strip(". "))
LONG_NAMES = st.integers(90, 130).map(lambda count: "n" * count)
MODES = st.sampled_from([0o644, 0o755, 0o600, 0o700, 0o444, 0o555])
TIMES = st.integers(315_705_600, 4_000_000_000).map(
    lambda seconds: seconds & ~1
)  # zip counts in twos since 1980
CONTENT = st.binary(max_size=2000) | st.integers(0, 70_000).map(lambda count: b"x" * count)
FILES = st.tuples(st.just("file"), CONTENT, MODES, TIMES)
LINKS = st.tuples(st.just("link"), st.integers(0, 100))


def _directories(children):
    names = st.dictionaries(NAMES | LONG_NAMES, children, max_size=5)
    return st.tuples(
        st.just("directory"), names.map(_without_collisions), st.sampled_from([0o755, 0o700]), TIMES
    )


def _without_collisions(named):
    return dict({fold_case(n): (n, node) for n, node in named.items()}.values())


TREES = st.dictionaries(
    NAMES, st.recursive(FILES | LINKS, _directories, max_leaves=12), min_size=1, max_size=4
).map(_without_collisions)


def build(tree, root):
    """Make a tree on disk; links lead to the file whose number they hold, or nowhere."""
    os.makedirs(root)
    files = []
    _files_and_directories(tree, str(root), files)
    _links(tree, str(root), files)
    _times(tree, str(root))


def _files_and_directories(tree, root, files):
    for name, (kind, *details) in tree.items():
        path = os.path.join(root, name)
        if kind == "file":
            content, mode, _ = details
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, mode)
            files.append(path)
        elif kind == "directory":
            os.mkdir(path)
            _files_and_directories(details[0], path, files)


def _links(tree, root, files):
    for name, (kind, *details) in tree.items():
        path = os.path.join(root, name)
        if kind == "link":
            target = files[details[0] % len(files)] if files else os.path.join(root, "nowhere")
            os.symlink(os.path.relpath(target, root), path)
        elif kind == "directory":
            _links(details[0], path, files)


def _times(tree, root):
    for name, (kind, *details) in tree.items():
        path = os.path.join(root, name)
        if kind == "directory":
            _times(details[0], path)
            os.chmod(path, details[1])
        if kind != "link":
            os.utime(path, (details[2], details[2]))


def snapshot(root, *, times=True):
    """Describe a tree: what is where, with modes, times, contents and targets."""
    result = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            result[os.path.relpath(path, root)] = _described(path, times)
    return result


def _described(path, times):
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return ("link", os.readlink(path))
    time = int(status.st_mtime) if times else None
    if stat.S_ISDIR(status.st_mode):
        return ("directory", stat.S_IMODE(status.st_mode), time)
    with open(path, "rb") as file:
        return ("file", stat.S_IMODE(status.st_mode), time, file.read())


def pack_tarfile(root, archive, tar_format):
    with tarfile.open(archive, "w", format=tar_format) as tar:
        for name in sorted(os.listdir(root)):
            tar.add(os.path.join(root, name), name)


def pack_tar_command(root, archive, *options):
    subprocess.run(["tar", *options, "-cf", str(archive), "-C", str(root), "."], check=True)


def pack_zip(root, archive):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for directory, names, files in os.walk(root):
            for name in sorted(names + files):
                _zip_one(packed, os.path.join(directory, name), root)


def _zip_one(packed, path, root):
    status = os.lstat(path)
    name = os.path.relpath(path, root) + ("/" if stat.S_ISDIR(status.st_mode) else "")
    when = datetime.fromtimestamp(int(status.st_mtime), UTC).timetuple()[:6]
    is_link = stat.S_ISLNK(status.st_mode)
    info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0) if is_link else when)
    info.create_system = 3
    info.external_attr = status.st_mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    if is_link:
        packed.writestr(info, os.readlink(path))
    elif name.endswith("/"):
        packed.writestr(info, b"")
    else:
        with open(path, "rb") as file:
            packed.writestr(info, file.read())
