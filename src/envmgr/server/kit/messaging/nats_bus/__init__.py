"""The event bus over NATS JetStream."""
