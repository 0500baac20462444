"""Infrastructure of all packages, with the errors, settings and directories of the product."""
