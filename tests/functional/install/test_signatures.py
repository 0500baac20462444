"""Signed tools through the real program: archives without the required signature are rejected."""

from __future__ import annotations

import json
import sys

import pytest

from contract.expected import ARCHIVES
from envmgr.kit.platform import current
from support.archives import archive_builder
from support.archives.minisign_signer import Signer
from support.http import faults
from support.registries.recorded_upstreams import Upstreams

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
HERE = current().key
UPSTREAM, STRANGER = Signer(), Signer("stranger")


class Signed:
    """A machine, and a tool on the server with signed archives."""

    def __init__(self, sandbox, *, sums=True):
        self.machine = sandbox
        self.sums = sums
        sandbox.publish("alpha", ("1.0.0",), sums=sums)
        sandbox.write("alpha=^1.0")
        self.declare(UPSTREAM)
        self.sign(UPSTREAM)

    @property
    def archives(self):
        pages = self.machine.server.pages
        return {path: page.body.content for path, page in pages.items() if path.endswith(".tar.gz")}

    @property
    def archive(self):
        """The path of the archive for this platform."""
        return next(path for path in self.archives if path.endswith(f"-{HERE}.tar.gz"))

    def sign(self, signer, *, names=None, change=bytes):
        for path, content in self.archives.items():
            name = names or path.rpartition("/")[2]
            self.machine.server.add(f"{path}.minisig", signer.sign(change(content), name))

    def declare(self, *signers, **other):
        """Write the manifest with the keys of the signers."""
        document = self.machine.manifest("alpha", ("alpha",), sums=self.sums)
        if signers:
            keys = [signer.public for signer in signers]
            signature = {"kind": "minisign", "url_template": "{url}.minisig", "keys": keys}
            document["signature"] = {**signature, **other}
        self.machine.add_manifest(document)

    def install_error(self, *words, code="bad-signature"):
        """Check that the command fails without effects; return the error."""
        before = self.lock_bytes()
        result = self.machine.run("install", *words, "--json")
        assert result.code == 1, result
        assert "Traceback" not in result.err
        assert (self.machine.incomplete(), self.machine.staged()) == ([], [])
        assert self.lock_bytes() == before
        error = result.json
        assert error["code"] == code, error
        return error

    def lock_bytes(self):
        path = self.machine.project / ".envmgr.lock"
        return path.read_bytes() if path.exists() else None

    def promises(self):
        (locked,) = self.machine.lock["tools"]["alpha"].values()
        return {key: entry.get("signature") for key, entry in locked["artifacts"].items()}


@pytest.fixture
def signed_tool(sandbox):
    return Signed(sandbox)


def test_a_signed_tool_is_installed_and_every_archive_is_locked_with_its_key(signed_tool):
    signed_tool.machine.ok("install")
    assert signed_tool.machine.command(["alpha"]).out == "alpha 1.0.0\n"
    promise = {"kind": "minisign", "key": UPSTREAM.public}
    assert signed_tool.promises() == dict.fromkeys(signed_tool.promises(), promise)
    assert len(signed_tool.promises()) == 8
    before = signed_tool.lock_bytes()
    signed_tool.machine.ok("lock", "--check")
    signed_tool.machine.ok("uninstall", "alpha@1.0.0")
    signed_tool.machine.ok("install", "--locked")
    assert signed_tool.lock_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s.sign(STRANGER), "signed by key"),
        (lambda s: s.sign(Signer("stranger", UPSTREAM.key_id)), "invalid signature of the trusted comment"),
        (lambda s: s.sign(UPSTREAM, change=lambda content: content + b"x"), ": invalid signature\n"),
        (lambda s: s.sign(UPSTREAM, names="alpha-0.9.tar.gz"), "is for 'alpha-0.9.tar.gz'"),
        (
            lambda s: s.machine.server.add(f"{s.archive}.minisig", "<html>sign in</html>"),
            "not a minisign signature",
        ),
        (lambda s: s.machine.server.pages.pop(f"{s.archive}.minisig"), "minisign signature for"),
    ],
    ids=["stranger", "lookalike", "other content", "older archive", "page", "missing"],
)
@pytest.mark.parametrize("sums", [True, False], ids=["digest", "no digest"])
def test_an_unsigned_archive_is_installed_only_after_it_is_signed(sandbox, sums, spoil, message):
    signed = Signed(sandbox, sums=sums)
    spoil(signed)
    error = signed.install_error()
    assert message in error["message"]
    assert f"{signed.archive}.minisig" in error["message"]
    assert error["hint"].startswith("nothing was installed")
    assert not (sandbox.home / "installs" / "alpha" / "1.0.0").exists()
    signed.sign(UPSTREAM)
    assert "installed alpha 1.0.0" in sandbox.ok("install").out


