"""What is going on: events as log lines, trees as text, and what is known of an end that nobody wanted."""
