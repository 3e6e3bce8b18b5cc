"""The speech service: everything in its namespace."""
