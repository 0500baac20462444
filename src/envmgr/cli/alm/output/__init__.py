"""Terminal output of `envmgr alm`."""
