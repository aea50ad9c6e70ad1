// The certified `oidc-provider` as the provider that tests log in by. Started by op.rs; prints its issuer when it serves.
// BRAIN is where brain is, PORT the port to serve on (0 for a free one), PLAIN=1 puts all claims into the identity token as well.
// POST /control sets what it does wrong: {"userinfo_sub": "eve"}, {"ahead_s": 42}, what groups there are: {"groups": ["a"]}, and
// whether it vouches for addresses of mail: {"email_verified": true}.
import { createServer } from 'node:http'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.MODULES + '/x.js')
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')))

const key = (alg, kind, options) => {
  const jwk = generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' })
  return { ...jwk, alg, use: 'sig', kid: randomUUID() }
}
const keys = [
  key('RS256', 'rsa', { modulusLength: 2048 }),
  key('PS256', 'rsa', { modulusLength: 2048 }),
  key('ES256', 'ec', { namedCurve: 'P-256' }),
  key('ES384', 'ec', { namedCurve: 'P-384' }),
  key('Ed25519', 'ed25519'),
]
const state = { groups: ['family'], userinfo_sub: null, email_verified: false, ahead_s: 0 }
const brain = process.env.BRAIN

const client = (id, more) => ({
  client_id: `brain-${id}`,
  client_secret: 'a secret of forty-four characters, for tests',
  redirect_uris: [`${brain}/auth/${id}/callback`],
  post_logout_redirect_uris: [`${brain}/`],
  backchannel_logout_uri: `${brain}/auth/${id}/backchannel-logout`,
  backchannel_logout_session_required: true,
  grant_types: ['authorization_code'],
  ...more,
})

const server = createServer({ keepAliveTimeout: 120_000 })
await new Promise((done) => server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', done))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [
    client('home', { id_token_signed_response_alg: 'RS256' }),
    client('pss', { id_token_signed_response_alg: 'PS256' }),
    client('curve', { id_token_signed_response_alg: 'ES256' }),
    client('larger', { id_token_signed_response_alg: 'ES384' }),
    client('edwards', { id_token_signed_response_alg: 'EdDSA' }),
    client('weak', { id_token_signed_response_alg: 'HS256' }),
    client('closed', { id_token_signed_response_alg: 'RS256' }),
  ],
  jwks: { keys: keys.map((one) => (one.kty === 'OKP' ? { ...one, alg: 'EdDSA' } : one)) },
  enabledJWA: {
    idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'HS256'],
  },
  pkce: { required: () => true },
  conformIdTokenClaims: process.env.PLAIN !== '1',
  claims: { openid: ['sub', 'sid'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'email', 'groups'],
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  cookies: { keys: ['of tests only'] },
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, IdToken: 600, AccessToken: 600, AuthorizationCode: 60 },
  // What it sends goes to this machine, which its own way out refuses.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} of the tests`, email: `${id}@example.org`, email_verified: state.email_verified, groups: state.groups }),
  }),
})
provider.on('server_error', (_, error) => console.error('OP', error))
for (const told of ['backchannel.error', 'grant.error', 'authorization.error']) {
  provider.on(told, (_, error) => console.error('OP', told, error?.error_description ?? error?.message))
}

const serve = provider.callback()
// How long each answer took here, in milliseconds, since somebody last asked at /spent.
let spent = []
server.on('request', (request, answer) => {
  const path = request.url.split('?')[0]
  if (state.ahead_s) answer.setHeader('date', new Date(Date.now() + 1000 * state.ahead_s).toUTCString())
  const began = performance.now()
  answer.on('finish', () => path !== '/spent' && spent.push(performance.now() - began))
  if (path === '/spent') {
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify(spent))
    spent = []
  } else if (path === '/control') {
    let text = ''
    request.on('data', (part) => (text += part))
    request.on('end', () => {
      Object.assign(state, JSON.parse(text))
      answer.end()
    })
  } else if (path === '/me' && state.userinfo_sub) {
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify({ sub: state.userinfo_sub, name: 'Eve', email: 'eve@example.org', groups: state.groups }))
  } else {
    serve(request, answer)
  }
})
console.log(issuer)
// Nobody reads on; a hint that is written into a closed pipe would end the process.
console.log = console.info = () => {}
