"""The client as users have it: the built wheel, installed by pip into a virtual environment."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(CHECKOUT, ".bench")
"""Where the client and its peers are installed; git ignores it."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+==[^ ;]+)((?: ; [^\\]+?)?) *\\?$", re.MULTILINE)


class Client(NamedTuple):
    """An installed client: the program, and the Python that runs it."""

    program: str
    python: str


def use_client(program: str) -> Client:
    """Return an installation that exists already, by its program."""
    path = os.path.abspath(program)
    return Client(path, os.path.join(os.path.dirname(path), "python"))


def install_client(cache: str) -> Client:
    """Build the wheel and install it, unless the same wheel is installed already."""
    with tempfile.TemporaryDirectory() as work:
        wheel = _build(work)
        directory = os.path.join(cache, f"client-{_digest(wheel)}")
        marker = os.path.join(directory, ".ready")
        if not os.path.exists(marker):
            _remove_clients(cache)
            _install(wheel, directory, work)
            open(marker, "w").close()
    return Client(os.path.join(directory, "bin", "envmgr"), os.path.join(directory, "bin", "python"))


def _build(output: str) -> str:
    """Return the path of a wheel with a fixed date, so that its digest is that of its content."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", output]
    variables = {**os.environ, "SOURCE_DATE_EPOCH": "1000000000"}
    subprocess.run(build, cwd=CHECKOUT, env=variables, check=True, capture_output=True)
    (name,) = (name for name in os.listdir(output) if name.endswith(".whl"))
    return os.path.join(output, name)


def _digest(wheel: str) -> str:
    with open(wheel, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _remove_clients(cache: str) -> None:
    os.makedirs(cache, exist_ok=True)
    for name in os.listdir(cache):
        if name.startswith("client-"):
            shutil.rmtree(os.path.join(cache, name))


def _install(wheel: str, directory: str, work: str) -> None:
    """Install a wheel and the pinned versions of its dependencies; pip first, which writes the launcher."""
    constraints = os.path.join(work, "constraints.txt")
    with open(os.path.join(CHECKOUT, "requirements", "dev.txt"), encoding="utf-8") as source:
        pins = [f"{pin}{marker}\n" for pin, marker in _PIN.findall(source.read())]
    with open(constraints, "w", encoding="utf-8") as file:
        file.writelines(pins)
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    pip = [os.path.join(directory, "bin", "python"), "-m", "pip", "install", "-qq", "-c", constraints]
    for requirement in ("pip", wheel):
        subprocess.run([*pip, "--upgrade", requirement], env=variables, check=True)
