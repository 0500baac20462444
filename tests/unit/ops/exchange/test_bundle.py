"""A bundle installs what its lock has, and nothing of one that was changed on its way."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from envmgr.catalog import manifest_reader
from envmgr.install.bundle import writer
from envmgr.install.bundle.index import BLOBS, INDEX, BundleIndex
from envmgr.install.bundle.writer import BundleContent
from envmgr.kit import paths as paths_module
from envmgr.kit import platform
from envmgr.kit.digest import Digest
from envmgr.kit.environment import Environment
from envmgr.kit.errors import EnvmgrError
from envmgr.lockformat.model import Artifact, Locked, Lockfile
from envmgr.lockformat.writer import render
from envmgr.ops.exchange.load_bundle import load_bundle
from envmgr.resolve.context import Context
from support.archives import archive_builder

HERE = platform.current().key
ELSEWHERE = "windows-arm64"
MANIFEST = json.dumps(
    {
        "name": "demo",
        "versions_url": "http://127.0.0.1:9/index.json",
        "download_url_template": "http://127.0.0.1:9/{version}/demo-{os}-{arch}{libc}.tar.gz",
        "bin": ["bin/demo"],
    }
).encode()


def sha256(content):
    return archive_builder.sha256(content)


def archive(name):
    return archive_builder.tar({"demo/bin/demo": archive_builder.program("demo", name)})


def lock_of(archives, manifest=MANIFEST):
    digest = manifest_reader.read(manifest.decode(), "demo.json").digest
    artifacts = {
        name: Artifact(f"http://127.0.0.1:9/1.0.0/demo-{name}.tar.gz", Digest("sha256", sha256(content)), 1)
        for name, content in archives.items()
    }
    return Lockfile({"demo@1.0.0": "1.0.0"}, {"demo": {"1.0.0": Locked(digest, artifacts)}})


def write_bundle(path, *, archives=None, lock=None, manifest=MANIFEST, dotfile=b"demo=1.0.0\n", others=()):
    """Write a bundle of archives by platform; return its members by name."""
    archives = archives or {HERE: archive("here"), ELSEWHERE: archive("elsewhere")}
    lock_text = render(lock or lock_of(archives)).encode()
    texts = {sha256(text): text for text in (dotfile, lock_text, manifest, *others)}
    paths = {}
    for content in archives.values():
        file = path.parent / sha256(content)
        file.write_bytes(content)
        paths[file.name] = str(file)
    index = BundleIndex(
        tuple(sorted(archives)),
        sha256(dotfile),
        sha256(lock_text),
        {f"http://127.0.0.1:9/1.0.0/demo-{name}.tar.gz": sha256(item) for name, item in archives.items()},
        {"demo": sha256(manifest), **{f"other-{number}": sha256(text) for number, text in enumerate(others)}},
        {},
        {name: len(texts[name]) for name in texts} | {sha256(item): len(item) for item in archives.values()},
    )
    with path.open("wb") as output:
        writer.write(BundleContent(index, texts, paths), output)
    for file in paths.values():
        (path.parent / file).unlink()


class Machine:
    """A machine without a network, and a directory for a project."""

    def __init__(self, directory):
        self.root = directory / "root"
        self.project = directory / "project"
        self.bundle = directory / "bundle.tar"
        self.project.mkdir()
        self.paths = paths_module.single_root(str(self.root))

    def load(self, *, force=False, **variables):
        variables = {"HOME": str(self.root), "PATH": "/usr/bin:/bin", **variables}
        environment = Environment(variables, str(self.project))
        context = Context(environment, self.paths, platform.current(), flags={"offline": True})
        return load_bundle(context, str(self.bundle), force=force)

    def files(self, directory):
        return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())

    def check_unchanged(self):
        assert self.files(self.project) == []
        assert [name for name in self.files(self.root) if not name.startswith("locks/")] == []


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_bundle_installs_its_tools_and_writes_the_project(machine):
    write_bundle(machine.bundle)
    loaded = machine.load()
    assert [(outcome.tool, outcome.version) for outcome in loaded.result.installed] == [("demo", "1.0.0")]
    assert machine.files(machine.project) == [".envmgr", ".envmgr.lock", ".envmgr.plugins/demo.json"]
    assert (machine.root / "installs/demo/1.0.0/bin/demo").read_bytes() == archive_builder.program(
        "demo", "here"
    )
    assert not machine.files(machine.root / "staging")
    assert [*(machine.root / "cache/downloads/sha256").iterdir()] == [
        machine.root / "cache/downloads/sha256" / sha256(archive("here"))
    ]
    again = machine.load()
    assert (again.changed, again.result.installed) == ((), ())


def test_only_the_requests_of_the_bundle_are_installed(machine):
    write_bundle(machine.bundle)
    (machine.project.parent / ".envmgr").write_text("zig=0.12.0\n")
    loaded = machine.load(ENVMGR_DEMO_VERSION="2.0.0")
    assert [(outcome.tool, outcome.version) for outcome in loaded.result.installed] == [("demo", "1.0.0")]


def test_the_same_content_gives_the_same_bytes(machine, tmp_path):
    write_bundle(machine.bundle)
    write_bundle(tmp_path / "other.tar")
    assert machine.bundle.read_bytes() == (tmp_path / "other.tar").read_bytes()


def members_of(path):
    with tarfile.open(path) as bundle:
        return [(member, bundle.extractfile(member).read()) for member in bundle.getmembers()]


def write_members(path, members):
    with tarfile.open(path, "w") as bundle:
        for member, content in members:
            member.size = len(content)
            bundle.addfile(member, io.BytesIO(content))


def extra(name, kind=tarfile.REGTYPE, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def truncate(path):
    path.write_bytes(path.read_bytes()[:3000])


def drop_last_member(path):
    write_members(path, members_of(path)[:-1])


def change_each_archive(path):
    members = members_of(path)
    write_members(path, [*members[:-1], (members[-1][0], members[-1][1][:-1] + b"x")])


def grow_archive(path):
    members = members_of(path)
    write_members(path, [*members[:-1], (members[-1][0], members[-1][1] + b"x" * 2**20)])


def replace_archive_in_index(path):
    archives = {HERE: archive("other"), ELSEWHERE: archive("elsewhere")}
    promised = lock_of({HERE: archive("here"), ELSEWHERE: archive("elsewhere")})
    write_bundle(path, archives=archives, lock=promised)


def list_archive_as_manifest(path):
    other = archive("other")
    write_bundle(path, archives={HERE: other}, lock=lock_of({HERE: archive("here")}), others=[other])


def lock_another_version(path):
    archives = {HERE: archive("here")}
    lock = Lockfile({"demo@2": "1.0.0"}, lock_of(archives).tools)
    write_bundle(path, archives=archives, lock=lock, dotfile=b"demo=2\n")


def replace_archive_of_other_platform(path):
    archives = {HERE: archive("here"), ELSEWHERE: archive("other")}
    promised = lock_of({HERE: archive("here"), ELSEWHERE: archive("elsewhere")})
    write_bundle(path, archives=archives, lock=promised)


def replace_manifest(path):
    archives = {HERE: archive("here"), ELSEWHERE: archive("elsewhere")}
    write_bundle(path, lock=lock_of(archives), manifest=MANIFEST.replace(b"bin/demo", b"bin/evil"))


def lock_without_digest(path):
    archives = {HERE: archive("here")}
    lock = lock_of(archives)
    plugin = lock.tools["demo"]["1.0.0"].plugin
    artifact = Artifact(f"http://127.0.0.1:9/1.0.0/demo-{HERE}.tar.gz")
    locked = Lockfile(lock.resolved, {"demo": {"1.0.0": Locked(plugin, {HERE: artifact})}})
    write_bundle(path, archives=archives, lock=locked)


def omit_locked_archive(path):
    lock = lock_of({HERE: archive("here"), ELSEWHERE: archive("elsewhere")})
    lock.tools["demo"]["1.0.0"].artifacts.pop(HERE)
    write_bundle(path, lock=lock)


def use_other_platforms(path):
    write_bundle(path, archives={ELSEWHERE: archive("elsewhere")})


def request_another_version(path):
    write_bundle(path, dotfile=b"demo=2.0.0\n")


def change_index(**fields):
    def change(path):
        (index, text), *others = members_of(path)
        document = json.loads(text)
        write_members(path, [(index, json.dumps({**document, **fields}).encode()), *others])

    return change


def insert(*members, at=1):
    def change(path):
        existing = members_of(path)
        write_members(path, [*existing[:at], *members, *existing[at:]])

    return change


FAULTS = {
    "truncated": (truncate, "bad-archive", "truncated"),
    "without its last file": (drop_last_member, "bad-archive", "truncated: blobs/"),
    "changed archive": (change_each_archive, "digest-mismatch", "digest mismatch in the bundle"),
    "longer archive": (grow_archive, "digest-mismatch", "exceeds the size in the index"),
    "archive that is not locked": (replace_archive_in_index, "digest-mismatch", "locked sha256:"),
    "archive that is listed as a manifest": (list_archive_as_manifest, "bad-archive", "as another file"),
    "lock of a version that is not requested": (
        lock_another_version,
        "lock-out-of-date",
        "lock is inconsistent",
    ),
    "archive of another platform": (replace_archive_of_other_platform, "digest-mismatch", "locked sha256:"),
    "manifest that is not locked": (replace_manifest, "bad-archive", "manifest of demo is not the one"),
    "no digest": (lock_without_digest, "bad-archive", "has no digest in its lock"),
    "no archive for this machine": (omit_locked_archive, "bad-archive", f"no demo 1.0.0 for {HERE}"),
    "lock of another request": (request_another_version, "bad-archive", "demo=2.0.0 missing from the lock"),
    "other platforms": (use_other_platforms, "unsupported-platform", f"is not for {HERE}"),
    "newer format": (change_index(bundle=2), "bad-archive", "unsupported bundle format 2"),
    "not an index": (change_index(platforms="all"), "bad-archive", "invalid index"),
    "invalid digest": (change_index(lock="../lock"), "bad-archive", "invalid digest"),
    "invalid sizes": (change_index(sizes={}), "bad-archive", "sizes are not those"),
    "path outside": (insert(extra("../../evil")), "unsafe-archive", "'../../evil'"),
    "absolute path": (insert(extra("/etc/evil")), "unsafe-archive", "'/etc/evil'"),
    "link": (insert(extra(f"{BLOBS}{'a' * 64}", tarfile.SYMTYPE, "/etc")), "unsafe-archive", "symbolic link"),
    "more at the end": (insert(extra("evil"), at=99), "unsafe-archive", "'evil'"),
    "no index": (insert(extra("first"), at=0), "unsafe-archive", "'first'"),
    "not a tar archive": (lambda path: path.write_bytes(b"x" * 4096), "bad-archive", "cannot load"),
    "empty": (lambda path: path.write_bytes(b""), "bad-archive", "cannot load"),
    "missing": (lambda path: path.unlink(), "storage", "No such file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_bundle_changes_nothing(machine, fault):
    damage, code, message = FAULTS[fault]
    write_bundle(machine.bundle)
    damage(machine.bundle)
    with pytest.raises(EnvmgrError) as caught:
        machine.load()
    assert caught.value.code == code
    assert message in caught.value.message
    assert caught.value.hint or fault == "missing"
    machine.check_unchanged()


def test_the_index_is_the_first_file_of_a_bundle(machine):
    write_bundle(machine.bundle)
    assert members_of(machine.bundle)[0][0].name == INDEX


def test_files_of_another_project_are_kept_unless_forced(machine):
    write_bundle(machine.bundle)
    (machine.project / ".envmgr").write_text("demo=2\n")
    with pytest.raises(EnvmgrError, match="files of another project") as caught:
        machine.load()
    assert "--force" in caught.value.hint
    assert machine.files(machine.project) == [".envmgr"]
    assert not (machine.root / "installs").exists()
    assert machine.load(force=True).result.installed
    assert (machine.project / ".envmgr").read_text() == "demo=1.0.0\n"
