"""Services of PS3.4 as messages, one file a service: how a request and its response look."""
