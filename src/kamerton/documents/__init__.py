"""Any file to text, tables and rows: charsets, office formats, PDF, CSV, JSON, Parquet."""
