"""Names of rows, files and people in a shared set: published, hashed, kept in the lab, forgotten."""
