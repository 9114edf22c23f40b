"""Feature data sets in places where colleagues find them: the Hub, object stores, shared folders.

rows ─► withhold ─► compare with what is there ─► new shards, staged ─► scan ─► one commit
"""
