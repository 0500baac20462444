"""Use cases: one verb a file, values in, one frozen result out."""
