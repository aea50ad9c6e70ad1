// Verifies deliveries with the official library, and their v1a signatures with Node's own crypto; prints how many it has accepted.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Webhook } = createRequire(process.env.MODULES)("standardwebhooks");
const DER_HEAD = Buffer.from("302a300506032b6570032100", "hex");
let accepted = 0;
for (const { headers, body, secrets, public_keys } of JSON.parse(readFileSync(0, "utf8")).requests) {
  for (const secret of secrets) {
    accepted += new Webhook(secret).verify(body, headers).id === headers["webhook-id"];
  }
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").filter((one) => one.startsWith("v1a,"));
  for (const text of public_keys) {
    const raw = Buffer.from(text.replace("whpk_", ""), "base64");
    const key = createPublicKey({ key: Buffer.concat([DER_HEAD, raw]), format: "der", type: "spki" });
    accepted += signatures.some((one) => verify(null, signed, key, Buffer.from(one.slice(4), "base64")));
  }
}
console.log(accepted);
