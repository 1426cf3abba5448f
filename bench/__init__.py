"""What the service takes: time, memory. Each module has `measure() -> {name: value}` and `LIMITS` for its names."""
