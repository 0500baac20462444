from __future__ import annotations

import os

import pytest

from envmgr.kit.environment import Environment
from envmgr.server.bootstrap.registry import PORTS, SERVICE_NAMES, SERVICE_RULES
from envmgr.server.kit.config.bus_settings import NATS
from envmgr.server.kit.config.service_settings import TlsFiles, read_service
from envmgr.server.kit.config.settings import SettingsError

REQUIRED = {"DB_URL": "postgres://alm@db:5432/app", "BUS_URL": "nats://broker"}


def settings(service="app", variables=None, **flags):
    environment = Environment({"HOME": "/home/ada", **REQUIRED, **(variables or {})}, "/place")
    return read_service(environment, flags, service, SERVICE_RULES)


def test_every_service_has_default_ports():
    assert set(PORTS) == set(SERVICE_NAMES)
    ports = {service: (settings(service).common.port, settings(service).grpc_port) for service in PORTS}
    assert ports == {
        "app": (8080, 9080),
        "version": (8081, 9081),
        "deployment": (8082, 9082),
        "audit": (8083, 9083),
        "worker": (8084, 9084),
        "gateway": (8000, 9000),
    }


def test_the_database_is_the_one_that_db_url_names():
    result = settings()
    assert result.common.database_url == "postgresql://alm@db:5432/app"
    assert (result.common.bus.kind, result.common.service_name) == (NATS, "envmgr-alm-app")


def test_ports_come_from_flags_then_variables():
    assert settings(variables={"PORT": "1", "GRPC_PORT": "2"}).grpc_port == 2
    result = settings(variables={"PORT": "1", "GRPC_PORT": "2"}, port="3", grpc_port="0")
    assert (result.common.port, result.grpc_port) == (3, 0)
    with pytest.raises(SettingsError, match="invalid GRPC_PORT '65536'"):
        settings(variables={"GRPC_PORT": "65536"})


def test_both_apis_on_one_port_are_refused():
    for variables in {"PORT": "8090", "GRPC_PORT": "8090"}, {"PORT": "9080"}:
        with pytest.raises(SettingsError, match=f"PORT and GRPC_PORT are both {variables['PORT']}"):
            settings(variables=variables)
    assert settings(variables={"PORT": "0", "GRPC_PORT": "0"}).grpc_port == 0  # any free ports


def test_peers_are_at_the_default_ports_of_this_machine():
    assert settings("audit").peers == {
        "app": "localhost:9080",
        "version": "localhost:9081",
        "deployment": "localhost:9082",
        "worker": "localhost:9084",
        "gateway": "localhost:9000",
    }


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("grpc://apps.example:90", "apps.example:90"),
        ("apps.example:90", "apps.example:90"),
        ("apps.example", "apps.example:9080"),
        ("grpc://apps.example/", "apps.example:9080"),
        ("grpc://[::1]:90", "[::1]:90"),
        ("grpc://10.0.0.1:90,grpc://10.0.0.2", "ipv4:10.0.0.1:90,10.0.0.2:9080"),
        ("10.0.0.1, 10.0.0.2:90", "ipv4:10.0.0.1:9080,10.0.0.2:90"),
        ("grpc://[::1]:90,[::2]", "ipv6:[::1]:90,[::2]:9080"),
    ],
)
def test_a_peer_has_an_address(url, address):
    assert settings("audit", {"APP_URL": url}).peers["app"] == address


@pytest.mark.parametrize(
    "url",
    [
        "http://app:9080",
        "grpc://",
        "grpc://app:0",
        "grpc://app:port",
        "grpc://app:90/path",
        "grpc://ada:secret@app:90",
        "grpcs://app:90",
        "grpc://app:90,grpc://app-2:90",
        "10.0.0.1,[::1]",
        "10.0.0.1,",
    ],
)
def test_another_address_is_refused_without_its_text(url):
    with pytest.raises(SettingsError, match="APP_URL") as caught:
        settings("audit", {"APP_URL": url})
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_addresses_may_be_the_same_in_all_services():
    assert "app" not in settings("app", {"APP_URL": "grpc://app:9080"}).peers
    with pytest.raises(SettingsError, match="invalid APP_URL"):
        settings("app", {"APP_URL": "http://app:9080"})


