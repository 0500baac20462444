"""Ports over gRPC: clients, and the messages of both sides."""
