"""Releases that are the tags of a git repository.

With git on PATH, `git ls-remote` lists them (tags only, with the user's credentials and proxies); without it the
repository's advertisement of all its references is read, as https://git-scm.com/docs/http-protocol describes it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from envmgr.catalog.release import Release
from envmgr.catalog.release_list import make
from envmgr.kit.errors import NetworkError, Offline, SourceError
from envmgr.kit.fs import read_text, write_atomic
from envmgr.kit.http import urls
from envmgr.lockformat.model import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.release import Listing
    from envmgr.catalog.sources.source_context import Context
    from envmgr.kit.platform import Platform

TIMEOUT = 120
LIMIT = 64 * 2**20
_TAG = re.compile(r"refs/tags/(\S+)")
_PACKET = re.compile(rb"[0-9a-f]{40,64} (refs/[^\s\0]+)")
# Other protocols are refused: `ext::` and the like run commands. The open ones are neither encrypted nor authenticated.
_PROTOCOLS = ("https", "ssh", "file")
_OPEN_PROTOCOLS = ("http", "git")


def listing(manifest: Manifest, context: Context) -> Listing:
    """List the tags that are versions."""
    url = str(manifest.source["url"])
    tags = sorted(set(_TAG.findall(_references(url, context))))
    releases = [release for tag in tags if (release := _release(manifest, tag))]
    if not releases:
        raise SourceError(
            f"none of the {len(tags)} tags in {url} is a version of {manifest.name}",
            "set `prefix` or `pattern` of `versions` in the manifest to match its tags",
        )
    return make(releases)


def artifact(manifest: Manifest, release: Release, platform: Platform, context: Context) -> Artifact | None:
    """Return the archive that the template names."""
    del context
    url = manifest.download_url(release.version, release.tag, platform)
    return Artifact(url) if url else None


def _release(manifest: Manifest, tag: str) -> Release | None:
    from envmgr.versions import parse

    version = manifest.version_of(tag)
    if not version or not any(character.isdigit() for character in version):
        return None
    return Release(version, tag, prerelease=parse(version).is_prerelease)


def _references(url: str, context: Context) -> str:
    git = shutil.which("git", path=context.environment.get("PATH"))
    if git is None:
        return "\n".join(_read_advertised_tags(url, context))
    return _cached_or_fetched(git, url, context)


def _cached_or_fetched(git: str, url: str, context: Context) -> str:
    """Return git's tags, cached for offline use."""
    path = os.path.join(context.paths.index, f"{hashlib.sha256(url.encode()).hexdigest()}.tags")
    context.lists.dependencies.add(path)
    if context.settings.offline:
        stored = read_text(path)
        if stored is None:
            raise Offline(
                f"offline: tags of {urls.redact(url)} are not cached",
                "run once without --offline (or set `offline` to false)",
            )
        return stored
    context.lists.dependencies.forbid_reuse()
    output = _ask(git, urls.apply_mirror(url, context.settings.mirrors), context)
    write_atomic(path, output)
    return output


def _ask(git: str, url: str, context: Context) -> str:
    command = [git, "ls-remote", "--tags", "--refs", "--", url]
    try:
        process = subprocess.run(  # noqa: S603 - git, with the URL after `--`
            command,
            env=_variables(url, context),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failure(url, error.strerror if isinstance(error, OSError) else "git timed out") from None
    if process.returncode:
        raise _failure(url, process.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    return process.stdout.decode(errors="replace")


def _variables(url: str, context: Context) -> dict[str, str]:
    is_local = url.startswith("http:") and urls.is_loopback(url)
    is_open = context.settings.allow_http or is_local
    protocols = ":".join([*_PROTOCOLS, *(_OPEN_PROTOCOLS if is_open else ())])
    return {**context.environment.variables, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": protocols}


def _failure(url: str, reason: str | None) -> NetworkError:
    displayed = urls.redact(url)
    message = (reason or "git failed").replace(url, displayed)
    return NetworkError(
        f"cannot list the tags of {displayed}: {message}", f"check that `git ls-remote {displayed}` works"
    )


def _read_advertised_tags(url: str, context: Context) -> Iterator[str]:
    if not url.startswith(("https://", "http://")):
        raise SourceError(f"git is required to list tags of {url}", "install git, then retry")
    body = context.lists.get(f"{url.rstrip('/')}/info/refs?service=git-upload-pack", limit=LIMIT)
    if not body.startswith(b"001e# service=git-upload-pack"):
        raise SourceError(f"{url} is not a git repository", "set `url` to a URL that `git clone` accepts")
    try:
        yield from _packets(body)
    except ValueError:
        raise SourceError(f"unexpected response from {url}", "retry later") from None


def _packets(body: bytes) -> Iterator[str]:
    """Read the references out of packets, each with its length in front in four hexadecimal digits."""
    position = 0
    while position + 4 <= len(body):
        length = max(4, int(body[position : position + 4], 16))
        match = _PACKET.search(body, position + 4, position + length)
        if match and not match[1].endswith(b"^{}"):
            yield match[1].decode(errors="replace")
        position += length
