"""What was computed, kept by what it hangs on: shards that are whole or absent."""
