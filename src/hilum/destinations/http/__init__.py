"""What destinations asked over HTTP share: connections, credentials, words for failures."""