@pytest.mark.parametrize(
    ("service", "variables", "message"),
    [
        ("app", {"DB_URL": ""}, "requires a database of its own on PostgreSQL"),
        ("app", {"DB_URL": "sqlite:////data"}, "requires a database of its own on PostgreSQL"),
        ("app", {"DB_URL": "mysql://db/app"}, "unsupported DB_URL scheme mysql"),
        ("app", {"BUS_URL": ""}, "requires a bus that other processes reach"),
        ("app", {"BUS_URL": "inprocess://"}, "requires a bus that other processes reach"),
        ("app", {"ALM_ADMIN_PASSWORD": "x"}, "ALM_ADMIN_PASSWORD has no effect in the service app"),
        ("app", {"ALM_REQUESTS_PER_MINUTE": "9"}, "ALM_REQUESTS_PER_MINUTE has no effect"),
        ("app", {"ALM_CHECKPOINT_URL": "file:///checkpoints"}, "ALM_CHECKPOINT_URL has no effect"),
        ("app", {"ALM_CHECKPOINT_TOKEN": "t"}, "ALM_CHECKPOINT_TOKEN has no effect in the service app"),
        ("audit", {"ALM_CHECKPOINT_TOKEN": "t"}, "ALM_CHECKPOINT_TOKEN has no effect: it is for"),
        ("app", {"APP_DB_URL": "postgresql://db/app"}, "APP_DB_URL has no effect in the service app"),
        ("app", {"AUDIT_DB_URL": "postgresql://db/audit"}, "AUDIT_DB_URL has no effect in the service app"),
        ("worker", {"ALM_ALLOWED_ORIGINS": "*"}, "ALM_ALLOWED_ORIGINS has no effect in the service worker"),
        ("worker", {"ALM_REQUIRE_IF_MATCH": "1"}, "ALM_REQUIRE_IF_MATCH has no effect"),
        ("audit", {"ALM_REQUIRE_IF_MATCH": "1"}, "ALM_REQUIRE_IF_MATCH has no effect in the service audit"),
        ("gateway", {"ALM_AUDIT_KEY": "x"}, "ALM_AUDIT_KEY has no effect in the service gateway"),
        ("version", {"ALM_DATA_DIR": "/data"}, "the service version has no data directory"),
        (
            "audit",
            {"ALM_DATA_DIR": "/data", "ALM_AUDIT_KEY": "x"},
            "the service audit has no data directory",
        ),
        ("app", {"GRPC_TLS_CERT": "a", "GRPC_TLS_CA": "c"}, "GRPC_TLS_KEY missing"),
        (
            "app",
            {"GRPC_TLS_CERT": "a", "GRPC_TLS_KEY": "b", "GRPC_TLS_CA": "c", "AUDIT_URL": "grpc://audit:9083"},
            "AUDIT_URL is grpc://, but TLS is set up",
        ),
    ],
)
def test_a_setting_without_effect_is_refused(service, variables, message):
    with pytest.raises(SettingsError, match=message) as caught:
        settings(service, variables)
    assert caught.value.hint


def test_an_option_without_effect_is_refused():
    assert settings("app", require_if_match=True).common.require_if_match
    with pytest.raises(SettingsError, match="--require-if-match has no effect in the service worker"):
        settings("worker", require_if_match=True)


def test_only_the_audit_has_a_data_directory():
    assert settings("app").common.data_dir == ""
    assert settings("audit", {"ALM_DATA_DIR": "/data"}).common.data_dir == os.path.normpath("/data")


def test_tls_files_and_service_keys():
    result = settings(
        "gateway",
        {
            "GRPC_TLS_CERT": "~/cert.pem",
            "GRPC_TLS_KEY": "/key.pem",
            "GRPC_TLS_CA": "/ca.pem",
            "APP_URL": "grpcs://app:9",
            "ALM_SERVICE_KEY": "k",
            "ALM_SERVICE_JWKS": "j",
            "ALM_ADMIN_PASSWORD": "p",
        },
    )
    assert result.tls == TlsFiles("/home/ada/cert.pem", "/key.pem", "/ca.pem")
    assert (result.peers["app"], result.service_key, result.service_jwks) == ("app:9", "k", "j")
    assert result.common.admin_password == "p"
