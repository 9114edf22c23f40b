"""Feature data sets: extracting, writing and opening them."""
