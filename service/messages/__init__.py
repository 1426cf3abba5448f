"""What we write to people: one function per message, laid out and composed in one way."""
