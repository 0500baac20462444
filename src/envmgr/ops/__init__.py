"""What envmgr does: one verb a file, values in, one frozen result out."""
