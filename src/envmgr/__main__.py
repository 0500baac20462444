"""Run the command line as `python -m envmgr`."""

import sys

from envmgr.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
