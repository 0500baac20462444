"""Exchange with other programs and machines: bills of materials and bundles."""
