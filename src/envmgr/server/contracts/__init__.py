"""Contracts between services: resources, requests, events and ports."""
