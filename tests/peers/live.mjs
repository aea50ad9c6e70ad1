// Subscribes to the space with the official client and prints a JSON line for all that it is told.
import { createRequire } from "node:module";

const { Centrifuge } = createRequire(process.env.MODULES)("centrifuge");
const tell = (what) => console.log(JSON.stringify(what));
const delays = { minReconnectDelay: 100, maxReconnectDelay: 500 };
const client = new Centrifuge(process.env.WS_URL, { token: process.env.KEY, ...delays });
const subscription = client.newSubscription("space");
subscription.on("subscribed", (ctx) => tell({ recovered: ctx.recovered }));
subscription.on("publication", (ctx) => tell({ offset: ctx.offset, type: ctx.data.type }));
subscription.subscribe();
client.connect();
