"""Infrastructure of all packages; of the product it knows the errors, settings and directories."""
