/** What replaces a secret in everything this product prints, stores or serves. */
export const HIDDEN = '***';

const SECRET_KEY =
  /pass(?:wor[dt]|wd|phrase)|(?:^|_)(?:pass|pwd|auth|cookie|jwt|pat)(?:$|_)|secret|token|credential|authorization|(?:api|access|private|signing|account|shared|encryption)_?key|connection_?secret/;

/** True for a key whose value is probably a secret: `password`, `apiKey`, `DB_TOKEN`, `proxy-authorization` … */
export function isSecretKey(key: string): boolean {
  const words = key
    .slice(0, 256)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^a-zA-Z0-9]+/g, '_')
    .toLowerCase();
  return SECRET_KEY.test(words);
}

/** `${NAME}` names a secret without holding it. A template with a default holds the default. */
const REFERENCE = /^\$\{\w+\}$/;

export function isReference(text: string): boolean {
  return REFERENCE.test(text);
}

const NAMED_SECRET =
  /\b([\w-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|sig|signature|credentials?)["']?\s{0,4}[=:](?!=)\s{0,4})("[^"]*"|'[^']*'|[^\s&;,"'})\]]+)/gi;
const AUTHORIZATION =
  /\b((?:proxy-)?authorization["']?\s{0,4}[=:]\s{0,4}["']?)(?:(?:basic|bearer|digest|token)\s+)?[^\s"',;]+/gi;
const SCHEME_TOKEN = /\b(bearer|basic)\s+(?=[\w.~+/-]{0,200}[\d=])[\w.~+/=-]{8,}/gi;
const USER_INFO = /\b([a-z][a-z0-9+.-]{0,30}:\/{1,2})([^\s/?#"'<>]*)@/gi;
/** A password that should have been percent-encoded; digits before a slash are a port instead. */
const RAW_PASSWORD = /\b([a-z][a-z0-9+.-]{0,30}:\/{1,2}[^\s/?#"'<>:@]{0,100}:)(?!\d{1,5}[/?#])[^\s"'<>]{1,200}@/gi;
/** A user name alone in a URL is no secret, but as long as this it is a token. */
const SHORTEST_TOKEN = 20;
const KNOWN_TOKENS = [
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /\bgh[pousr]_\w{20,}/g,
  /\bgithub_pat_\w{20,}/g,
  /\bglpat-[\w-]{16,}/g,
  /\bnpm_\w{30,}/g,
  /\bxox[abeoprs]-[\w-]{10,}/g,
  /\b[sr]k[-_](?:live|test|proj|ant)?[-_]?\w{16,}/g,
  /\bAIza[\w-]{30,}/g,
];

/** Patterns walk back over what they matched, and several million characters are more than the engine can. */
const LONGEST_TEXT = 1_000_000;

/**
 * The text with passwords in URLs, `name=value` secrets, authorization headers and tokens of well-known shapes hidden.
 * References such as `${DB_PASSWORD}` stay readable, since they hold no secret. What is beyond a million characters is cut.
 */
export function redactText(text: string): string {
  let redacted = (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text)
    .replace(USER_INFO, (whole, scheme: string, userInfo: string) => {
      const colon = userInfo.indexOf(':');
      if (colon === -1) return userInfo.length < SHORTEST_TOKEN ? whole : `${scheme}${HIDDEN}@`;
      return isReference(userInfo.slice(colon + 1)) ? whole : `${scheme}${userInfo.slice(0, colon)}:${HIDDEN}@`;
    })
    .replace(RAW_PASSWORD, (whole, before: string) =>
      isReference(whole.slice(before.length, -1)) ? whole : `${before}${HIDDEN}@`,
    )
    .replace(AUTHORIZATION, `$1${HIDDEN}`)
    .replace(SCHEME_TOKEN, `$1 ${HIDDEN}`)
    .replace(NAMED_SECRET, (whole, name: string, value: string) =>
      // The pattern leaves the closing brace outside.
      /^\$\{\w+$/.test(value) ? whole : `${name}${HIDDEN}`,
    );
  for (const token of KNOWN_TOKENS) redacted = redacted.replace(token, HIDDEN);
  return redacted;
}
