from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from envmgr.catalog import lint
from envmgr.catalog.schema import schema_check
from envmgr.kit.errors import ManifestError

GOOD = {
    "name": "tool",
    "versions_url": "https://example.org/list.json",
    "bin": ["tool{exe}"],
    "download_url_template": "https://example.org/{version}/tool-{os}-{arch}.{ext}",
}
KEY = "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U"
SIGNATURE = {"kind": "minisign", "url_template": "{url}.minisig", "keys": [KEY]}
SOURCED = {"name": "tool", "bin": ["tool"]}


def report(base=GOOD, **fields):
    return lint.lint(json.dumps({**base, **fields}), "tool.json")


def errors(base=GOOD, **fields):
    return report(base, **fields).errors


def test_the_schema_is_a_valid_json_schema():
    Draft202012Validator.check_schema(schema_check.read_schema())


def test_a_good_manifest_has_no_issue():
    assert report() == lint.Report(())


def test_the_smallest_manifest_has_a_warning_about_its_one_platform():
    smallest = {
        "name": "nodejs",
        "versions_url": "https://nodejs.org/dist/index.json",
        "bin_path_template": "{version}/bin/node",
        "download_url_template": "https://nodejs.org/dist/v{version}/node-v{version}-linux-x64.tar.gz",
    }
    result = report(smallest)
    assert result.errors == ()
    assert len(result.warnings) == 1
    assert "linux, x64" in result.warnings[0]


def test_every_issue_is_reported_at_once_with_its_path():
    result = errors(
        aliass=["x"],
        env={"A B": "x", "C": 1},
        strip=-1,
        platforms={"linx": {}, "linux": {"bin": []}},
        overrides=[{"versions": "<1"}, {"ext": "zip"}],
    )
    assert result == (
        "$: unknown field 'aliass'; did you mean 'aliases'?",
        "$.env: invalid name 'A B'",
        "$.env.C: 1 is not of type 'string', 'null'",
        "$.overrides[0]: must not be empty",
        "$.overrides[1]: 'versions' is missing",
        "$.overrides[1]: must not be empty",
        "$.platforms: invalid name 'linx'",
        "$.platforms.linux.bin: [] should be non-empty",
        "$.strip: -1 is less than the minimum of 0",
    )


def test_issues_of_templates_ranges_and_expressions_are_reported_with_those_of_the_schema():
    result = report(
        aliass=["x"],
        strip=-1,
        download_url_template="https://x/{vesrion}/{oss}/{version",
        bin=["{tag}/x", "/y"],
        checksum={"url_template": "{ulr}.sha256"},
        versions={"path": "a[", "pattern": "(", "date": 5},
        overrides=[{"versions": "~=1", "bin": ["{x}"]}, {"bin": ["../x"]}],
        requires=["nothing"],
        platforms={"linux": {"ext": "{exx}"}},
    )
    assert [issue.partition(": ")[0] for issue in result.errors] == [
        "$",
        "$.overrides[1]",
        "$.overrides[1]",
        "$.strip",
        "$.versions.date",
        "$.versions.path",
        "$.versions.pattern",
        "$.download_url_template",
        "$.download_url_template",
        "$.download_url_template",
        "$.bin[0]",
        "$.bin[1]",
        "$.checksum.url_template",
        "$.checksum.url_template",
        "$.platforms.linux.ext",
        "$.overrides[0].bin[0]",
        "$.overrides[1].bin[0]",
        "$.overrides[0].versions",
    ]


def test_warnings_are_reported_beside_errors():
    text = json.dumps({**GOOD, "versions_url": "http://example.org/x", "strip": -1, "requires": ["nothing"]})
    result = lint.lint(text, "tool.json", lambda _: False)
    assert len(result.errors) == 1
    assert [warning.partition(": ")[0] for warning in result.warnings] == ["$.versions_url", "$.requires[0]"]


