"""One module a command of `envmgr alm`."""
