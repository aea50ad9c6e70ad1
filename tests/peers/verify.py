"""Verifies deliveries with the official library; prints how many signatures it has accepted."""

import json
import sys

from standardwebhooks import Webhook

told = json.load(sys.stdin)
accepted = 0
for request in told["requests"]:
    for secret in request["secrets"]:
        accepted += Webhook(secret).verify(request["body"], request["headers"])["id"] == request["headers"]["webhook-id"]
print(accepted)
