"""The container image: linted, built by buildah, and run on a read-only root file system.

No registry is needed: the base image is made of the packages that this machine installs from.
"""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envmgr.server.bootstrap.registry import SERVICE_NAMES
from support.ports import free_port
from support.requirements import needs_programs
from support.server.server_process import ADMIN_PASSWORD

CHECKOUT = Path(__file__).parents[2]
DOCKERFILE = CHECKOUT / "deploy" / "Dockerfile"
BUILDERS = ("buildah", "mmdebstrap")
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount the image")
BASE, IMAGE = "localhost/python-base", "localhost/envmgr-alm"
USER_ID = 10001
START_TIMEOUT_SECONDS = 60
ROOT_READ_ONLY = re.compile(r"(?m)^\S+ \S+ \S+ \S+ / ro[, ]")
"""The line of a process's own root directory in the list of its mounts."""
PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "timeout")
CERTIFICATES = "/etc/ssl/certs"


def copied_paths():
    """Return the paths of the checkout that the Dockerfile copies."""
    lines = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", DOCKERFILE.read_text())
    return {path.rstrip("/") for line in lines for path in line.split()}


def test_the_dockerfile_follows_hadolint():
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_build_context_has_exactly_what_is_copied():
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    included = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert copied_paths()
    assert {path for path in included if not (CHECKOUT / path).exists()} == set()
    assert files_below(included) == files_below(copied_paths())


def files_below(paths):
    """Return the files of the checkout at these paths, but for compiled modules."""
    roots = [CHECKOUT / path for path in paths]
    files = {file for root in roots for file in (root, *root.rglob("*")) if file.is_file()}
    return {file for file in files if "__pycache__" not in file.parts}


def test_the_base_image_is_an_argument_with_a_full_version():
    assert re.search(r"(?m)^ARG PYTHON_IMAGE=\S+/python:\d+\.\d+\.\d+-slim-\w+$", DOCKERFILE.read_text())
    assert set(re.findall(r"(?m)^FROM (\S+)", DOCKERFILE.read_text())) == {"${PYTHON_IMAGE}"}


@pytest.fixture(scope="module")
def healthcheck():
    return runpy.run_path(str(CHECKOUT / "deploy" / "image" / "healthcheck.py"))


@pytest.mark.parametrize(
    ("arguments", "variables", "port"),
    [
        (["python", "envmgr-alm", "serve", "gateway"], {}, "8000"),
        (["envmgr-alm", "serve", "worker"], {}, "8084"),
        (["envmgr-alm", "serve", "audit"], {"PORT": "1234"}, "1234"),
        (["envmgr-alm", "serve", "audit", "--port", "5678"], {"PORT": "1234"}, "5678"),
        (["envmgr-alm", "serve", "--port=5678", "audit"], {}, "5678"),
    ],
)
def test_a_container_is_checked_on_the_port_of_its_service(healthcheck, arguments, variables, port):
    assert healthcheck["service_port"](arguments, variables) == port


def test_each_service_can_be_checked(healthcheck):
    assert set(healthcheck["DEFAULT_PORTS"]) == {"all", *SERVICE_NAMES}


class Builder:
    """buildah with a store of its own."""

    def __init__(self, directory):
        self.directory = directory
        self._policy = directory / "policy.json"
        self._policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))

    def run(self, *arguments):
        """Run a command of buildah and return its output."""
        storage = ["--root", self.directory / "root", "--runroot", self.directory / "run"]
        return self.call("buildah", *storage, *arguments)

    def commit(self, root, name):
        """Create an image from a root file system."""
        container = self.run("from", "--signature-policy", self._policy, "scratch")
        self.run("add", container, root, "/")
        self.run("commit", "--signature-policy", self._policy, "--quiet", container, name)
        self.run("rm", container)

    def build(self, *arguments):
        """Build the Dockerfile, without a runtime for containers."""
        options = ["--isolation", "chroot", "--signature-policy", self._policy, "--pull=never"]
        self.run("build", *options, *arguments, "--format", "docker", "--file", DOCKERFILE, CHECKOUT)

    @staticmethod
    def call(*command):
        """Run a command and return its output."""
        result = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, cwd="/")
        assert result.returncode == 0, f"{command}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        return result.stdout.strip()


