"""Client of the ALM server."""
