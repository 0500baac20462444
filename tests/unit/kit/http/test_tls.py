"""Trusted certificates: the system store, variables and bundles."""

from __future__ import annotations

import os
import ssl

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError
from envmgr.kit.http import tls


def trusted(context):
    return [certificate["subject"] for certificate in context.get_ca_certs()]


def test_the_system_store_is_the_default(tmp_path):
    context = tls.context(Environment({}, str(tmp_path)))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_ssl_cert_file_replaces_the_system_store(tmp_path, authority):
    context = tls.context(Environment({"SSL_CERT_FILE": authority.pem}, str(tmp_path)))
    assert type(context) is ssl.SSLContext
    assert len(trusted(context)) == 1
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_ssl_cert_dir_may_name_several_directories(tmp_path):
    several = os.pathsep.join([str(tmp_path), str(tmp_path / "none")])
    assert type(tls.context(Environment({"SSL_CERT_DIR": several}, str(tmp_path)))) is ssl.SSLContext


def test_bundles_are_trusted_in_addition_and_relative_to_the_working_directory(tmp_path, authority):
    environment = Environment({"SSL_CERT_FILE": authority.pem}, os.path.dirname(authority.pem))
    assert len(trusted(tls.context(environment, ca_bundle="authority.pem", extra_ca=authority.pem))) == 1
    tls.context(environment, ca_bundle=str(tmp_path))


@pytest.mark.parametrize("content", [None, "nothing"])
def test_an_invalid_bundle_is_named(tmp_path, content):
    if content:
        (tmp_path / "b.pem").write_text(content)
    with pytest.raises(ConfigError, match=r"`cert`: .*b\.pem"):
        tls.context(Environment({}, str(tmp_path)), extra_ca="b.pem")
