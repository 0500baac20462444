"""Project files: the dotfile, its lock, and the search for them.y are found."""
