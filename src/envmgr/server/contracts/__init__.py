"""All that one service may know of another: resources, requests, events and ports."""
