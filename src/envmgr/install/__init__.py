"""Making a release real: fetch, verify, extract, build, store."""