@pytest.mark.parametrize(
    "fields",
    [{name: value} for name in ("name", "aliases", "bin", "links", "env", "overrides", "platforms", "versions",
        "source", "checksum", "signature", "check", "requires", "rename", "download_url_template")
        for value in (5, "x", [5], {"a": 5}, [["x"]], {"a": []}, None)],
)  # fmt: skip
def test_values_of_wrong_types_are_issues_not_crashes(fields):
    assert isinstance(report(**fields), lint.Report)


@pytest.mark.parametrize("name", ["versio", "version", "os"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("$.versions_url", lambda url: {"versions_url": url}),
        ("$.source.url", lambda url: {"source": {"kind": "git-tags", "url": url}}),
        ("$.source.api", lambda url: {"source": {"kind": "github", "repo": "a/b", "api": url}}),
    ],
)
def test_an_address_of_all_versions_has_no_placeholders(path, fields, name):
    base = GOOD if path == "$.versions_url" else SOURCED
    text = json.dumps({**base, **fields(f"https://x/{{{name}}}.json")})
    (issue,) = lint.lint(text, "").errors
    assert issue.startswith(f"{path}: unknown placeholder {{{name}}}")


@pytest.mark.parametrize(
    "text", ["https://x/{version", "https://x/version}", "https://x/{ version }", "https://x/{}"]
)
def test_braces_outside_of_placeholders_are_an_issue(text):
    (issue,) = errors(download_url_template=text)
    assert issue.startswith("$.download_url_template: invalid placeholder")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"download_url_template": "https://x/{vesrion}"}, "$.download_url_template"),
        ({"download_url_template": "x/{version}"}, "$.download_url_template"),
        ({"bin": "{tag}/x"}, "$.bin[0]"),
        ({"bin": ["a", "/x"]}, "$.bin[1]"),
        ({"bin": ["..\\x"]}, "$.bin[0]"),
        ({"bin": ["a/../x"]}, "$.bin[0]"),
        ({"bin": ["C:/x"]}, "$.bin[0]"),
        ({"home": "../x"}, "$.home"),
        ({"links": {"x": ["a", "/b"]}}, "$.links.x"),
        ({"rename": {"a": "../b"}}, "$.rename.a"),
        ({"env": {"A": "{hom}"}}, "$.env.A"),
        ({"checksum": {"url_template": "{ulr}.sha256"}}, "$.checksum.url_template"),
        ({"checksum": {"url_template": "sums.txt"}}, "$.checksum.url_template"),
        ({"checksum": {"url_template": "{url}", "format": "json", "path": "a["}}, "$.checksum.path"),
        ({"checksum": {"url_template": "{url}", "format": "json"}}, "$.checksum"),
        ({"signature": {**SIGNATURE, "url_template": "{home}"}}, "$.signature.url_template"),
        ({"signature": {**SIGNATURE, "url_template": "https://x/{tag}"}}, "$.signature.url_template"),
        ({"signature": {**SIGNATURE, "keys": []}}, "$.signature.keys"),
        ({"signature": {**SIGNATURE, "keys": [KEY, "3B04D753C9050D9A"]}}, "$.signature.keys[1]"),
        ({"signature": {**SIGNATURE, "keys": [f"{KEY}\n"]}}, "$.signature.keys[0]"),
        ({"signature": {"kind": "minisign", "url_template": "{url}.minisig"}}, "$.signature"),
        ({"check": {"args": ["{tag}"]}}, "$.check.args[0]"),
        ({"check": {"expect": "{url}"}}, "$.check.expect"),
        ({"versions": {"path": "a["}}, "$.versions.path"),
        ({"versions": {"artifact": "files[?os=='{os}'"}}, "$.versions.artifact"),
        ({"versions": {"channels": {"x": "]"}}}, "$.versions.channels.x"),
        ({"versions": {"pattern": "("}}, "$.versions.pattern"),
        ({"versions": {"pattern": "(a+)+$"}}, "$.versions.pattern"),
        ({"overrides": [{"versions": "~=1", "ext": "x"}]}, "$.overrides[0].versions"),
        ({"overrides": [{"versions": "<1", "bin": ["/x"]}]}, "$.overrides[0].bin[0]"),
        (
            {"overrides": [{"versions": "<1", "platforms": {"linux": {"ext": "{x}"}}}]},
            "$.overrides[0].platforms.linux.ext",
        ),
        ({"platforms": {"linux-x64": {"ext": "{x}"}, "macos": None}}, "$.platforms['linux-x64'].ext"),
        ({"aliases": ["tool"]}, "$.aliases"),
        ({"asset": "x"}, "$.asset"),
    ],
)  # fmt: skip
def test_rules_beyond_the_schema_are_checked(fields, path):
    assert [issue.partition(": ")[0] for issue in errors(**fields)] in ([path], [path, path])


