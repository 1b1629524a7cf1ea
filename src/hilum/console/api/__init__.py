"""`/api/v1`: the gateway's queue, destinations and decisions for programs. OpenAPI describes it."""