def test_a_replaced_archive_without_a_digest_is_detected_and_discarded(sandbox):
    signed = Signed(sandbox, sums=False)
    good = signed.archives[signed.archive]
    sandbox.server.change(
        signed.archive, archive_builder.tar({"alpha/bin/alpha": archive_builder.program("evil", "1")})
    )
    assert ": invalid signature\n" in signed.install_error()["message"]
    sandbox.server.change(signed.archive, good)
    sandbox.ok("install")
    assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"


def test_a_rejected_forced_installation_keeps_the_old_one(signed_tool):
    signed_tool.machine.ok("install")
    signed_tool.machine.ok("cache", "clear")
    signed_tool.sign(STRANGER)
    signed_tool.install_error("--force")
    assert signed_tool.machine.command(["alpha"]).out == "alpha 1.0.0\n"


def test_the_cached_signature_is_verified_again_offline(signed_tool):
    machine = signed_tool.machine
    machine.ok("install")
    machine.ok("uninstall", "alpha@1.0.0")
    request_count = len(machine.server.requests)
    assert "installed alpha 1.0.0" in machine.ok("install", "--offline").out
    assert len(machine.server.requests) == request_count
    kinds = [entry["kind"] for entry in machine.ok("cache", "list", "--json").json["entries"]]
    assert sorted(kinds) == ["archive", "list", "list", "note", "signature"]
    (stored,) = (machine.home / "cache" / "downloads" / "signatures").iterdir()
    stored.write_bytes(b"damaged")
    machine.ok("uninstall", "alpha@1.0.0")
    message = signed_tool.install_error("--offline", code="offline")["message"]
    assert message.startswith("offline: cannot fetch ")
    assert message.endswith(".minisig")


@pytest.mark.parametrize(
    ("signers", "words", "message"),
    [
        ((), (), "no signature"),
        ((), ("--locked",), "no signature"),
        ((), ("--force",), "no signature"),
        ((), ("--dry-run",), "no signature"),
        ((STRANGER,), (), f"a minisign signature by {STRANGER.public}"),
        (
            (UPSTREAM, STRANGER),
            (),
            f"a minisign signature by {' '.join(sorted([UPSTREAM.public, STRANGER.public]))}",
        ),
    ],
    ids=["none", "none, locked", "none, forced", "none, dry run", "another key", "one more key"],
)
def test_a_manifest_with_weaker_signatures_than_the_lock_is_an_error_naming_both(
    signed_tool, signers, words, message
):
    signed_tool.machine.ok("lock")
    signed_tool.declare(*signers)
    request_count = signed_tool.machine.server.paths.count(signed_tool.archive)
    error = signed_tool.install_error(*words, code="lockfile")
    assert (
        f"alpha 1.0.0 for {HERE}: lock requires a minisign signature by {UPSTREAM.public}" in error["message"]
    )
    assert f"the manifest declares {message}" in error["message"]
    assert signed_tool.machine.server.paths.count(signed_tool.archive) == request_count
    result = signed_tool.machine.run("lock")
    assert (result.code, message in result.err.replace("\n", " ")) == (1, True), result


def test_a_lock_of_another_kind_of_signature_is_an_error_naming_both(signed_tool):
    signed_tool.machine.ok("lock")
    lock = signed_tool.machine.project / ".envmgr.lock"
    lock.write_text(lock.read_text().replace('"kind": "minisign"', '"kind": "sigstore"'))
    message = signed_tool.install_error(code="lockfile")["message"]
    assert "lock requires a sigstore signature by" in message
    assert "the manifest declares a minisign signature by" in message


def test_a_manifest_with_stronger_signatures_than_the_lock_is_verified(signed_tool):
    signed_tool.declare()
    signed_tool.machine.ok("lock")
    signed_tool.declare(UPSTREAM)
    signed_tool.sign(STRANGER)
    signed_tool.install_error()
    signed_tool.sign(UPSTREAM)
    signed_tool.machine.ok("install")
    assert signed_tool.machine.run("lock", "--check").code == 1
    signed_tool.machine.ok("lock")
    assert signed_tool.promises()[HERE] == {"kind": "minisign", "key": UPSTREAM.public}