@pytest.mark.parametrize(
    ("base", "issue"),
    [
        ({"name": "x", "bin": ["x"]}, "$: exactly one of 'versions_url' and 'source' is required"),
        (
            {**GOOD, "source": {"kind": "static", "versions": ["1"]}},
            "$: exactly one of 'versions_url' and 'source' is required",
        ),
        ({"name": "x", "versions_url": "https://x/y"}, "$: missing 'bin_path_template' (or 'bin')"),
        ({**SOURCED, "source": {"kind": "github"}}, "$.source: 'repo' is missing"),
        ({**SOURCED, "source": {"kind": "nonsense"}}, "$.source.kind: 'nonsense' is not one of"),
        ({**SOURCED, "source": {"kind": "npm", "package": "Å"}}, "$.source.package: 'Å' does not match"),
        (
            {**SOURCED, "source": {"kind": "pypi", "package": "x"}, "versions": {"path": "a"}},
            "$.versions.path: not supported with the source 'pypi'",
        ),
        (
            {**SOURCED, "source": {"kind": "npm", "package": "x", "platform_package": "@x/{oss}"}},
            "$.source.platform_package: unknown placeholder {oss}",
        ),
    ],
)
def test_sources_must_be_complete(base, issue):
    result = errors(base)
    assert len(result) == 1
    assert result[0].startswith(issue)


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "index", "url": "https://x/y"},
        {"kind": "github", "repo": "cli/cli", "api": "https://ghe/api/v3", "pages": 3, "prerelease": True},
        {"kind": "pypi", "package": "ziglang"},
        {"kind": "npm", "package": "@biomejs/biome", "platform_package": "@biomejs/cli-{os}-{arch}{libc}"},
        {"kind": "git-tags", "url": "git@example.org:a/b.git"},
        {
            "kind": "static",
            "versions": ["1.0", {"version": "1.1", "artifacts": {"linux-x64": {"url": "https://x/y"}}}],
        },
    ],
)
def test_every_kind_of_source_is_accepted(source):
    assert errors(SOURCED, source=source) == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"download_url_template": "https://x/tool-{os}-{arch}"}, "every version is the same archive"),
        ({"download_url_template": "http://x/{version}-{os}"}, "plain http"),
        ({"os": {"linux": None, "macos": None, "windows": None}}, "no platform is supported"),
        (
            {"bin": None, "platforms": {"linux": {"bin": ["x"]}}},
            "missing 'bin_path_template' (or 'bin') for macos-x64",
        ),
    ],
)
def test_probable_mistakes_are_warnings(fields, words):
    data = {key: value for key, value in {**GOOD, **fields}.items() if value is not None}
    result = report(data)
    assert result.errors == ()
    assert any(words in warning for warning in result.warnings)


