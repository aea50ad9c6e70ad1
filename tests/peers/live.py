"""Subscribes to the space with the official client and prints a JSON line for all that it is told."""

import asyncio
import json
import os

from centrifuge import Client, SubscriptionEventHandler


def tell(**what):
    print(json.dumps(what), flush=True)


class Told(SubscriptionEventHandler):
    async def on_subscribed(self, ctx):
        tell(recovered=ctx.recovered)

    async def on_publication(self, ctx):
        tell(offset=ctx.pub.offset, type=ctx.pub.data["type"])


async def main():
    client = Client(os.environ["WS_URL"], token=os.environ["KEY"], min_reconnect_delay=0.1, max_reconnect_delay=0.5)
    await client.connect()
    await client.new_subscription("space", Told()).subscribe()
    await asyncio.Event().wait()


asyncio.run(main())
