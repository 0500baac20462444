"""The Kubernetes manifests: valid, and the ports, labels and policies are those of the services."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from envmgr.server.bootstrap.registry import SERVICE_NAMES
from support.deploy_files import DEPLOY, OVERLAYS, Manifests, container, kustomize, program, variables

DIRECTORY = DEPLOY / "k8s"
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
CALLERS_OF_HTTPS = ("gateway", "audit")
"""The gateway reads keys of OIDC issuers; the audit publishes checkpoints."""
OWN_KINDS = ("Deployment", "PodDisruptionBudget", "NetworkPolicy")


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request):
    return Manifests(kustomize(DIRECTORY / "overlays" / request.param))


def ports(pod):
    return {port["name"]: port["containerPort"] for port in container(pod)["ports"]}


def test_the_manifests_are_valid(manifests, tmp_path):
    path = tmp_path / "manifests.yaml"
    path.write_text(manifests.text)
    result = subprocess.run(
        [program("kubernetes-validate"), "--strict", path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_unknown_field_is_invalid(manifests, tmp_path):
    """The check above is strict."""
    path = tmp_path / "manifests.yaml"
    path.write_text(manifests.text.replace("runAsNonRoot:", "runsAsNonRoot:", 1))
    command = [program("kubernetes-validate"), "--strict", path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode != 0
    assert "runsAsNonRoot" in result.stdout + result.stderr


def test_the_component_for_kafka_is_valid(tmp_path):
    production = DIRECTORY / "overlays" / "production"
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                # kustomize accepts relative paths only.
                "resources": [relative(production, tmp_path)],
                "components": [relative(DIRECTORY / "components" / "kafka", tmp_path)],
            }
        )
    )
    policy = Manifests(kustomize(tmp_path)).of("NetworkPolicy")["broker"]
    assert policy["spec"]["egress"] == [{"ports": [{"port": 9092}]}]


def relative(path, start):
    return "/".join([*[".."] * len(start.resolve().parts[1:]), *path.resolve().parts[1:]])


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_each_service_has_its_workload_budget_migration_and_policy(manifests, name):
    labels = {NAME: name, COMPONENT: "service"}
    for kind in OWN_KINDS:
        spec = manifests.of(kind)[name]["spec"]
        selector = spec["podSelector"] if kind == "NetworkPolicy" else spec["selector"]
        assert manifests.selected(selector) == {name}
    assert container(manifests.pods[name])["args"] == ["serve", name]
    assert container(manifests.pods[f"{name}-migration"])["args"] == [
        *("migrate", "--service", name, "--grant-to", "alm")
    ]
    assert labels.items() <= manifests.pods[name]["metadata"]["labels"].items()


def test_each_service_port_is_that_of_a_container(manifests):
    """Every Service selects one workload, and every port of it is one on which that workload listens."""
    for name, item in manifests.of("Service").items():
        (workload,) = manifests.selected({"matchLabels": item["spec"]["selector"]})
        listening = ports(manifests.pods[workload])
        for port in item["spec"]["ports"]:
            assert listening[port["targetPort"]] == port["port"], name


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_the_server_listens_on_the_ports_of_its_container(manifests, name):
    pod = manifests.pods[name]
    assert ports(pod) == {
        "http": int(variables(pod)["PORT"]["value"]),
        "grpc": int(variables(pod)["GRPC_PORT"]["value"]),
    }


@pytest.mark.parametrize("peer", SERVICE_NAMES)
def test_the_address_of_a_peer_leads_to_its_grpc_port(manifests, peer):
    address = manifests.of("ConfigMap")["alm-settings"]["data"][f"{peer.upper()}_URL"]
    host, _, port = address.removeprefix("grpc://").partition(":")
    service = manifests.of("Service")[host]["spec"]
    (target,) = [item["targetPort"] for item in service["ports"] if item["port"] == int(port)]
    (workload,) = manifests.selected({"matchLabels": service["selector"]})
    assert (workload, target) == (peer, "grpc")


def test_callers_reach_the_gateway_and_the_audit_also_while_these_are_not_ready(manifests):
    """The gateway authenticates callers, and requires the audit, which may have dead letters."""
    published = {
        name
        for name, item in manifests.of("Service").items()
        if item["spec"].get("publishNotReadyAddresses", False)
    }
    assert published == {"audit-grpc", "gateway-grpc"}


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_callers_reach_every_replica(manifests, name):
    """The name resolves to all of them; through one address, all calls of a connection would reach one."""
    assert manifests.of("Service")[f"{name}-grpc"]["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_pod_is_probed_on_its_http_port(manifests, name):
    item = container(manifests.pods[name])
    assert item["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    for probe in ("startupProbe", "livenessProbe"):
        assert item[probe]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_each_pod_runs_without_rights(manifests):
    for name, pod in manifests.pods.items():
        spec, item = pod["spec"], container(pod)
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert item["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert item["resources"]["requests"].keys() == {"cpu", "memory"}
        assert item["resources"]["limits"].keys() == {"memory"}


def test_secrets_are_references(manifests):
    assert manifests.of("Secret") == {}
    for pod in manifests.pods.values():
        for name, item in variables(pod).items():
            is_secret = name in {"DB_URL", "BUS_URL", "BROKER_PASSWORD"} or name.endswith(
                ("SECRET", "_KEY", "ADMIN_PASSWORD")
            )
            assert ("secretKeyRef" in item.get("valueFrom", {})) is is_secret, name


def test_the_documentation_creates_every_secret(manifests):
    text = (DEPLOY.parent / "docs" / "deploy.md").read_text()
    commands = re.findall(r"create secret (?:generic|tls) \"?([\w$-]+)\"?((?:.*\\\n)*.*)", text)
    keys = {
        (name, key)
        for name, arguments in commands
        for key in re.findall(r"--from-literal ([\w-]+)=", arguments)
    }
    references = [
        item["valueFrom"]["secretKeyRef"]
        for pod in manifests.pods.values()
        for item in variables(pod).values()
        if "secretKeyRef" in item.get("valueFrom", {})
    ]
    services = "|".join(SERVICE_NAMES)
    for reference in references:
        name = re.sub(rf"alm-({services})-database", "alm-$service-database", reference["name"])
        assert (name, reference["key"]) in keys
    for ingress in manifests.of("Ingress").values():
        assert {tls["secretName"] for tls in ingress["spec"]["tls"]} <= {name for name, _ in commands}


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_service_and_its_migration_use_its_own_database_with_different_roles(manifests, name):
    references = [
        variables(manifests.pods[workload])["DB_URL"]["valueFrom"]["secretKeyRef"]
        for workload in (name, f"{name}-migration")
    ]
    secret = f"alm-{name}-database"
    assert references == [{"name": secret, "key": "url"}, {"name": secret, "key": "owner-url"}]


def egress(manifests, workload):
    """Yield the destinations that policies allow to a workload's pods, each with its ports."""
    for policy in manifests.of("NetworkPolicy").values():
        if workload in manifests.selected(policy["spec"]["podSelector"]):
            for rule in policy["spec"].get("egress", ()):
                yield rule.get("to"), [port["port"] for port in rule["ports"]]


