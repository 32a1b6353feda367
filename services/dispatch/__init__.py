"""What was said to whom, and what came of it."""
