"""Command line of `envmgr alm`."""
