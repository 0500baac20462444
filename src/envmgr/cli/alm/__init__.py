"""What a person types after `envmgr alm`: the client of the ALM server."""
