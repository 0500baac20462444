"""The Compose file: valid for both brokers, and without secrets of its own."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess

import pytest

from envmgr.server.bootstrap.registry import SERVICE_NAMES
from support.deploy_files import BROKERS, DEPLOY, compose, create_environment_file, program

CREATE_ENV = DEPLOY / "compose" / "create-env.sh"
DATABASE_PORTS = {
    "app": 5432,
    "version": 5433,
    "deployment": 5434,
    "audit": 5435,
    "gateway": 5436,
    "worker": 5437,
}


@pytest.fixture(scope="module", params=BROKERS)
def environment_file(request, tmp_path_factory):
    """Return the broker, and the path of a file with new secrets."""
    path = tmp_path_factory.mktemp("compose") / "env"
    path.write_text(create_environment_file(request.param))
    return request.param, path


@pytest.fixture(scope="module")
def services(environment_file):
    _, path = environment_file
    result = compose("--env-file", path, "config", "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)["services"]


def published(service):
    return {(port["host_ip"], int(port["published"]), port["target"]) for port in service.get("ports", ())}


def test_the_file_is_valid(environment_file):
    _, path = environment_file
    result = compose("--env-file", path, "config", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_one_broker_runs(environment_file, services):
    broker, _ = environment_file
    assert services.keys() & set(BROKERS) == {broker}
    assert all(services[name]["environment"]["BUS_URL"].startswith(f"{broker}://") for name in SERVICE_NAMES)


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_service_starts_after_the_migration_of_its_own_database(services, name):
    service, migration = services[name], services[f"{name}-migration"]
    assert service["command"] == ["serve", name]
    assert migration["command"] == ["migrate", "--service", name, "--grant-to", "alm"]
    assert service["depends_on"][f"{name}-migration"]["condition"] == "service_completed_successfully"
    assert migration["depends_on"][f"{name}-db"]["condition"] == "service_healthy"
    for container in (service, migration):
        assert f"@{name}-db:5432/alm_{name}" in container["environment"]["DB_URL"]
    assert services[f"{name}-db"]["environment"]["POSTGRES_DB"] == f"alm_{name}"


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_database_is_reached_by_its_service_only(services, name):
    assert published(services[f"{name}-db"]) == {("127.0.0.1", DATABASE_PORTS[name], 5432)}
    network = f"{name}-db"
    members = {other for other, service in services.items() if network in service["networks"]}
    assert members == {name, f"{name}-db", f"{name}-migration"}


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_service_runs_without_rights_and_is_checked(services, name):
    service = services[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][-1] == "/readyz"
    assert published(service) == {("127.0.0.1", port := int(service["environment"]["PORT"]), port)}


def test_the_image_of_all_services_is_built_once(services):
    """Builds side by side could not export the same name."""
    assert [name for name, service in services.items() if "build" in service] == ["app"]
    images = {
        services[name]["image"] for service in SERVICE_NAMES for name in (service, f"{service}-migration")
    }
    assert images == {services["app"]["image"]}


def test_each_container_with_a_health_check_is_waited_for(services):
    """Nothing depends on the services themselves: they wait for each other's addresses at run time."""
    waits = {
        (name, condition["condition"])
        for service in services.values()
        for name, condition in service.get("depends_on", {}).items()
        if name in services
    }
    checked = {name for name, service in services.items() if not service["healthcheck"].get("disable")}
    assert {name for name, condition in waits if condition == "service_healthy"} == checked - {*SERVICE_NAMES}
    others = {(name, "service_completed_successfully") for name in services.keys() - checked}
    assert {(name, condition) for name, condition in waits if name not in checked} == others


def test_each_secret_is_required():
    """Without the environment file nothing starts, and the error names what is missing."""
    result = compose("config", "--quiet")
    assert result.returncode != 0
    for name in ("JWT_SECRET", "BUS_URL", "ALM_ADMIN_PASSWORD", "DB_PASSWORD", "DB_OWNER_PASSWORD"):
        assert (
            f"required variable {name} is missing a value: run deploy/compose/create-env.sh" in result.stderr
        )


def test_the_file_has_no_secret():
    text = (DEPLOY / "compose.yaml").read_text()
    secrets = re.findall(r"(?m)^\s+(\w*(?:SECRET|PASSWORD)\w*): (.*)$", text)
    assert {name for name, _ in secrets} >= {"JWT_SECRET", "POSTGRES_PASSWORD", "ALM_ADMIN_PASSWORD"}
    for name, value in secrets:
        assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name
    passwords = re.findall(r"://\w+:([^@\s]+)@", text)
    assert set(passwords) == {"${DB_PASSWORD}", "${DB_OWNER_PASSWORD}"}


def test_only_its_owner_can_read_the_file_of_secrets(tmp_path):
    path = tmp_path / "env"
    result = create_env("nats", path)
    assert (result.returncode, result.stdout) == (0, f"secrets written to {path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "JWT_SECRET=" in path.read_text()
    assert os.listdir(tmp_path) == ["env"]


def test_a_file_of_secrets_is_never_replaced(tmp_path):
    """The databases have its passwords."""
    path = tmp_path / "env"
    path.touch()
    assert create_env("kafka", path).returncode == 0
    before = path.read_text()
    result = create_env("nats", path)
    assert (result.returncode, path.read_text()) == (1, before)
    assert f"error: {path} has secrets already\nhint: use it; copy a variable that it lacks" in result.stderr


def create_env(*arguments):
    return subprocess.run([CREATE_ENV, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_secrets_are_new_each_time_and_long(environment_file):
    broker, path = environment_file
    again = create_environment_file(broker)
    secrets = re.findall(r"(?m)^\w*(?:SECRET|PASSWORD)=(.*)$", path.read_text() + again)
    assert len(secrets) == len(set(secrets)) == 10
    assert min(map(len, secrets)) >= 64


def test_an_unknown_broker_is_refused():
    result = create_env("rabbitmq")
    assert (result.returncode, result.stdout) == (2, "")
    assert "unknown broker rabbitmq" in result.stderr


def test_usage_is_printed_and_further_arguments_are_refused():
    assert create_env("--help").stdout.startswith("Usage: deploy/compose/create-env.sh [nats|kafka] [FILE]\n")
    result = create_env("nats", "-", "more")
    assert (result.returncode, result.stdout) == (2, "")
    assert "error: unexpected argument more" in result.stderr


@pytest.mark.parametrize("path", ["compose/nats.conf", "k8s/components/nats/nats.conf"])
def test_nats_accepts_its_configuration(path):
    """With a password of digits and letters, as the script creates them."""
    text = (DEPLOY / path).read_text()
    assert "sync_interval: always" in text
    assert "max_payload: 8MB" in text
    result = subprocess.run(
        [program("nats-server"), "-t", "-c", DEPLOY / path],
        env={"BROKER_PASSWORD": "p" + "1e5" * 20},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, "is valid" in result.stderr) == (0, True), result.stderr
