"""Credentials in texts that are kept."""

from __future__ import annotations

import pytest

from envmgr.server.kit.security.redaction import has_credential, redact
from envmgr.server.kit.telemetry import trace_context

SECRET = "0123456789abcdefABCDEF0123456789abcd"
CREDENTIALS = (
    f"evm_12_{SECRET}",
    f"evr_12_{SECRET}",
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    *(f"gh{kind}_{SECRET}" for kind in "opusr"),
    f"github_pat_{SECRET[:22]}_{SECRET}",
    f"glpat-{SECRET[:20]}",
    f"glpat-{SECRET[:20]}.01.{SECRET[:9]}",
    f"npm_{SECRET}",
    f"pypi-AgEIcHlwaS5vcmc{SECRET}-_",
    f"AKIA{'ABCDEFGH23456789'}",
    *(f"xox{kind}-1234567890-{SECRET[:20]}" for kind in "abprs"),
)


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_credential_is_replaced_in_a_path(credential):
    assert redact(f"/apps/{credential}/versions") == "/apps/…/versions"
    assert redact(credential) == "…"


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_request_id_with_a_credential_is_replaced(credential):
    header = f"job-7:{credential}".encode()
    assert trace_context.request_id(header) != header.decode()


@pytest.mark.parametrize(
    "text",
    [
        "/apps/shop/versions/1.4.0",
        "/apps/npm_config_registry",
        "/apps/pypi-attestation-models-of-a-long-name",
        "/apps/my_app-2",
        "/apps/ghp_short",
        "/apps/AKIA",
        "/apps/xoxo",
        "/environments/glpat-eu",
        "/events",
        "01a22a36-23cd-7143-a087-45b53d86ad7a",
    ],
)
def test_a_text_without_a_credential_is_unchanged(text):
    assert redact(text) == text


def test_bodies_are_refused_for_credentials_of_the_server_only():
    assert has_credential(f'"evm_12_{SECRET}"'.encode())
    assert not has_credential(f'"ghp_{SECRET}"'.encode())
