"""The ALM server: which versions of which apps run where, and which tools built them."""
