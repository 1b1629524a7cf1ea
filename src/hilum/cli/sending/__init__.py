"""The batch sender behind `hilum send`: collect, plan, send, account for every file."""
