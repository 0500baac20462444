"""Settings of the event bus: one broker, however it is named."""

from __future__ import annotations

import pytest

from envmgr.kit.environment import Environment
from envmgr.server.kit.config.bus_settings import IN_PROCESS, KAFKA, NATS, BusSettings, SettingsError, read


def settings(**variables):
    return read(Environment(variables, "/place"))


@pytest.mark.parametrize(
    "variables", [{}, {"BUS_URL": ""}, {"BUS_URL": "inprocess://"}, {"BUS_URL": "inprocess:///"}]
)
def test_events_stay_in_the_process_by_default(variables):
    assert settings(**variables) == BusSettings(IN_PROCESS, (), "alm", 1)


@pytest.mark.parametrize(
    ("variables", "servers"),
    [
        ({"BUS_URL": "nats://bus"}, ("nats://bus:4222",)),
        ({"BUS_URL": "nats://bus:5222/"}, ("nats://bus:5222",)),
        ({"BUS_URL": "tls://bus"}, ("tls://bus:4222",)),
        ({"BUS_URL": "nats://a,b:1,nats://c"}, ("nats://a:4222", "nats://b:1", "nats://c:4222")),
        ({"BUS_URL": "nats://ada:secret@[::1]:9"}, ("nats://ada:secret@[::1]:9",)),
        ({"NATS_URL": "nats://bus:4222"}, ("nats://bus:4222",)),
        ({"NATS_HOST": "bus"}, ("nats://bus:4222",)),
        ({"NATS_HOST": "bus", "NATS_PORT": "5222"}, ("nats://bus:5222",)),
        ({"BUS_URL": "nats://bus", "NATS_URL": "nats://bus:4222", "NATS_HOST": "bus"}, ("nats://bus:4222",)),
    ],
)
def test_nats_is_named_by_any_of_its_variables(variables, servers):
    assert settings(**variables) == BusSettings(NATS, servers)


@pytest.mark.parametrize(
    ("variables", "servers"),
    [
        ({"BUS_URL": "kafka://bus"}, ("kafka://bus:9092",)),
        ({"BUS_URL": "kafka://bus:19092/"}, ("kafka://bus:19092",)),
        ({"BUS_URL": "kafka+ssl://bus"}, ("kafka+ssl://bus:9092",)),
        ({"BUS_URL": "kafka://a,b:1,[::1]"}, ("kafka://a:9092", "kafka://b:1", "kafka://[::1]:9092")),
        (
            {"BUS_URL": "kafka+ssl://ada:secret@a:1,b"},
            ("kafka+ssl://ada:secret@a:1", "kafka+ssl://b:9092"),
        ),
        ({"KAFKA_BROKER": "bus:9092"}, ("kafka://bus:9092",)),
        ({"KAFKA_BROKER": "a,b:19092"}, ("kafka://a:9092", "kafka://b:19092")),
        ({"KAFKA_BROKER": "kafka+ssl://bus"}, ("kafka+ssl://bus:9092",)),
        ({"BUS_URL": "kafka://bus", "KAFKA_BROKER": "bus:9092"}, ("kafka://bus:9092",)),
    ],
)
def test_kafka_is_named_by_any_of_its_variables(variables, servers):
    assert settings(**variables) == BusSettings(KAFKA, servers)


def test_an_installation_has_a_prefix_and_replicas():
    result = settings(BUS_URL="nats://bus", ALM_BUS_PREFIX="team-a", ALM_BUS_REPLICAS="3")
    assert (result.prefix, result.replicas) == ("team-a", 3)


def test_an_address_for_messages_has_no_credentials():
    assert settings(BUS_URL="nats://ada:secret@a:1,nats://token@b").address == "a:1,b:4222"
    assert settings(BUS_URL="kafka+ssl://ada:secret@a:1,b").address == "a:1,b:9092"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"BUS_URL": "amqp://bus"}, "unsupported BUS_URL scheme amqp"),
        ({"BUS_URL": "bus:4222"}, "unsupported BUS_URL scheme bus"),
        ({"NATS_URL": "http://bus"}, "unsupported NATS_URL scheme http"),
        ({"BUS_URL": "inprocess://there"}, "unsupported BUS_URL scheme inprocess"),
        ({"BUS_URL": "nats://"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "nats://secret@bus:port"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "nats://bus:0"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "nats://bus:70000"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "nats://[bus"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "nats://a,,b"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "nats://bus/path"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "nats://a,tls://b"}, "invalid BUS_URL: not an address"),
        ({"NATS_HOST": "bus", "NATS_PORT": "x"}, "invalid NATS_HOST: not an address"),
        ({"NATS_PORT": "4222"}, "NATS_PORT is set without NATS_HOST"),
        ({"BUS_URL": "inprocess://", "NATS_URL": "nats://bus"}, "BUS_URL and NATS_URL name different buses"),
        ({"NATS_URL": "nats://a", "NATS_HOST": "b"}, "NATS_URL and NATS_HOST name different buses"),
        ({"NATS_URL": "kafka://bus"}, "unsupported NATS_URL scheme kafka: expected nats"),
        ({"KAFKA_BROKER": "nats://bus"}, "unsupported KAFKA_BROKER scheme nats: expected kafka"),
        ({"KAFKA_BROKER": "bus:port"}, "invalid KAFKA_BROKER: not an address"),
        ({"KAFKA_BROKER": "bus/topic"}, "invalid KAFKA_BROKER: not an address"),
        ({"BUS_URL": "kafka://a,nats://b"}, "invalid BUS_URL: not an address"),
        ({"BUS_URL": "kafka://secret@a"}, "invalid BUS_URL: requires one user and a password"),
        ({"BUS_URL": "kafka://a:secret@b,c:secret@d"}, "invalid BUS_URL: requires one user and a password"),
        ({"BUS_URL": "kafka://a", "KAFKA_BROKER": "b"}, "BUS_URL and KAFKA_BROKER name different buses"),
        ({"NATS_HOST": "a", "KAFKA_BROKER": "a"}, "NATS_HOST and KAFKA_BROKER name different buses"),
        ({"ALM_BUS_REPLICAS": "3"}, "ALM_BUS_REPLICAS has no effect without a broker"),
        ({"BUS_URL": "inprocess://", "ALM_BUS_REPLICAS": "1"}, "ALM_BUS_REPLICAS has no effect"),
        ({"ALM_BUS_PREFIX": "team-a"}, "ALM_BUS_PREFIX has no effect without a broker"),
        ({"ALM_BUS_PREFIX": "a.b"}, "invalid ALM_BUS_PREFIX 'a.b'"),
        ({"ALM_BUS_PREFIX": "x" * 33}, "invalid ALM_BUS_PREFIX"),
        ({"ALM_BUS_REPLICAS": "2"}, "invalid ALM_BUS_REPLICAS '2'"),
    ],
)
def test_what_names_no_broker_is_refused_without_a_secret(variables, message):
    with pytest.raises(SettingsError, match=f"^{message}") as caught:
        settings(**variables)
    assert caught.value.hint
    assert "secret" not in str(caught.value)
