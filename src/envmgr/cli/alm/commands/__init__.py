"""Commands of `envmgr alm`, one file a command: run it, render its result."""
