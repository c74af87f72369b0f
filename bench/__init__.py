"""Speed, measured against something in the same run: `make bench` prints the table."""
