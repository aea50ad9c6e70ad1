// The page where people log in and look after their ways in. Served by door.rs, and run by no other page. Says in words what failed.
'use strict'

const one = (id) => document.getElementById(id)
const say = (text) => { one('said').textContent = text }
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0))
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')

// What brain answers; whatever it refuses is an error with its words.
async function ask(method, path, body, token) {
  const headers = token ? { 'X-CSRF-Token': token } : {}
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
  const said = answer.status === 204 ? null : await answer.json().catch(() => null)
  if (!answer.ok) throw new Error(said?.detail ?? `the server answers ${answer.status}`)
  return said
}
const token = async () => (await ask('GET', '/api/v1/sessions')).csrf_token

const WORDS = {
  NotAllowedError: 'No passkey was used: it was cancelled, took too long, or there is none for this site here.',
  InvalidStateError: 'This device already has a passkey of yours.',
  SecurityError: 'This address cannot use passkeys: they need https, or http://localhost.',
  NotSupportedError: 'This device cannot make such a passkey.',
  AbortError: 'It was cancelled.',
}
const words = (error) => WORDS[error.name] ?? `It did not work: ${error.message}.`
const hasPasskeys = () => Boolean(window.PublicKeyCredential && navigator.credentials)
const NO_PASSKEYS = 'This browser has no passkeys here: they need https, or http://localhost.'

// Does something, with the button out of the way meanwhile, and says how it went.
async function doing(button, what, done) {
  button.disabled = true
  say('')
  try {
    await what()
    if (done) say(done)
  } catch (error) {
    say(words(error))
  } finally {
    button.disabled = false
  }
}

async function logIn() {
  const { publicKey } = await ask('POST', '/auth/passkey/begin')
  publicKey.challenge = bytes(publicKey.challenge)
  const { id, rawId, type, response } = await navigator.credentials.get({ publicKey })
  const credential = {
    id, type, rawId: text(rawId), clientExtensionResults: {},
    response: {
      authenticatorData: text(response.authenticatorData),
      clientDataJSON: text(response.clientDataJSON),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
  }
  const return_to = document.querySelector('main').dataset.returnTo || undefined
  const entered = await ask('POST', '/auth/passkey/finish', { credential, return_to })
  location.assign(entered.return_to + (return_to ? location.hash : ''))
}

async function add(label) {
  const csrf = await token()
  const { publicKey } = await ask('POST', '/auth/passkey/register/begin', undefined, csrf)
  publicKey.challenge = bytes(publicKey.challenge)
  publicKey.user.id = bytes(publicKey.user.id)
  publicKey.excludeCredentials = publicKey.excludeCredentials.map((known) => ({ ...known, id: bytes(known.id) }))
  const { id, rawId, type, response } = await navigator.credentials.create({ publicKey })
  const credential = {
    id, type, rawId: text(rawId), clientExtensionResults: {},
    response: { attestationObject: text(response.attestationObject), clientDataJSON: text(response.clientDataJSON) },
  }
  await ask('POST', '/auth/passkey/register/finish', { label, credential }, csrf)
  await show()
}

// A line of a list, with a button that takes away what it names.
function line(list, name, remove) {
  const item = document.createElement('li')
  item.append(`${name} `)
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Remove'
  button.setAttribute('aria-label', `Remove ${name}`)
  button.addEventListener('click', () => doing(button, async () => { await remove(); await show() }, `${name} was removed.`))
  item.append(button)
  list.append(item)
}

async function show() {
  const passkeys = one('passkeys')
  if (passkeys) {
    const known = (await ask('GET', '/api/v1/me/passkeys')).passkeys
    passkeys.replaceChildren()
    for (const { id, label, added_at } of known) {
      line(passkeys, `${label}, since ${added_at.slice(0, 10)}`, async () =>
        ask('DELETE', `/api/v1/me/passkeys/${encodeURIComponent(id)}`, undefined, await token()))
    }
  }
  const identities = one('identities')
  if (identities) {
    const known = (await ask('GET', '/api/v1/me/identities')).identities
    identities.replaceChildren()
    for (const { issuer, subject, provider } of known) {
      line(identities, `${provider ?? issuer} (${subject})`, async () =>
        ask('POST', '/api/v1/me/identities/unlink', { issuer, subject }, await token()))
    }
  }
}

const door = one('passkey')
if (door) {
  if (hasPasskeys()) {
    door.disabled = false
    door.addEventListener('click', () => doing(door, logIn))
  } else {
    say(NO_PASSKEYS)
  }
}
one('add')?.addEventListener('submit', (event) => {
  event.preventDefault()
  if (!hasPasskeys()) return say(NO_PASSKEYS)
  const field = one('label')
  doing(event.submitter ?? event.target.querySelector('button'), async () => { await add(field.value); field.value = '' }, 'The passkey was added.')
})
for (const button of document.querySelectorAll('button.link')) {
  button.addEventListener('click', () => doing(button, async () => {
    location.assign((await ask('POST', `/auth/${button.dataset.provider}/link?return_to=/auth`, undefined, await token())).url)
  }))
}
one('logout')?.addEventListener('click', () => doing(one('logout'), async () => {
  const { provider_logout } = await ask('POST', '/auth/logout', undefined, await token())
  location.assign(provider_logout ?? '/auth')
}))
// An invitation stands behind the #, which no server is told.
const invitation = new URLSearchParams(location.hash.slice(1)).get('invitation')
if (one('invitation') && invitation) {
  one('invitation').hidden = false
  one('join').addEventListener('click', () => doing(one('join'), async () => {
    await ask('POST', '/api/v1/invitations/join', { secret: invitation }, await token())
    one('invitation').hidden = true
    history.replaceState(null, '', location.pathname)
  }, 'You have joined.'))
}
if (one('logout')) show().catch((error) => say(words(error)))
