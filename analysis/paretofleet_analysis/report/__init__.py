"""The report: its schema, rows, files, and the access to a row's runs."""
