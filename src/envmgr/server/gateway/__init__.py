"""The gateway: who may come in, and as whom."""