def ingress(manifests, workload):
    """Yield the sources that policies allow to a workload's pods, each with its ports."""
    for policy in manifests.of("NetworkPolicy").values():
        if workload in manifests.selected(policy["spec"]["podSelector"]):
            for rule in policy["spec"].get("ingress", ()):
                yield rule.get("from"), [port["port"] for port in rule["ports"]]


def test_nothing_is_allowed_by_default(manifests):
    policy = manifests.of("NetworkPolicy")["default-deny"]["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_only_the_gateway_is_reached_from_outside(manifests):
    open_ports = {
        (workload, port)
        for workload in manifests.pods
        for source, numbers in ingress(manifests, workload)
        if source is None
        for port in numbers
    }
    assert open_ports == {("gateway", "http")}


def workloads_of(manifests, peers):
    """Return the workloads of this namespace among the peers of a rule."""
    return {
        name
        for peer in peers or ()
        if "namespaceSelector" not in peer
        for name in manifests.selected(peer["podSelector"])
    }


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_services_reach_each_other_over_grpc_and_migrations_do_not(manifests, name):
    """Each service reads what every other has consumed, and calls the gateway for permissions."""
    sources = {
        source
        for peers, numbers in ingress(manifests, name)
        if "grpc" in numbers
        for source in workloads_of(manifests, peers)
    }
    destinations = {
        destination
        for peers, numbers in egress(manifests, name)
        if numbers == ["grpc"]
        for destination in workloads_of(manifests, peers)
    }
    assert sources == destinations == set(SERVICE_NAMES)
    assert not any("grpc" in numbers for _, numbers in egress(manifests, f"{name}-migration"))


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_service_reaches_what_it_calls_and_nothing_else(manifests, name):
    allowed = {port for _, numbers in egress(manifests, name) for port in numbers}
    https = {443} if name in CALLERS_OF_HTTPS else set()
    assert allowed == {53, 5432, 4222, 4318, "grpc", *https}
    migration = {port for _, numbers in egress(manifests, f"{name}-migration") for port in numbers}
    assert migration == {53, 5432}


def test_only_services_reach_the_broker(manifests):
    if "nats" not in manifests.pods:
        assert manifests.of("StatefulSet") == {}
        return
    ((peers, numbers),) = ingress(manifests, "nats")
    assert numbers == ["nats"]
    assert workloads_of(manifests, peers) == set(SERVICE_NAMES)


def test_autoscalers_and_counts_do_not_compete(manifests):
    for item in manifests.of("HorizontalPodAutoscaler").values():
        target = item["spec"]["scaleTargetRef"]["name"]
        assert "replicas" not in manifests.of("Deployment")[target]["spec"]
        assert item["spec"]["minReplicas"] >= 2
