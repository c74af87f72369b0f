"""What proves each promise: plain functions that look at the installation as it runs."""