@pytest.mark.parametrize("kind", ["openpgp", "sigstore"])
def test_a_manifest_with_unverifiable_signatures_is_rejected(signed_tool, kind):
    signed_tool.declare(UPSTREAM, kind=kind)
    error = signed_tool.install_error(code="manifest")
    assert f"unsupported signature kind {kind!r} (supported: minisign)" in error["message"]
    assert signed_tool.machine.run("plugin", "lint", "alpha").code == 1


def test_an_archive_at_an_explicit_url_requires_a_signature_beside_it(signed_tool):
    server = signed_tool.machine.server
    content, name = signed_tool.archives[signed_tool.archive], "alpha-mine.tar.gz"
    server.add(f"/elsewhere/{name}", content)
    words = ("alpha", "1.0.0", f"{server.url}/elsewhere/{name}")
    assert "minisign signature for" in signed_tool.install_error(*words)["message"]
    server.add(f"/elsewhere/{name}.minisig", UPSTREAM.sign(content, name))
    signed_tool.machine.ok("install", *words)
    assert signed_tool.promises() == {HERE: {"kind": "minisign", "key": UPSTREAM.public}}


def test_a_signature_template_applies_to_an_explicit_url(signed_tool):
    server = signed_tool.machine.server
    content = signed_tool.archives[signed_tool.archive]
    signed_tool.declare(UPSTREAM, url_template=f"{server.url}/signatures/{{version}}/{{file}}.minisig")
    server.add("/elsewhere/mine.tar.gz", content)
    words = ("alpha", "1.0.0", f"{server.url}/elsewhere/mine.tar.gz")
    assert "/signatures/1.0.0/mine.tar.gz.minisig" in signed_tool.install_error(*words)["message"]
    server.add("/signatures/1.0.0/mine.tar.gz.minisig", UPSTREAM.sign(content, "mine.tar.gz"))
    signed_tool.machine.ok("install", *words)


def test_an_explicit_url_does_not_bypass_the_lock(signed_tool):
    signed_tool.machine.ok("lock")
    signed_tool.declare()
    words = ("alpha", "1.0.0", f"{signed_tool.machine.server.url}{signed_tool.archive}")
    assert (
        "the manifest declares no signature" in signed_tool.install_error(*words, code="lockfile")["message"]
    )
    assert signed_tool.archive not in signed_tool.machine.server.paths


def test_a_delayed_signature_is_awaited(signed_tool):
    page = signed_tool.machine.server.pages[f"{signed_tool.archive}.minisig"]
    signed_tool.machine.server.add(
        f"{signed_tool.archive}.minisig", page.body.content, fault=faults.status(503, times=1)
    )
    signed_tool.machine.ok("install")
    assert signed_tool.machine.server.paths.count(f"{signed_tool.archive}.minisig") == 2


def test_an_older_archive_under_a_newer_name_is_rejected(sandbox, server):
    upstreams = Upstreams(server)
    upstreams.publish("zig", ARCHIVES["zig"])
    sandbox.variables |= upstreams.variables
    sandbox.write("zig=0.15.2")
    for manifest in upstreams.manifests("zig"):
        sandbox.add_manifest(manifest)
    sandbox.ok("lock")
    new, old = (ARCHIVES["zig"][version][HERE].url for version in ("0.15.2", "0.14.0"))
    lock = sandbox.project / ".envmgr.lock"
    document = json.loads(lock.read_text())
    entry = document["tools"]["zig"]["0.15.2"]["artifacts"][HERE]
    del entry["sha256"], entry["size"]
    lock.write_text(json.dumps(document))
    for end in ("", ".minisig"):
        server.add(upstreams.path(f"{new}{end}"), server.pages[upstreams.path(f"{old}{end}")].body)
    result = sandbox.run("install")
    assert result.code == 1
    message = " ".join(result.err.split())
    assert f"signature is for '{old.rpartition('/')[2]}', expected '{new.rpartition('/')[2]}'" in message


def test_the_built_in_zig_requires_a_signature_of_upstream(sandbox, server):
    upstreams = Upstreams(server)
    upstreams.publish("zig", ARCHIVES["zig"])
    sandbox.variables |= upstreams.variables
    result = sandbox.run("install", "zig@0.15.2", "--json")
    assert (result.code, result.json["code"]) == (1, "bad-signature")
    assert "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U" in result.json["message"]
    assert sandbox.incomplete() == []
