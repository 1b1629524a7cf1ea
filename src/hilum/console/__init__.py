"""What is said over HTTP about the gateway itself: health, readiness, metrics."""
