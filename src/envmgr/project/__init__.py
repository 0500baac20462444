"""What a project asks for: its dotfile, its lock and where they are found."""
