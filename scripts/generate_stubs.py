"""Generator of the gRPC stubs of `proto/` in `src/envmgr/server/contracts/proto/`.

With `--check`, the committed stubs are compared instead.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PROTOS = CHECKOUT / "proto"
STUBS = CHECKOUT / "src" / "envmgr" / "server" / "contracts" / "proto"
PACKAGE = "envmgr.server.contracts.proto"
_PROTO_PACKAGE = "envmgr.alm.v1"
_PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")


def generate(directory: Path) -> dict[str, str]:
    """Return the text of each generated file, by name."""
    scripts = Path(sysconfig.get_path("scripts"))
    sources = sorted(PROTOS.rglob("*.proto"))
    command = [
        sys.executable,
        *("-m", "grpc_tools.protoc"),
        *(f"--plugin={name}={scripts / name}" for name in _PLUGINS),
        f"--proto_path={PROTOS}",
        *(f"--{kind}_out={directory}" for kind in ("python", "grpc_python")),
        *(f"--{kind}_out=quiet:{directory}" for kind in ("mypy", "mypy_grpc")),
        *map(str, sources),
    ]
    subprocess.run(command, check=True)
    files = {path.name: relocate(path.read_text()) for path in sorted(directory.rglob("*.py*"))}
    return {name: text for name, text in files.items() if "_grpc" not in name or "Servicer" in text}


def relocate(text: str) -> str:
    """Return a generated file that imports its siblings from their package.

    The proto package, `envmgr.alm`, is in Python that of the client.
    """
    text = re.sub(
        rf"^from {re.escape(_PROTO_PACKAGE)} import", f"from {PACKAGE} import", text, flags=re.MULTILINE
    )
    return re.sub(rf"\b{re.escape(_PROTO_PACKAGE)}(?=\.\w+_pb2)", PACKAGE, text)


def differing(files: dict[str, str]) -> list[str]:
    """Return the names of the files whose committed text is another, or that should not be there."""
    committed = {path.name: path.read_text() for path in STUBS.glob("*_pb2*")}
    return sorted(name for name in {*files, *committed} if files.get(name) != committed.get(name))


def write(files: dict[str, str]) -> None:
    """Replace the committed files."""
    for path in STUBS.glob("*_pb2*"):
        path.unlink()
    for name, text in files.items():
        (STUBS / name).write_text(text)


def main(arguments: list[str]) -> str | None:
    """Generate or compare; return what differs."""
    with tempfile.TemporaryDirectory() as directory:
        files = generate(Path(directory))
    if arguments != ["--check"]:
        write(files)
        return None
    names = differing(files)
    return f"generated stubs differ: {', '.join(names)}\nhint: run `make proto`" if names else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
