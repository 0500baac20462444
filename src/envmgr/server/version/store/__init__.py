"""SQL of versions, locks and projections."""
