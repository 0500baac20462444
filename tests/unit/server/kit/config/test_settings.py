from __future__ import annotations

import os

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import UsageError
from envmgr.server.bootstrap.registry import SERVICE_NAMES
from envmgr.server.kit.config.settings import Settings, SettingsError, read


def settings(variables=None, **flags):
    return read(Environment({"HOME": "/home/ada", **(variables or {})}, "/place"), flags, SERVICE_NAMES)


def test_the_server_listens_on_loopback_by_default():
    result = settings({"ENVMGR_HOME": "/envmgr"})
    assert result == Settings(data_dir=os.path.join("/envmgr", "alm"))
    assert (result.host, result.port, result.log_level) == ("127.0.0.1", 8080, "info")
    assert not result.require_if_match
    assert (result.traces_url, result.service_name) == ("", "envmgr-alm")


def test_every_setting_has_a_variable():
    result = settings(
        {
            "ALM_DATA_DIR": "/data",
            "ALM_HOST": "0.0.0.0",
            "PORT": "9",
            "LOG_LEVEL": "WARNING",
            "ALM_REQUIRE_IF_MATCH": "1",
            "ALM_KEEP_ALIVE": "5",
            "ALM_CONNECTIONS": "10",
            "ALM_REQUESTS_PER_MINUTE": "60",
            "ALM_AUDIT_KEY": "k",
            "ALM_ADMIN_PASSWORD": "a",
            "JWT_SECRET": "b",
            "JWT_PRIVATE_KEY": "c",
            "JWT_JWKS": "d",
            "ALM_ALLOWED_ORIGINS": "https://a.example, https://b.example",
            "ALM_TRUSTED_PROXIES": "10.0.0.1 10.0.0.2",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
            "OTEL_SERVICE_NAME": "mine",
        }
    )
    assert result == Settings(
        data_dir="/data",
        host="0.0.0.0",
        port=9,
        log_level="warning",
        require_if_match=True,
        keep_alive=5,
        connections=10,
        requests_per_minute=60,
        audit_key="k",
        admin_password="a",
        jwt_secret="b",
        jwt_private_key="c",
        jwt_jwks="d",
        allowed_origins=("https://a.example", "https://b.example"),
        trusted_proxies=("10.0.0.1", "10.0.0.2"),
        traces_url="http://collector:4318/v1/traces",
        service_name="mine",
    )


def test_options_override_variables():
    variables = {"ALM_DATA_DIR": "/data", "ALM_HOST": "::", "PORT": "9", "LOG_LEVEL": "error"}
    result = settings(
        variables, data_dir="/flag", host="::1", port="10", log_level="debug", require_if_match=True
    )
    assert result == Settings("/flag", "::1", 10, "debug", require_if_match=True)


def test_unset_options_do_not_override_variables():
    flags = dict.fromkeys(("data_dir", "host", "port", "log_level"))
    assert settings({"ALM_DATA_DIR": "/data", "PORT": "9"}, **flags).port == 9


@pytest.mark.parametrize(
    ("option", "directory"),
    [
        ("here", "/place/here"),
        ("../there", "/there"),
        ("~/alm", "/home/ada/alm"),
        ("/data/", "/data"),
    ],
)
def test_a_relative_directory_is_resolved_against_the_working_directory(option, directory):
    assert settings(data_dir=option).data_dir == directory


@pytest.mark.parametrize("flags", ["", " "])
def test_an_empty_directory_option_is_rejected_and_an_empty_variable_is_ignored(flags):
    with pytest.raises(UsageError, match="--data-dir is empty"):
        settings(data_dir=flags)
    assert settings({"ENVMGR_HOME": "/envmgr", "ALM_DATA_DIR": ""}).data_dir == "/envmgr/alm"


@pytest.mark.parametrize(
    "origin",
    ["*", "https://ui.example", "http://localhost:5173", "http://[::1]:8000", "chrome-extension://abcdef"],
)
def test_an_origin_is_accepted_in_the_form_of_browsers(origin):
    assert settings({"ALM_ALLOWED_ORIGINS": origin}).allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "foo",
        "ui.example",
        "https://",
        "https://ui.example/",
        "https://ui.example/page",
        "https://UI.example",
        "https://*.example",
        "https://ui.example:443",
        "http://ui.example:80",
        "https://ada@ui.example",
        "null",
    ],
)
def test_an_origin_that_no_browser_sends_is_rejected(origin):
    with pytest.raises(SettingsError, match=r"invalid origin .* in ALM_ALLOWED_ORIGINS") as caught:
        settings({"ALM_ALLOWED_ORIGINS": f"https://ui.example {origin}"})
    assert repr(origin) in str(caught.value)


def test_a_database_url_of_sqlite_names_the_directory():
    assert settings({"DB_URL": "sqlite:////var/alm"}).data_dir == "/var/alm"
    assert settings({"DB_URL": "sqlite:////var/alm", "ALM_DATA_DIR": "/data"}).data_dir == "/data"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_database_url_of_postgresql_names_the_server_and_leaves_the_directory(scheme):
    location = "alm:p%40ss@db.example:6432/alm_1?sslmode=verify-full"
    result = settings({"DB_URL": f"{scheme}://{location}", "ALM_DATA_DIR": "/keys"})
    assert (result.database_url, result.data_dir) == (f"postgresql://{location}", "/keys")
    assert settings({"DB_URL": "sqlite:////var/alm"}).database_url == ""


