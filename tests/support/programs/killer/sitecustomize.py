"""Kill this process at its Nth operation on a file below KILL_ROOT, or count these operations.

Python imports this module by itself when its directory is on PYTHONPATH.
"""

import os
import signal
import sys
import threading

_ROOT = os.environ.get("KILL_ROOT", "")
_AT = int(os.environ.get("KILL_AT", "0"))
_COUNT = os.environ.get("KILL_COUNT", "")
_EVENTS = {
    "open",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "os.utime",
}
_lock = threading.Lock()
_acts = []


def _watch(event, arguments):
    if event not in _EVENTS or not isinstance(arguments[0], str) or not arguments[0].startswith(_ROOT):
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    with _lock:
        _acts.append(event)
        if len(_acts) == _AT:
            os.kill(os.getpid(), signal.SIGKILL)


def _report():
    with open(_COUNT, "w") as file:
        file.write(str(len(_acts)))


if _ROOT:
    sys.addaudithook(_watch)
    if _COUNT:
        import atexit

        atexit.register(_report)
