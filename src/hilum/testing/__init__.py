"""What tests, the demo and the trials share: generated data sets. Never imported by the product's path."""
