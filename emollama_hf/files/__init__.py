"""Files of any kind: hashes, links, JSON, tables, and writing them whole or not at all."""
