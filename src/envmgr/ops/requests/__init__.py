"""Writing and removing requests of tools."""
