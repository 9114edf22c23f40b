"""Where and in which numbers is computed: devices, memory, types, batches that fit."""
