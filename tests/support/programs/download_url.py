"""A program that downloads one URL into a root, for tests of interruption, low memory and concurrency.

Run as `python download_url.py ROOT URL SHA256 [--file-limit BYTES]`; prints a line of JSON when done.
"""

from __future__ import annotations

import argparse
import json
import sys

from envmgr.catalog.release import Location
from envmgr.install.download.download import download
from envmgr.kit import environment
from envmgr.kit.config.settings import Settings
from envmgr.kit.digest import Digest
from envmgr.kit.errors import EnvmgrError
from envmgr.kit.http.client import Http
from envmgr.kit.paths import single_root
from envmgr.kit.progress import NullProgress
from envmgr.lockformat.model import Artifact


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("root", "url", "sha256"):
        parser.add_argument(name)
    parser.add_argument("--file-limit", type=int)
    options = parser.parse_args()
    if options.file_limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_limit, options.file_limit))
    try:
        sys.stdout.write(json.dumps(_download(options.root, options.url, options.sha256)))
    except EnvmgrError as error:
        sys.stderr.write(f"{type(error).__name__}: {error.message}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _download(root: str, url: str, sha256: str) -> dict[str, object]:
    with Http(Settings(http_retries=0), environment.current()) as http:
        result = download(
            Artifact(url, Digest("sha256", sha256)),
            http=http,
            paths=single_root(root),
            locate=lambda artifact: Location(artifact.url),
            progress=NullProgress(),
            task="tool",
        )
    return {"path": result.path, "from_cache": result.from_cache, "memory": _peak_memory()}


def _peak_memory() -> int:
    """Return the peak memory of this process, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main())
