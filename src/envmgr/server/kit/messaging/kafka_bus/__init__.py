"""The event bus over Kafka."""
