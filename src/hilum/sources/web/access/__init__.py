"""Who may use the HTTP listener, and for what: decided before any handler sees the request."""
