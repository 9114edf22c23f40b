"""The data set that is written: Parquet files, card and provenance."""
