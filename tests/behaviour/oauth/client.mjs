// npm's `openid-client` as a client of brain. Started by independent.rs; prints what it has done, a line each, and reads the addresses that
// a browser was sent back to. BRAIN is where brain is.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.MODULES + '/x.js')
const load = (name) => import(pathToFileURL(require.resolve(name)))
const client = await load('openid-client')
const jose = await load('jose')
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const brain = process.env.BRAIN
const say = (...words) => console.log(words.join(' '))

const config = await client.discovery(new URL(brain), 'brain-cli', undefined, client.None(), {
  algorithm: 'oauth2',
  execute: [client.allowInsecureRequests],
})
say('discovered', config.serverMetadata().issuer)

const me = async (token) => {
  const answer = await client.fetchProtectedResource(config, token, new URL('/api/v1/me', brain), 'GET')
  if (answer.status !== 200) throw new Error(`me: ${answer.status}`)
  say('me', (await answer.json()).name)
}

// A device.
const begun = await client.initiateDeviceAuthorization(config, { scope: 'memory:read graph:read' })
say('device', begun.verification_uri_complete)
let tokens = await client.pollDeviceAuthorizationGrant(config, begun)
say('tokens', tokens.scope)
const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri))
const { payload } = await jose.jwtVerify(tokens.access_token, keys, { issuer: brain, audience: brain, typ: 'at+jwt' })
say('verified', payload.client_id)
await me(tokens.access_token)
tokens = await client.refreshTokenGrant(config, tokens.refresh_token)
say('refreshed')
await client.tokenRevocation(config, tokens.refresh_token)
const refused = await client.refreshTokenGrant(config, tokens.refresh_token).catch((error) => error)
if (refused.error !== 'invalid_grant') throw refused
say('revoked')

// A browser on the same machine.
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: 'http://127.0.0.1:54321/callback',
  scope: 'memory:read',
  state,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  resource: brain,
})
say('authorize', url.href)
const back = new URL((await lines.next()).value)
const checks = { pkceCodeVerifier: verifier, expectedState: state }
tokens = await client.authorizationCodeGrant(config, back, checks)
say('tokens', tokens.scope)
await me(tokens.access_token)
const again = await client.authorizationCodeGrant(config, back, checks).catch((error) => error)
if (again.error !== 'invalid_grant') throw again
say('replayed')
say('done')
process.exit(0)
