"""Commands that update and remove installed versions."""
