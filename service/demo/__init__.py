"""A made-up programme to try everything with, and the clock that it runs by. Nothing here serves a real programme."""