HERE = ("http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "http://x.localhost")


@pytest.mark.parametrize(
    "host", ["http://example.org", "http://127.0.0.1.example.org", "http://h:{major}", *HERE]
)
def test_a_plain_http_url_is_a_warning_except_on_loopback(host):
    result = report(
        versions_url=f"{host}/list".replace("{major}", "80"),
        download_url_template=f"{host}/{{version}}",
        checksum={"url_template": f"{host}/sums"},
        platforms={"linux-x64": {"checksum": {"url_template": f"{host}/sums"}}},
        overrides=[{"versions": "<1", "download_url_template": f"{host}/{{version}}"}],
        env={"url": f"{host}/variable"},
        homepage="http://example.org",
    )
    warned = [
        "$.versions_url",
        "$.download_url_template",
        "$.checksum.url_template",
        "$.platforms['linux-x64'].checksum.url_template",
        "$.overrides[0].download_url_template",
    ]
    http = [warning for warning in result.warnings if "plain http" in warning]
    assert result.errors == ()
    assert [warning.partition(": ")[0] for warning in http] == ([] if host in HERE else warned)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ({"kind": "github", "repo": "a/b", "api": "http://ghe/api/v3"}, "$.source.api"),
        ({"kind": "git-tags", "url": "http://example.org/x.git"}, "$.source.url"),
        (
            {
                "kind": "static",
                "versions": ["1", {"version": "2", "artifacts": {"linux-x64": {"url": "http://x/y"}}}],
            },
            "$.source.versions[1].artifacts['linux-x64'].url",
        ),
    ],
)
def test_a_plain_http_url_of_a_source_is_a_warning(source, path):
    result = report(SOURCED, source=source)
    assert result.errors == ()
    assert f"{path}: plain http is refused unless the setting allow_http is on" in result.warnings


def test_an_unsupported_field_is_reported_as_such():
    assert errors(foreign_files=[".xrc"]) == (
        "$: the field 'foreign_files' is not supported: files of other version managers (.nvmrc) are not read",
    )


def test_a_signature_of_minisign_can_be_declared():
    assert errors(signature=SIGNATURE) == ()
    assert errors(overrides=[{"versions": "<1", "signature": None}], signature=SIGNATURE) == ()


def test_an_invalid_key_is_explained():
    assert errors(signature={**SIGNATURE, "keys": ["RWx"]}) == (
        "$.signature.keys[0]: invalid minisign public key 'RWx': expected 56 characters that begin with RW",
    )


@pytest.mark.parametrize("kind", ["openpgp", "sigstore", "nonsense", 1, None])
def test_unverifiable_signatures_are_rejected_at_every_level(kind):
    other = {**SIGNATURE, "kind": kind}
    result = errors(
        signature=other,
        platforms={"linux-x64": {"signature": other}},
        overrides=[{"versions": "<1", "signature": other}],
    )
    assert [issue.partition(": ")[0] for issue in result] == [
        "$.signature.kind",
        "$.platforms['linux-x64'].signature.kind",
        "$.overrides[0].signature.kind",
    ]
    assert all(f"unsupported signature kind {kind!r} (supported: minisign)" in i for i in result)


@pytest.mark.parametrize("kind", ["pypi", "npm"])
def test_packages_of_registries_have_no_signatures(kind):
    result = errors(SOURCED, source={"kind": kind, "package": "x"}, signature=SIGNATURE)
    assert result == (f"$.signature: not supported with source {kind!r}",)


def test_invalid_json_is_one_issue_with_its_position():
    assert lint.lint('{"name": }', "").errors == ("line 1, column 10: Expecting value",)


def test_check_raises_the_listed_issues():
    with pytest.raises(ManifestError) as caught:
        lint.check("[]", "x.json")
    assert caught.value.issues == lint.lint("[]", "").errors
    assert "docs/plugins.md" in caught.value.hint


def test_warnings_can_be_listed_without_issues():
    assert lint.lint(json.dumps(GOOD), "").warnings == ()


def test_a_long_value_is_truncated_in_the_message():
    assert all(len(issue) < 400 for issue in errors(homepage="x" * 5000))


def test_a_url_for_every_platform_causes_no_warning():
    data = {key: value for key, value in GOOD.items() if key != "download_url_template"}
    assert report(data, download_url_template="https://example.org/tool-{version}.jar") == lint.Report(())
