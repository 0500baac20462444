"""The files in `deploy/`, as the programs that read them understand them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
BROKERS = ("nats", "kafka")
OVERLAYS = sorted(path.name for path in (DEPLOY / "k8s" / "overlays").iterdir())


def program(name):
    """Return the path of a program of the tests' environment."""
    return Path(sys.executable).with_name(name)


def compose(*arguments):
    """Run Compose, which needs no daemon to read the file."""
    # Variables of this machine must not stand in for those of the file.
    return subprocess.run(
        [program("docker-compose"), "--file", DEPLOY / "compose.yaml", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def create_environment_file(broker):
    """Return new secrets for the Compose file, as its script prints them."""
    command = [DEPLOY / "compose" / "create-env.sh", broker, "-"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def kustomize(path):
    """Return the manifests of a directory."""
    result = subprocess.run(
        [program("kubectl"), "kustomize", path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


class Manifests:
    """The resources of an overlay."""

    def __init__(self, text):
        self.text = text
        self.resources = list(yaml.safe_load_all(text))

    def of(self, kind):
        """Return the resources of a kind by their names."""
        return {item["metadata"]["name"]: item for item in self.resources if item["kind"] == kind}

    @property
    def pods(self):
        """Return the pod templates of all workloads by the workloads' names."""
        kinds = ("Deployment", "StatefulSet", "Job")
        return {name: item["spec"]["template"] for kind in kinds for name, item in self.of(kind).items()}

    def selected(self, selector):
        """Return the names of the workloads whose pods a selector selects."""
        return {name for name, pod in self.pods.items() if is_selected(pod["metadata"]["labels"], selector)}


def is_selected(labels, selector):
    """Return whether a label selector selects these labels."""
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return equal and all(
        {"In": labels.get(part["key"]) in part["values"]}[part["operator"]]
        for part in selector.get("matchExpressions", ())
    )


def container(pod):
    """Return the only container of a pod."""
    (item,) = pod["spec"]["containers"]
    return item


def variables(pod):
    """Return the variables of a pod's container by their names."""
    return {item["name"]: item for item in container(pod)["env"]}