def test_an_invalid_database_url_is_reported_without_its_password():
    with pytest.raises(SettingsError) as caught:
        settings({"DB_URL": "postgresql://alm:s3cret@db/Alm"})
    assert "s3cret" not in str(caught.value)


def test_the_available_bus_can_be_configured():
    assert settings({"BUS_URL": "inprocess://", "ALM_DATA_DIR": "/data"}).data_dir == "/data"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces/in"}, "https://traces/in"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://all", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/"},
            "http://t/",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            "http://c/v1/traces",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector", "OTEL_SDK_DISABLED": "True"}, ""),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ""),
    ],
)
def test_traces_are_configured_by_the_variables_of_opentelemetry(variables, url):
    assert settings({"ALM_DATA_DIR": "/data", **variables}).traces_url == url


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "invalid OTEL_EXPORTER_OTLP_ENDPOINT 'collector"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[collector"}, "invalid OTEL_EXPORTER_OTLP_ENDPOINT 'http"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "unsupported OTEL_EXPORTER_OTLP_PROTOCOL 'grpc'",
        ),
        ({"DB_URL": "postgresql://db"}, "invalid DB_URL"),
        ({"DB_URL": "postgresql:///alm"}, "invalid DB_URL"),
        ({"DB_URL": "postgresql://db/Alm"}, "invalid DB_URL"),
        ({"DB_URL": "postgresql://db/a/b"}, "invalid DB_URL"),
        ({"DB_URL": "postgresql://db:port/alm"}, "invalid DB_URL"),
        ({"DB_URL": "postgresql://db:99999/alm"}, "invalid DB_URL: port 99999 is out of range"),
        ({"DB_URL": "postgresql://db:0/alm"}, "invalid DB_URL: port 0 is out of range"),
        ({"DB_URL": "mysql://db/alm"}, "unsupported DB_URL scheme mysql"),
        ({"BUS_URL": "amqp://bus:5672"}, "unsupported BUS_URL scheme amqp"),
        ({"PORT": "http"}, "invalid PORT 'http'"),
        ({"PORT": "-1"}, "invalid PORT '-1'"),
        ({"PORT": "65536"}, "invalid PORT '65536'"),
        ({"PORT": "٨"}, "invalid PORT"),
        ({"LOG_LEVEL": "loud"}, "invalid LOG_LEVEL 'loud'"),
        ({"ALM_REQUIRE_IF_MATCH": "perhaps"}, "invalid ALM_REQUIRE_IF_MATCH 'perhaps'"),
        ({"ALM_KEEP_ALIVE": "1.5"}, "invalid ALM_KEEP_ALIVE '1.5'"),
        ({"ENVMGR_HOME": "relative"}, "ENVMGR_HOME must be an absolute path, got relative"),
    ],
)
def test_an_invalid_setting_is_rejected_by_name(variables, message):
    with pytest.raises(SettingsError, match=f"^{message}") as caught:
        settings(variables)
    assert caught.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "GRPC_PORT",
        "APP_URL",
        "VERSION_URL",
        "DEPLOYMENT_URL",
        "AUDIT_URL",
        "GATEWAY_URL",
        "WORKER_URL",
    ],
)
def test_settings_for_unsupported_servers_are_rejected_by_name(name):
    with pytest.raises(SettingsError, match=f"^{name} is not supported: this server ") as caught:
        settings({name: "somewhere"})
    assert caught.value.hint == f"unset {name}"
    assert settings({name: ""}).port == 8080


@pytest.mark.parametrize("name", ["ALM_CONNECTIONS", "ALM_KEEP_ALIVE"])
def test_a_server_that_accepts_no_connection_is_rejected(name):
    with pytest.raises(SettingsError, match=f"invalid {name} '0'") as caught:
        settings({name: "0"})
    assert "expected an integer from 1 to" in (caught.value.hint or "")


DATABASES = {
    f"{service.upper()}_DB_URL": f"postgres://alm@{service}-db/{service}" for service in SERVICE_NAMES
}


def test_each_service_may_have_a_database_of_its_own_name():
    result = settings(DATABASES)
    assert result.database_urls["audit"] == "postgresql://alm@audit-db/audit"
    assert result.database_url
    assert settings().database_urls == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AUDIT_DB_URL": ""}, "AUDIT_DB_URL not set"),
        ({"AUDIT_DB_URL": "sqlite:///x"}, "invalid AUDIT_DB_URL: requires PostgreSQL"),
        ({"AUDIT_DB_URL": "postgresql:///x"}, "invalid AUDIT_DB_URL: requires a host and the name of a"),
        ({"DB_URL": "postgresql://db/alm"}, "DB_URL has no effect: APP_DB_URL names"),
        ({"DB_URL": "sqlite:////data"}, "DB_URL has no effect: APP_DB_URL names"),
    ],
)
def test_databases_of_services_are_all_on_postgresql_or_none_is_named(changes, message):
    with pytest.raises(SettingsError, match=message):
        settings(DATABASES | changes)
