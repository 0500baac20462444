"""Files of settings: plain ones are read as tomllib reads them."""

from __future__ import annotations

import tomllib

import pytest

from envmgr.kit.config import settings_file
from envmgr.kit.errors import ConfigError

PLAIN = [
    "",
    'alm_url = "https://alm.example.com"\n',
    "offline = true\nallow_http = false\n\njobs = 0\nhttp_retries = 12",
    'netrc = ""\ntrusted = "a b, c"\n',
]
NOT_PLAIN = [
    "# a comment\n",
    "[mirrors]\n",
    "a.b = 1\n",
    '"a" = 1\n',
    "a=1\n",
    "a = 1.5\n",
    "a = -1\n",
    "a = 1_000\n",
    "a = 1979-05-27\n",
    "a = [1]\n",
    "a = 'b'\n",
    'a = "b" # c\n',
    'a = "\\t"\n',
    'a = """b"""\n',
    'a = "é"\n',
    'a = "\t"\n',
    "a = 1\r\n",
]
INVALID = [
    "a = 01\n",
    "a = ²\n",
    "é = 1\n",
    "a b = 1\n",
    "a = 1\na = 2\n",
    "a = TRUE\n",
    "a = \n",
    'a = "\n',
    'a = "b"c"\n',
    'a = "\x01"\n',
    "a",
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_file_is_read_as_toml(text):
    assert settings_file.parse_plain(text) == tomllib.loads(text)


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_any_other_file_is_left_to_tomllib(text, tmp_path):
    assert settings_file.parse_plain(text) is None
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode())
    assert settings_file.read(str(path)) == tomllib.loads(text)


@pytest.mark.parametrize("text", INVALID)
def test_an_invalid_file_is_an_error(text, tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode())
    with pytest.raises(ConfigError, match=r"config\.toml: "):
        settings_file.read(str(path))
