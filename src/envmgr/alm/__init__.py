"""The client of the ALM server."""
