"""Settings: the file, its values, its defaults."""
