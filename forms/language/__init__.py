"""What expressions mean: values, dates, text, numbers, places and patterns, as ODK's JavaRosa computes them."""
