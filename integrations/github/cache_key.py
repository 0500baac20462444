"""Outputs of the first step of the GitHub Action: interpreter, directory, digests."""

from __future__ import annotations

import argparse
import platform
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src", "plugins", "shims")
"""What a wheel of envmgr is built from."""
PROJECT_FILES = (".envmgr", ".envmgr.lock")


def main(arguments: Sequence[str]) -> None:
    """Print the outputs as lines of GITHUB_OUTPUT."""
    options = _parse(arguments)
    interpreter = (sys.version, sys.base_prefix, *platform.libc_ver())
    client = digest([*interpreter, options.package, *_contents(_package_files(Path(options.package)))])
    key = digest([client, *options.text, *_contents(_project_files(Path(options.project).resolve()))])
    outputs = {
        "python": sys.executable,
        "directory": Path(options.directory).expanduser().absolute(),
        "client": client,
        "key": f"{options.prefix}-{key}",
    }
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in outputs.items()))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", required=True, help="where envmgr and the tools are installed")
    parser.add_argument("--package", required=True, help="what pip installs")
    parser.add_argument("--project", required=True, help="the directory whose requests are installed")
    parser.add_argument("--prefix", required=True, help="how the key begins")
    parser.add_argument("text", nargs="*", help="what the key depends on, too")
    return parser.parse_args(arguments)


def digest(texts: Iterable[str]) -> str:
    """Return a digest that differs for each list of texts."""
    total = sha256()
    for text in texts:
        total.update(sha256(text.encode(errors="surrogateescape")).digest())
    return total.hexdigest()


def _contents(files: Iterable[Path]) -> Iterator[str]:
    """Yield the paths of files, and the digests of their content."""
    for file in files:
        yield str(file)
        yield sha256(file.read_bytes()).hexdigest()


def _package_files(package: Path) -> Iterator[Path]:
    """Yield a wheel, or the sources in a directory; nothing for a URL.

    What a URL names must not change.
    """
    if package.is_file():
        yield package
        return
    for name in SOURCES:
        source = package / name
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        yield from (file for file in files if file.is_file() and file.suffix != ".pyc")


def _project_files(project: Path) -> Iterator[Path]:
    """Yield the requests and locks of a directory and of those above."""
    for directory in (project, *project.parents):
        yield from (directory / name for name in PROJECT_FILES if (directory / name).is_file())


if __name__ == "__main__":
    main(sys.argv[1:])
