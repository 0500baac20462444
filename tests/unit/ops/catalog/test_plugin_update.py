"""Manifests read again from their sources; any failure keeps the old one."""

from __future__ import annotations

import json

import pytest

from envmgr.kit.errors import CatalogError, UnknownTool
from envmgr.ops.catalog import plugin_sources, plugin_trust, plugin_update, plugins
from envmgr.ops.catalog.plugin_update import UpdateOptions
from envmgr.ops.confirmation import decline_all
from support.machine.installed_tools import Toolbox

MANIFEST = {"name": "alpha", "versions_url": "https://a.example/", "bin_path_template": "{version}/bin/alpha"}
SCRIPT = {"install_script": {"unix": "make"}}
PLAIN = UpdateOptions(decline_all)


class Machine:
    """A machine with the manifest of alpha, added from a file."""

    def __init__(self, directory):
        self.box = Toolbox(directory)
        self.source = directory / "sources" / "alpha.json"
        self.source.parent.mkdir()
        self.publish(description="First")
        context = self.box.context()
        self.directory = plugins.user_directory(context)
        plugins.add(context, "alpha", str(self.source), self.directory)

    def publish(self, **fields):
        self.source.write_text(json.dumps({**MANIFEST, **fields}, indent=2) + "\n")

    def update(self, *names, options=PLAIN):
        (result,) = plugin_update.update(self.box.context(), self.directory, names, options)
        return result

    @property
    def description(self):
        return self.box.context().registry.get("alpha").description


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_changed_manifest_is_written_and_its_difference_shown(machine):
    machine.publish(description="Second")
    preview = machine.update(options=UpdateOptions(decline_all, dry_run=True))
    assert machine.description == "First"
    result = machine.update("alpha")
    assert (result.status, result.difference) == ("updated", preview.difference)
    assert {'-  "description": "First"', '+  "description": "Second"'} <= {*result.difference.splitlines()}
    assert machine.description == "Second"
    assert (machine.update().status, machine.update().difference) == ("unchanged", "")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "not found"),
        ("{", "not a valid manifest"),
        (json.dumps({**MANIFEST, "name": "beta"}), "describes beta, not alpha"),
        (json.dumps({**MANIFEST, **SCRIPT}), "install script"),
    ],
    ids=["missing", "damaged", "another name", "untrusted script"],
)
def test_a_failure_keeps_the_old_manifest(machine, text, error):
    if text is None:
        machine.source.unlink()
    else:
        machine.source.write_text(text)
    result = machine.update()
    assert result.status == "failed"
    assert error in result.error.message
    assert machine.description == "First"
    machine.publish(description="Third")
    assert machine.update().status == "updated"


def test_a_changed_script_is_shown_and_needs_confirmation(machine):
    machine.publish(**SCRIPT)
    assert '+  "install_script": {' in machine.update().difference
    assert machine.update(options=UpdateOptions(lambda _: True)).status == "updated"
    digest = machine.box.context().registry.get("alpha").digest
    assert machine.box.context().settings.trusted == (digest,)


def test_an_edited_manifest_is_not_overwritten(machine):
    path = plugins.path_of(machine.directory, "alpha")
    with open(path, "w") as file:
        json.dump({**MANIFEST, "description": "Mine"}, file)
    machine.publish(description="Second")
    assert "was edited" in machine.update().error.message
    assert machine.description == "Mine"


def test_a_manifest_without_a_source_names_the_command_that_records_it(machine):
    context = machine.box.context()
    plugins.add_parts(context, "alpha", "https://a.example/", "{version}/bin/alpha", None, machine.directory)
    with pytest.raises(UnknownTool, match="no recorded source"):
        machine.update("alpha")
    assert plugin_update.update(context, machine.directory, (), PLAIN) == ()
    with pytest.raises(UnknownTool, match="nodejs is built in"):
        machine.update("nodejs")


def test_a_removed_manifest_has_no_source(machine):
    plugins.remove(machine.box.context(), "alpha", machine.directory)
    assert plugin_sources.read(machine.directory) == {}


def test_a_record_has_no_credentials_and_no_absolute_path(machine, tmp_path):
    directory = str(tmp_path / "a" / "plugins")
    url = plugin_sources.PluginSource("https://user:secret@a.example/b.json", "sha256:1")
    file = plugin_sources.PluginSource(str(tmp_path / "a" / "c.json"), "sha256:2")
    plugin_sources.record(machine.box.paths, directory, "b", url)
    plugin_sources.record(machine.box.paths, directory, "c", file)
    sources = plugin_sources.read(directory)
    assert [item.source for item in sources.values()] == ["https://a.example/b.json", "../c.json"]
    assert plugin_sources.location(directory, sources["c"]) == str(tmp_path / "a" / "c.json")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2, "sources": {}}', '{"format": 1, "sources": {"a": 1}}']
)
def test_a_damaged_record_is_an_error(machine, text):
    with open(plugin_sources.path_in(machine.directory), "w") as file:
        file.write(text)
    with pytest.raises(CatalogError, match="not a record of sources"):
        machine.update()


def test_trust_in_the_present_manifest_is_recorded_and_revoked(machine):
    machine.publish(**SCRIPT)
    machine.update(options=UpdateOptions(lambda _: True))
    context = machine.box.context()
    assert not plugin_trust.trust(context, "alpha").has_changed
    revoked = plugin_trust.revoke(context, "alpha")
    assert (revoked.has_changed, revoked.is_trusted) == (True, False)
    assert machine.box.context().settings.trusted == ()
    assert not plugin_trust.revoke(context, "alpha").has_changed
    assert plugin_trust.trust(context, "alpha").has_changed
    assert machine.box.context().settings.trusted == (context.registry.get("alpha").digest,)
    assert not plugin_trust.trust(context, "nodejs").has_changed
