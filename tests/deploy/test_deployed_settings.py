"""Settings in the files of `deploy/`: the server accepts each, and each has an effect."""

from __future__ import annotations

import base64
import json
import re

import pytest

from envmgr.kit.environment import Environment
from envmgr.server.audit.service.signing_key import configured_key
from envmgr.server.bootstrap.registry import PORTS, SERVICE_NAMES, SERVICE_RULES
from envmgr.server.bootstrap.service import service_keyring
from envmgr.server.kit.config.service_settings import read_service
from support.deploy_files import (
    BROKERS,
    DEPLOY,
    OVERLAYS,
    Manifests,
    compose,
    container,
    create_environment_file,
    kustomize,
    variables,
)
from support.recorded_variables import RecordedVariables

SECRETS = {
    "alm-tokens": {"secret": "0123456789abcdef" * 4},
    "alm-admin": {"password": "p" * 32},
    "alm-audit-key": {"private-key": base64.b64encode(bytes(range(32))).decode()},
    "alm-bus": {"url": "nats://alm:password@nats:4222", "password": "password"},
    **{
        f"alm-{service}-database": {
            "url": f"postgresql://alm:password@db:5432/alm_{service}",
            "owner-url": f"postgresql://alm_owner:password@db:5432/alm_{service}",
        }
        for service in SERVICE_NAMES
    },
}
"""The Secrets as docs/deploy.md creates them."""
OF_LIBRARIES = {"OTEL_EXPORTER_OTLP_ENDPOINT"}


def image_variables():
    """Return the server's variables that the image sets."""
    return dict(re.findall(r"(ALM_\w+)=(\S+)", re.search(r"(?m)^ENV PATH.*$", dockerfile())[0]))


def dockerfile():
    return (DEPLOY / "Dockerfile").read_text()


@pytest.fixture(scope="module", params=BROKERS)
def composed(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("compose") / "env"
    path.write_text(create_environment_file(request.param))
    services = json.loads(compose("--env-file", path, "config", "--format", "json").stdout)["services"]
    return {name: services[name]["environment"] for name in SERVICE_NAMES}


@pytest.fixture(scope="module", params=OVERLAYS)
def orchestrated(request):
    manifests = Manifests(kustomize(DEPLOY / "k8s" / "overlays" / request.param))
    return {name: pod_variables(manifests, manifests.pods[name]) for name in SERVICE_NAMES}


def pod_variables(manifests, pod):
    (source,) = container(pod)["envFrom"]
    values = dict(manifests.of("ConfigMap")[source["configMapRef"]["name"]]["data"])
    for name, item in variables(pod).items():
        values[name] = item.get("value") or secret_value(item["valueFrom"]["secretKeyRef"])
    return values


def secret_value(reference):
    return SECRETS[reference["name"]][reference["key"]]


def check_settings(service, values):
    """Read the settings of a service as it does at its start, and check that each variable has an effect."""
    recorded = RecordedVariables({**image_variables(), **values})
    settings = read_service(Environment(recorded, "/"), {}, service, SERVICE_RULES)
    service_keyring(settings)
    common = settings.common
    assert (common.port, settings.grpc_port) == (PORTS[service].http, PORTS[service].grpc)
    assert common.host == "0.0.0.0"
    assert common.database_url.endswith(f"/alm_{service}")
    assert {peer: int(address.rpartition(":")[2]) for peer, address in settings.peers.items()} == {
        peer: ports.grpc for peer, ports in PORTS.items() if peer != service
    }
    assert bool(common.admin_password) is (service == "gateway")
    assert recorded.keys() - recorded.read - OF_LIBRARIES == set()
    return settings


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_service_accepts_the_settings_of_compose(composed, service):
    settings = check_settings(service, composed[service])
    assert settings.common.data_dir == ("/data" if service == "audit" else "")


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_service_accepts_the_settings_of_kubernetes(orchestrated, service):
    settings = check_settings(service, orchestrated[service])
    assert settings.common.data_dir == ""
    if service == "audit":
        assert configured_key(settings.common.audit_key) == bytes(range(32))
    else:
        assert settings.common.audit_key == ""


def test_a_setting_without_effect_would_be_reported(composed):
    with pytest.raises(AssertionError, match="ALM_TYPO"):
        check_settings("app", {**composed["app"], "ALM_TYPO": "1"})


def test_each_secret_that_is_documented_is_used():
    used = {
        reference["name"]
        for overlay in OVERLAYS
        for pod in Manifests(kustomize(DEPLOY / "k8s" / "overlays" / overlay)).pods.values()
        for item in variables(pod).values()
        if (reference := item.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert used == set(SECRETS)
    commands = (DEPLOY.parent / "docs" / "deploy.md").read_text()
    created = set(re.findall(r'create secret generic "?(alm-[a-z$-]+)', commands))
    assert {name.replace("$service", service) for name in created for service in SERVICE_NAMES} == used