def write_pip_configuration(path):
    """Write the index that this machine's pip uses, for pip in the image."""
    listing = Builder.call(sys.executable, "-m", "pip", "config", "list")
    entries = (line.partition("=") for line in listing.splitlines())
    values = {key.rpartition(".")[2]: ast.literal_eval(value) for key, _, value in entries}
    lines = [f"{name} = {' '.join(values[name].split())}" for name in PIP_OPTIONS if name in values]
    path.write_text("\n".join(["[global]", *lines, f"cert = {CERTIFICATES}/ca-certificates.crt", ""]))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return the mounted root file system of the image, built of this checkout."""
    directory = tmp_path_factory.mktemp("image")
    packages = "--include=python3,python3-venv,python-is-python3"
    suite = re.search(r"VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text())[1]
    Builder.call("mmdebstrap", "--quiet", "--variant=minbase", packages, suite, directory / "base")
    builder = Builder(directory)
    builder.commit(directory / "base", BASE)
    write_pip_configuration(directory / "pip.conf")
    builder.build(
        *("--build-arg", f"PYTHON_IMAGE={BASE}", "--tag", IMAGE),
        *(
            "--volume",
            f"{directory}/pip.conf:/etc/pip.conf:ro",
            "--volume",
            f"{CERTIFICATES}:{CERTIFICATES}:ro",
        ),
    )
    container = builder.run("from", "--pull-never", IMAGE)
    yield Path(builder.run("mount", container)), json.loads(builder.run("inspect", "--type", "image", IMAGE))
    builder.run("umount", container)
    builder.run("rm", container)
    builder.run("rmi", "--all", "--force")


@pytest.mark.slow
@pytest.mark.timeout(1500)
@NEEDS_ROOT
@needs_programs(*BUILDERS)
def test_the_image_serves_without_rights_on_a_read_only_file_system(root, tmp_path):
    """The first process of new namespaces is the image's command, as in a container."""
    mounted, description = root
    image = description["Docker"]["config"]
    assert image["Entrypoint"] == ["envmgr-alm"]
    assert image["User"] == f"{USER_ID}:{USER_ID}"
    port = free_port()
    variables = [*image["Env"], f"PORT={port}", f"ALM_ADMIN_PASSWORD={ADMIN_PASSWORD}"]
    script = (
        'mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount -o remount,ro,bind "$1" && '
        f'mount -t tmpfs -o mode=700,uid={USER_ID},gid={USER_ID} tmpfs "$1/data" && cd / && '
        f'exec env -i "${{@:2}}" chroot --userspec={USER_ID}:{USER_ID} --groups= "$1" '
        + " ".join([*image["Entrypoint"], *image["Cmd"]])
    )
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "bash",
                "-c",
                script,
                "-",
                mounted,
                *variables,
            ],
            stdout=log,
            stderr=log,
            cwd="/",
        )
    try:
        await_health(server, mounted, variables, tmp_path / "log")
        process = first_child(server.pid)
        status = Path(f"/proc/{process}/status").read_text()
        assert re.search(rf"(?m)^Uid:\t{USER_ID}\t{USER_ID}\t", status)
        assert "CapEff:\t0000000000000000" in status
        assert ROOT_READ_ONLY.search(Path(f"/proc/{process}/mountinfo").read_text())
        os.kill(process, 15)
        assert server.wait(30) == 0
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def await_health(server, mounted, variables, log):
    """Wait until the health check of the image succeeds inside of the namespaces."""
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < end and server.poll() is None:
        if process := first_child(server.pid):
            inside = ["nsenter", "--target", str(process), "--mount", "--pid", "env", "-i", *variables]
            check = [
                "chroot",
                f"--userspec={USER_ID}:{USER_ID}",
                mounted,
                "python",
                "/opt/envmgr-alm/healthcheck.py",
            ]
            if (
                subprocess.run([*inside, *check], capture_output=True, timeout=60, check=False).returncode
                == 0
            ):
                return
        time.sleep(0.5)
    raise AssertionError(f"the server does not start:\n{log.read_text()}")


def first_child(process):
    """Return the id of the first child of a process, or None."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(children[0]) if children else None
