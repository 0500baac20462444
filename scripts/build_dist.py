"""Build of the sdist and the wheel, reproducible and checked: `make dist`."""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

CHECKOUT = Path(__file__).parents[1]


def main() -> None:
    """Build both files twice, compare them, check them, and put them into the output directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=CHECKOUT / "dist")
    parser.add_argument(
        "--zig", type=Path, help="compiler of the shims for Windows; without it they are batch files"
    )
    arguments = parser.parse_args()
    os.environ["SOURCE_DATE_EPOCH"] = source_date()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        files = build(CHECKOUT, work / "first", arguments.zig)
        check_reproducible(files, build_again(files[0], work, arguments.zig))
        for file in files:
            check_metadata(file)
        check_record(files[1])
        check_installed(files[1], work / "venv")
        publish(files, arguments.output)


def source_date() -> str:
    """Return the timestamp of an archive's files: SOURCE_DATE_EPOCH, by default the last commit's time."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        return epoch
    command = ["git", "-C", str(CHECKOUT), "log", "-1", "--format=%ct"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def build(source: Path, output: Path, zig: Path | None) -> tuple[Path, Path]:
    """Build the sdist of a source tree, and the wheel from that; return their paths."""
    _hatch(source, "sdist", output)
    (sdist,) = output.glob("*.tar.gz")
    tree = unpack(sdist, output / "tree")
    if zig:
        script = tree / "scripts" / "build_windows_shims.py"
        _run(sys.executable, str(script), "--zig", str(zig), str(tree / "shims" / "windows.c"))
    _hatch(tree, "wheel", output)
    (wheel,) = output.glob("*.whl")
    return sdist, wheel


def _hatch(source: Path, target: str, output: Path) -> None:
    _run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(output), cwd=source)


def unpack(sdist: Path, directory: Path) -> Path:
    """Unpack an sdist; return its directory."""
    with tarfile.open(sdist) as archive:
        archive.extractall(directory, filter="data")
    (source,) = directory.iterdir()
    return source


def build_again(sdist: Path, work: Path, zig: Path | None) -> tuple[Path, Path]:
    """Build both files from the unpacked sdist, in another place and under another umask."""
    source = unpack(sdist, work / "again")
    for path in source.rglob("*"):
        os.utime(path)
    previous = os.umask(0o077)
    try:
        return build(source, work / "second", zig)
    finally:
        os.umask(previous)


def check_reproducible(first: tuple[Path, Path], second: tuple[Path, Path]) -> None:
    """Exit with an error unless both builds have the same bytes."""
    for left, right in zip(first, second, strict=True):
        if left.name != right.name or left.read_bytes() != right.read_bytes():
            sys.exit(f"error: {left.name} differs between two builds of the same source")


def check_metadata(file: Path) -> None:
    """Exit with an error unless a file's metadata is valid and has all that an index shows."""
    try:
        metadata = Metadata.from_email(_metadata_text(file), validate=True)
    except ExceptionGroup as group:
        sys.exit(f"error: metadata of {file.name} is invalid: {'; '.join(map(str, group.exceptions))}")
    required_fields = (
        metadata.summary,
        metadata.description,
        metadata.license_expression,
        metadata.requires_python,
    )
    if not all(required_fields) or not str(metadata.description_content_type).startswith("text/markdown"):
        sys.exit(f"error: metadata of {file.name} is incomplete: summary, description, license and Python")


def _metadata_text(file: Path) -> bytes:
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            return archive.read(name)
    with tarfile.open(file) as archive:
        member = archive.extractfile(f"{file.name.removesuffix('.tar.gz')}/PKG-INFO")
        return member.read() if member else b""


def check_record(wheel: Path) -> None:
    """Exit with an error unless the wheel's RECORD lists every file with its digest, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
        digests = {row[0]: row[1] for row in csv.reader(io.StringIO(archive.read(record).decode()))}
        actual = {name: _digest(archive.read(name)) for name in archive.namelist() if name != record}
    if {name: digest for name, digest in digests.items() if name != record} != actual:
        sys.exit(f"error: RECORD of {wheel.name} does not match its files")


def _digest(content: bytes) -> str:
    encoded = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={encoded.rstrip(b'=').decode()}"


def check_installed(wheel: Path, venv: Path) -> None:
    """Install the wheel into a new environment, beside the pinned dependencies, and run its commands."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    scripts = venv / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    pip = (sys.executable, "-m", "pip", "--python", python)
    _run(*pip, "install", "-qq", "--no-index", "--no-deps", str(wheel))
    _run(str(scripts / "envmgr"), "--version")
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(
        subprocess.run([python, "-c", purelib], check=True, capture_output=True, text=True).stdout.strip()
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    _run(python, "-m", "pip", "check")
    for command in ("envmgr --help", "envmgr plugin list", "envmgr-alm --version"):
        name, *arguments = command.split()
        _run(str(scripts / name), *arguments)


def _run(*command: str, cwd: Path | None = None) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"error: {' '.join(command)} failed: {result.stdout}{result.stderr}")


def publish(files: tuple[Path, Path], output: Path) -> None:
    """Replace the files of earlier builds in the output directory, and print the digests."""
    output.mkdir(parents=True, exist_ok=True)
    for path in output.glob(f"{files[1].name.partition('-')[0]}-*"):
        path.unlink()
    for file in files:
        shutil.copy(file, output)
        print(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {output / file.name}")


if __name__ == "__main__":
    main()
