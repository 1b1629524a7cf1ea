"""What we hold, owe and did, in SQL and only here: receipts, catalogue, conflicts, audit."""
