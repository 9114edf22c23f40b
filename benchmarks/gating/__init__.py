"""What `python -m benchmarks.gate` is made of.

ratio ─► measurements (frames, reading, encoders, extract, cached, write) ─► rounds ─► verdict ◄─ baseline (gate.json)
"""
