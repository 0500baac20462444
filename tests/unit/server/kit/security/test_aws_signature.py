"""Signatures of requests, compared with the example of the scheme's documentation."""

from __future__ import annotations

import msgspec

from envmgr.server.kit.common.clock import parse_rfc3339
from envmgr.server.kit.security.aws_signature import AwsCredentials, object_url, signed_headers

CREDENTIALS = AwsCredentials(
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
)
URL = "https://examplebucket.s3.amazonaws.com/test%24file.text"
HEADERS = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
NOW_MS = parse_rfc3339("2013-05-24T00:00:00Z")


def signature(credentials=CREDENTIALS, body=b"Welcome to Amazon S3."):
    headers = signed_headers(credentials, "PUT", URL, HEADERS, body, NOW_MS)
    return headers["authorization"].partition("Signature=")[2], headers


def test_the_documented_example_has_its_documented_signature():
    value, headers = signature()
    assert value == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    assert headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
    )
    assert headers["x-amz-date"] == "20130524T000000Z"


def test_a_session_token_is_sent_and_signed():
    credentials = msgspec.structs.replace(CREDENTIALS, session_token="temporary")
    value, headers = signature(credentials)
    assert headers["x-amz-security-token"] == "temporary"
    assert "x-amz-date;x-amz-security-token;" in headers["authorization"]
    assert value != signature()[0]


def test_the_body_is_signed():
    assert signature(body=b"other")[0] != signature()[0]


def test_the_names_of_objects_are_quoted_once():
    assert object_url("https://store", "logs", "a b/ü$-_.~") == "https://store/logs/a%20b/%C3%BC%24-_.~"
