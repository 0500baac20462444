"""Operations on the catalog: manifests of tools, and their releases upstream."""
