"""What tests, the demo and the trials share: generated data. The gateway itself never needs it."""
