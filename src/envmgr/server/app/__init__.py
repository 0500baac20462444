"""The app service: which apps there are."""
