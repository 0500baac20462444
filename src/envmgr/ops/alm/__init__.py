"""Operations of `envmgr alm` over the server's API."""
