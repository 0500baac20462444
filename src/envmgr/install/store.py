"""Store of installed tools: `installs/<tool>/<version>`, each a tree with a receipt."""

from __future__ import annotations

import os

from envmgr.install import receipt as receipts
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import list_names
from envmgr.kit.paths import decode_file_name

_STARTABLE = (".com", ".exe", ".bat", ".cmd")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envmgr.install.receipt import Receipt
    from envmgr.kit.paths import Paths
    from envmgr.kit.progress import Progress


@frozen
class Installed:
    """A complete installation; `path` and `bin_dirs` are absolute, `env` is ready to export.

    `link` is not empty for one made elsewhere, and then its directory, as `path` is.
    """

    tool: str
    version: str
    path: str
    bin_dirs: tuple[str, ...]
    env: Mapping[str, str]
    installed_at: str
    url: str
    sha256: str
    size: int
    plugin: str
    platform: str
    variants: tuple[str, ...] = ()
    default_vendor: str | None = None
    requires: tuple[str, ...] = ()
    link: str = ""

    @property
    def is_broken(self) -> bool:
        """Return whether it is a link to a directory that does not exist."""
        return bool(self.link) and not os.path.isdir(self.link)

    def find(self, command: str) -> str | None:
        """Return the path of one of its programs."""
        return find_program(self.bin_dirs, command)

    def commands(self) -> tuple[str, ...]:
        """Return the names of its programs."""
        return programs(self.bin_dirs)


def versions(paths: Paths, tool: str) -> tuple[str, ...]:
    """Return the installed versions of a tool, unordered."""
    return tuple(_decoded_names(os.path.dirname(paths.install(tool, "-")), receipts.is_complete))


def tools(paths: Paths) -> tuple[str, ...]:
    """Return the tools with an installed version, unordered."""
    return tuple(_decoded_names(paths.installs, _has_installation))


def get(paths: Paths, tool: str, version: str) -> Installed | None:
    """Return an installation, or None if it is missing or incomplete."""
    directory = paths.install(tool, version)
    receipt = receipts.read(directory)
    return _describe_installed(directory, receipt) if receipt else None


def all_installed(paths: Paths) -> Iterator[Installed]:
    """Return all installations by tool, versions unordered."""
    for tool in sorted(tools(paths)):
        for version in versions(paths, tool):
            installed = get(paths, tool, version)
            if installed:
                yield installed


def _describe_installed(directory: str, receipt: Receipt) -> Installed:
    home = _inside(directory, receipt.home)
    return Installed(
        tool=receipt.tool,
        version=receipt.version,
        path=receipt.link or directory,
        bin_dirs=tuple(_inside(directory, relative) for relative in receipt.bin_dirs),
        env={name: value.replace("{home}", home) for name, value in receipt.env.items()},
        installed_at=receipt.installed_at,
        url=receipt.url,
        sha256=receipt.sha256,
        size=receipt.size,
        plugin=receipt.plugin,
        platform=receipt.platform,
        variants=receipt.variants,
        default_vendor=receipt.default_vendor,
        requires=receipt.requires,
        link=receipt.link,
    )


def _inside(directory: str, relative: str) -> str:
    return os.path.normpath(os.path.join(directory, relative)) if relative else directory


def _decoded_names(directory: str, is_included: Callable[[str], bool]) -> Iterator[str]:
    for name in list_names(directory):
        if is_included(os.path.join(directory, name)):
            try:
                yield decode_file_name(name)
            except ValueError:  # not created by envmgr
                continue


def _has_installation(directory: str) -> bool:
    return any(receipts.is_complete(os.path.join(directory, name)) for name in list_names(directory))


def find_program(
    bin_dirs: Iterable[str], command: str, extensions: tuple[str, ...] | None = None
) -> str | None:
    """Return the first program with a name; on Windows `node` matches `node.exe` (`extensions`: PATHEXT)."""
    if not command or os.path.basename(command) != command or command in {".", ".."}:
        return None
    spellings = _spellings(command, _program_extensions() if extensions is None else extensions)
    candidates = (os.path.join(directory, name) for directory in bin_dirs for name in spellings)
    return next((path for path in candidates if is_program(path)), None)


def programs(bin_dirs: Iterable[str], extensions: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Return the sorted names of the programs in directories; on Windows without extensions."""
    suffixes = _program_extensions() if extensions is None else extensions
    names = {_command_of(name, suffixes) for directory in bin_dirs for name in _programs_in(directory)}
    return tuple(sorted(name for name in names if name))


def _programs_in(directory: str) -> list[str]:
    return [
        name
        for name in list_names(directory)
        # `._name` holds the metadata that macOS stores beside a file, with its mode
        if not name.startswith("._") and is_program(os.path.join(directory, name))
    ]


def is_program(path: str) -> bool:
    """Return whether a path is an executable file."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _command_of(name: str, extensions: tuple[str, ...]) -> str:
    if not extensions:
        return name
    stem, extension = os.path.splitext(name)
    return stem if extension.lower() in extensions else ""


def _spellings(command: str, extensions: tuple[str, ...]) -> tuple[str, ...]:
    if not extensions or os.path.splitext(command)[1].lower() in extensions:
        return (command,)
    return tuple(command + extension for extension in extensions)


def _program_extensions() -> tuple[str, ...]:
    """Return the extensions of programs: those of PATHEXT on Windows, else none."""
    if os.name != "nt":
        return ()
    from envmgr.kit import environment

    return startable_extensions(environment.current().get("PATHEXT"))


def startable_extensions(pathext: str) -> tuple[str, ...]:
    """Return the extensions of PATHEXT, in its order, that start without a file association."""
    extensions = [extension.strip().lower() for extension in pathext.split(";")]
    return tuple(extension for extension in extensions if extension in _STARTABLE) or _STARTABLE


def remove(paths: Paths, tool: str, version: str) -> bool:
    """Delete an installation atomically; return whether it existed."""
    from envmgr.install import staging
    from envmgr.kit import file_locks

    directory = paths.install(tool, version)
    with file_locks.file_lock(paths, lock_name(tool, version)):
        if not os.path.lexists(directory):
            return False
        staging.discard(paths, directory)
    return True


def lock_name(tool: str, version: str) -> str:
    """Return the lock name of an installation."""
    return f"install-{tool}-{version}"


def remove_stale(paths: Paths, progress: Progress) -> int:
    """Delete leftovers of dead installs; return their number."""
    if not _can_clean(paths.staging):
        return 0
    from envmgr.install import staging

    return staging.remove_stale(paths, progress)


def _can_clean(directory: str) -> bool:
    """Return whether a directory has entries and is writable: the locks of its owners must be."""
    try:
        return bool(os.listdir(directory)) and os.access(directory, os.W_OK)
    except OSError:
        return False


def count_stale(paths: Paths) -> int:
    """Return the number of leftovers of dead installs."""
    if not _can_clean(paths.staging):
        return 0
    from envmgr.install import staging

    return staging.count_stale(paths)


def check(paths: Paths, tool: str, version: str) -> tuple[str, ...]:
    """Return a message for each missing or changed file of an installation."""
    from envmgr.install import integrity

    return integrity.verify_tree(paths.install(tool, version))
