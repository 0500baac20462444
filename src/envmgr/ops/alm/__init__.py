"""What `envmgr alm` does: one verb a file, over the server's API."""
