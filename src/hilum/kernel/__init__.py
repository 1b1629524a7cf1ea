"""The words every room shares: names, outcomes, errors, telemetry events, the clock. No I/O."""
